"""Checks of lab09: one module per exercise, its texts in ``exercises.toml``."""
