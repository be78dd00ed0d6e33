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
# # Step 7 · Watch, and roll back
#
# Any of three signals brings the previous version back: the service does not answer with the
# version that is `prod`; requests fail; or the click-through rate is below `min_ratio` times
# `click_rate`, which step 5 measured for the version that was in production before the release.

# %% tags=["parameters"]
click_rate = 0.0
changed, seed = True, 1
max_failed, min_ratio = 0.01, 0.8

# %%
import os

from IPython.display import JSON

from services.loop import world
from services.recommender import registry

url = os.environ["RECOMMENDER_URL"]
served = registry.version_of("prod").number
reasons = []
try:
    for variant in ("prod", "staging"):
        world.wait_for(url, variant, served, seconds=20)
except TimeoutError as error:
    print(error)
    reasons.append(f"not served: the service did not answer with version {served}")
answers = world.visit(url, changed=changed, seed=seed)
failed = float((answers.status != 200).mean())
rate = float(answers.clicks.mean())
print(
    f"version {served}: {failed:.1%} failed, click-through rate {rate:.2%}, known {click_rate:.2%}"
)

# %%
if failed > max_failed:
    reasons.append(f"errors: {failed:.1%} of the requests failed, at most {max_failed:.0%} may")
if rate < min_ratio * click_rate:
    reasons.append(
        f"quality: click-through rate {rate:.2%}, {min_ratio:.0%} of {click_rate:.2%} needed"
    )
print(*reasons or ["healthy"], sep="\n")

# %%
if reasons:
    decision = registry.rollback(served, reason="; ".join(reasons))
    print(decision)
    world.wait_for(url, "prod", decision.version)

# %%
JSON({"outcome": "rolled back" if reasons else "healthy", "reasons": reasons, "watched": served})
