"""Checks of lab01: one module per exercise, its texts in ``exercises.toml``."""
