"""Checks of lab14: one module per exercise, its texts in ``exercises.toml``."""
