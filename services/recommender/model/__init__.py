"""The parts of the recommender's core: ids, ratings, models, storage, validated requests.

Imported by the core and the adapters. Imports no serving framework and no torch.
"""
