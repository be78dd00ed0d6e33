"""Continuous learning: one pipeline of notebooks, from drift to a watched release.

``runs`` executes the steps in ``notebooks/loop/`` and resumes, ``world`` simulates the users.
Imported by notebooks and tests. Imports the recommender, its registry and the workbench.
"""
