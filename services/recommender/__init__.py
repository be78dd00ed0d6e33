"""The movie recommender: one core, its ratings and models, and an adapter for each server."""
