"""Checks of lab10: one module per exercise, its texts in ``exercises.toml``."""
