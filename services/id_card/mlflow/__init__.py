"""The detector as an MLflow model, and in MLflow's registry.

Imported by notebooks, the bench and tests. Imports the core and ``services.registry``.
"""
