"""Make the recommender: ratings (synthetic, or MovieLens), candidates, and how they are trained.

Imported by commands, notebooks and tests; never by code that serves. Imports the core.
"""
