"""What is watched while the detector serves: its metrics and its health.

Imported by the adapters. Imports the core; no serving framework.
"""
