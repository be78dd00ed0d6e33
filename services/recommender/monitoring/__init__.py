"""Monitoring of the recommender in service: its metrics, a log of its answers, and drift.

Imported by the adapters. Imports the core, ``hot_swap``, ``services.drift`` and
``services.bentoml_support``; the drift study also imports ``training``.
"""
