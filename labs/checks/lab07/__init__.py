"""Checks of lab07: one module per exercise, its texts in ``exercises.toml``."""
