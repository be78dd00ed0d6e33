"""Checks of lab15: one module per exercise, its texts in ``exercises.toml``."""
