"""Checks of lab04: one module per exercise, its texts in ``exercises.toml``."""
