"""Make the detector: synthetic scenes, training and evaluation.

Imported by commands, notebooks and tests; never by code that serves. Imports the core.
"""
