"""Checks of lab03: one module per exercise, its texts in ``exercises.toml``."""
