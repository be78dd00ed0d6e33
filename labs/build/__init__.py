"""From one text source in ``solutions/`` to the solved notebook and the learner's.

A learner needs none of this. ``make labs`` runs it.
"""
