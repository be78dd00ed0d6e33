"""What is watched while the recommender serves: its metrics, a log of its answers, and drift.

Imported by the adapters. Imports the core and ``services.drift``.
"""
