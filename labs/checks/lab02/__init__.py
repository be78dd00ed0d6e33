"""Checks of lab02: one module per exercise, its texts in ``exercises.toml``."""
