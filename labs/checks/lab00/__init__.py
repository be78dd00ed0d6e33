"""Checks of lab00: one module per exercise, its texts in ``exercises.toml``."""
