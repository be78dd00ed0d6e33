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
answered = answers[answers.status == 200]
print(answered.groupby(["variant", "version"])[["clicks", "seconds"]].mean().round(4))
a, b = (answered[answered.variant == variant] for variant in ("prod", STAGING))
# A failed answer does not name its version, so every failure counts against the candidate.
failed = len(answers) - len(answered)
share = failed / max(failed + len(b), 1)
print(f"failed: {failed}")

# %% [markdown]
# With a few hundred users only a large difference can be shown, so no gain is required here; step 3
# decides that. The canary refuses a candidate that is clearly worse, or that fails.

# %%
reasons, rate = [], None
if share > 0.01 or len(b) < 2:
    reasons.append(f"{failed} requests failed; the candidate answered {len(b)}")
else:
    test = compare(a.clicks.tolist(), b.clicks.tolist())
    rate = round(test.rates[0], 6)
    print(f"users: {test.users}, difference {test.difference:+.4f}, 95 % from", end=" ")
    print("{:+.4f} to {:+.4f};".format(*test.interval), f"could find {test.detectable:.4f}")
    if test.interval[1] < 0:
        reasons.append(
            f"users click less: {test.rates[1]:.2%}, with the served version {test.rates[0]:.2%}"
        )
print(*reasons or ["no reason against it"], sep="\n")

# %%
JSON({"outcome": "refused by users", "reasons": reasons} if reasons else {"click_rate": rate})
