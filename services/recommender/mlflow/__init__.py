"""The recommender as an MLflow model: scoring server, image, and MLServer's runtime.

Imported by notebooks and tests. Imports the core and ``services.packaging``.
"""
