"""Checks of lab13: one module per exercise, its texts in ``exercises.toml``."""
