"""The detector behind BentoML: one service per module, the model store, and the Bentos' build.

Imported by notebooks, labs and tests. Imports the core, ``monitoring``, ``services.http`` and
``services.bentoml_support``.
"""
