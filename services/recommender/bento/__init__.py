"""The recommender behind BentoML: one service per module, the model store, the Bentos' build.

Imported by notebooks, labs and tests. Imports the core, ``hot_swap``, ``monitoring``,
``services.http`` and ``services.bentoml_support``.
"""
