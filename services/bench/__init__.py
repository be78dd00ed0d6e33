"""The servers of this repository measured against each other: ``python -m services.bench``.

One core, the same weights, the same threads, the same images. Notebook 10 reads the result.
"""
