"""What the recommender's core is made of: ids, ratings, formulas, storage, checked requests.

Imported by the core and the adapters. Imports no serving framework and no torch.
"""
