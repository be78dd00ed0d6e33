"""Monitoring of the recommender in service: its metrics, a log of its answers, and drift.

Imported by the adapters. Imports the core and ``services.drift``.
"""
