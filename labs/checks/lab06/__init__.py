"""Checks of lab06: one module per exercise, its texts in ``exercises.toml``."""
