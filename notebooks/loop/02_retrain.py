# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Step 2 · Retrain on old and new ratings
#
# The folder `data` holds all ratings in the layout of MovieLens. A bad line stops this step, with
# an error that names the file, the line and the fix. Some of the old ratings and some of the new
# ones are held out for step 3.

# %% tags=["parameters"]
data = "build/loop/data"
since = 0
kind, seed = "mf-bce", 1

# %%
from IPython.display import JSON

from services.loop import world
from services.recommender import registry
from services.recommender.training.movielens import load_movielens

ratings = load_movielens(data)
split = world.split(ratings, since, seed)
parts = zip(("train, old and new", "validation, new", "validation, old"), split, strict=True)
print(*(f"{name}: {len(part):,}" for name, part in parts), sep="\n")

# %%
[logged] = registry.train(split, [kind], seed=seed, progress=False)
version = registry.register(logged.model_id)
print(version.name, version.number, {name: round(v, 3) for name, v in logged.metrics.items()})

# %%
JSON({"candidate": version.number})
