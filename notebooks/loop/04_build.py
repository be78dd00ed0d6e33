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
# # Step 4 · A Bento with this version
#
# The running service will get the new version from the registry. The Bento, one archive with
# service and model, both pinned, is for machines without a registry, and for a rollback when the
# registry is down.

# %% tags=["parameters"]
accepted = 0

# %%
import tempfile

import bentoml
from IPython.display import JSON

from services.recommender import registry
from services.recommender.bento import build as bento_build
from services.recommender.bento import model_store

with tempfile.TemporaryDirectory() as folder:
    fetched = registry.fetch(accepted, folder)
    stored = model_store.store(fetched / "artifacts" / "recommender.npz", str(accepted))
print(stored.tag)

# %% [markdown]
# A start that was killed here may have built the Bento already; the same tag means the same
# content.

# %%
tag = f"{bento_build.NAME}:{accepted}"
built = [str(bento.tag) for bento in bentoml.list()]
if tag not in built:
    bento_build.build(str(stored.tag), version=str(accepted))
models = [str(model.tag) for model in bentoml.get(tag).info.all_models]
print(tag, "holds", models)
assert models == [str(stored.tag)]

# %%
JSON({"bento": tag})
