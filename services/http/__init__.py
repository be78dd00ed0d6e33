"""What stands before an endpoint, whatever the framework: ASGI middleware, access, routing by hash.

Imported by the adapters of both models. Imports ``services.errors`` only.
"""
