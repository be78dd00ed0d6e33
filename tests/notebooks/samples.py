"""Made-up sources for the tests of the notebook tools."""

GOOD = """\
# %% [markdown]
# # A sample
#
# **Where you are.** Before this came nothing; after it comes the same again. It shows what a
# made-up notebook needs.
#
# ![A square, drawn by hand](square.png)

# %% tags=["parameters"]
count = 3

# %% [markdown]
# The number above is a parameter. The next cell prints it, so a test can see it.

# %%
print("count", count)

# %% [markdown]
# What is measured differs from run to run, so nobody compares it.

# %% tags=["volatile"]
import os
print("pid", os.getpid())

# %% tags=["teardown"]
print("done")
"""
