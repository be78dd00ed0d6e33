"""Build the solved notebook and the learner's notebook from one text source in ``solutions/``.

Learners do not need this. ``make labs`` runs it.
"""
