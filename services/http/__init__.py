"""What runs before an endpoint in any framework: ASGI middleware, access control, hash routing.

Imported by the adapters of both models. Imports ``services.errors`` only.
"""
