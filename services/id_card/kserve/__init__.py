"""The detector behind KServe: predictor, transformer, a graph's step, and their image.

Imported by notebooks, labs and tests. Imports the core and ``services.kserve_support``.
"""
