"""The detector behind FastAPI and LitServe: what the serving frameworks are measured against.

Imported by the bench and tests. Imports the core and ``services.http``.
"""
