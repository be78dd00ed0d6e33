"""Train the recommender: ratings (synthetic, or MovieLens), candidates, and their training.

Imported by commands, notebooks and tests; never by code that serves. Imports the core.
"""
