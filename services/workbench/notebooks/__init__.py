"""How the chapter's notebooks are executed, normalised, stamped and checked.

The text sources in ``notebooks/sources`` are what people edit: jupytext's ``py:percent`` format.
The executed ``notebooks/NN_name.ipynb`` are what people read. A learner needs none of this.
"""
