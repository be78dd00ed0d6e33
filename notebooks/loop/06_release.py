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
# # Step 6 · Into production
#
# `promote` applies the rule once more: the version in production may have changed since step 3. Then
# `staging` follows, also if this run was resumed and the canary had ended, and the step waits until the
# running service answers with the new version.

# %% tags=["parameters"]
accepted = 0

# %%
import os

from IPython.display import JSON
from mlflow import MlflowClient

from services.loop import world
from services.recommender import registry

decision = registry.promote(accepted)
print(decision)

# %%
in_production = decision.outcome in ("promoted", "unchanged")
if in_production:
    MlflowClient().set_registered_model_alias(registry.MODEL, registry.STAGING, str(accepted))
    world.wait_for(os.environ["RECOMMENDER_URL"], "prod", accepted)
    print("the service answers with version", accepted)

# %%
refused = {"outcome": "refused", "reasons": list(decision.reasons)}
JSON({"released": accepted} if in_production else refused)
