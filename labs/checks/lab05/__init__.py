"""Checks of lab05: one module per exercise, its texts in ``exercises.toml``."""
