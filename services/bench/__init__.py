"""Benchmark of this repository's servers against each other: ``python -m services.bench``.

All serve one core with the same weights, threads and images. Notebook 10 shows the result.
"""
