"""The recommender behind KServe.

Imported by notebooks, labs and tests. Imports the core and ``services.kserve_support``.
"""
