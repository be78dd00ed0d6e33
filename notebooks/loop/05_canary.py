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
# # Step 5 · A canary
#
# Held-out ratings describe the past; a canary is a trial with current users. The alias `staging`
# moves to the candidate, and the running service lets it answer a share of the users, chosen by a
# hash of the user's id. Failed requests and clicks decide.

# %% tags=["parameters"]
accepted = 0
changed, seed = True, 1

# %%
import os

from IPython.display import JSON
from mlflow import MlflowClient

from services.loop import world
from services.recommender.registry import MODEL, STAGING
from services.recommender.training.experiment import compare

url = os.environ["RECOMMENDER_URL"]
MlflowClient().set_registered_model_alias(MODEL, STAGING, str(accepted))
world.wait_for(url, STAGING, accepted)

# %%
answers = world.visit(url, changed=changed, seed=seed)
answers["failed"] = answers.status != 200
print(answers.groupby(["variant", "version"])[["failed", "clicks", "seconds"]].mean().round(4))

# %%
a, b = (answers[answers.variant == variant] for variant in ("prod", STAGING))
test = compare(a.clicks.tolist(), b.clicks.tolist())
print(f"users: {test.users}, difference {test.difference:+.4f}, 95 % from", end=" ")
print("{:+.4f} to {:+.4f};".format(*test.interval), f"could find {test.detectable:.4f}")

# %% [markdown]
# With a few hundred users only a large difference can be shown, so no gain is required here; step 3
# decides that. The canary refuses a candidate that is clearly worse, or that fails.

# %%
reasons = []
if answers.failed.mean() > 0.01:
    reasons.append(f"{answers.failed.mean():.1%} of the requests failed")
if test.interval[1] < 0:
    reasons.append(
        f"users click less: {test.rates[1]:.2%}, with the served version {test.rates[0]:.2%}"
    )
print(*reasons or ["no reason against it"], sep="\n")

# %%
rate = round(test.rates[0], 6)
JSON({"outcome": "refused by users", "reasons": reasons} if reasons else {"click_rate": rate})
