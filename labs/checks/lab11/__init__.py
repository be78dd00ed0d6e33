"""Checks of lab11: one module per exercise, its texts in ``exercises.toml``."""
