"""Checks of lab 08: MLflow alone."""
