"""Checks of lab12: one module per exercise, its texts in ``exercises.toml``."""
