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
# # Step 3 · Better than production?
#
# Both versions are measured on held-out ratings from before and after the change; neither was
# trained on these. On the new ratings the candidate must meet the promotion rule (`registry.RULE`).
# On the old ones it may be slightly worse, because much of what users want has not changed.

# %% tags=["parameters"]
data = "build/loop/data"
since = 0
seed = 1
candidate = 0

# %%
from IPython.display import JSON

from services.loop import world
from services.recommender import registry
from services.recommender.training.movielens import load_movielens
from services.registry import Threshold, complaints

ratings = load_movielens(data)
split = world.split(ratings, since, seed)
versions = {"candidate": registry.version_of(candidate), "served": registry.version_of("prod")}
measured = {
    (name, when): registry.measure(version, split, on=on).as_dict()
    for name, version in versions.items()
    for when, on in (("new", "validation"), ("old", "test"))
}
for (name, when), measures in measured.items():
    shown = ", ".join(f"{measure} {value:.3f}" for measure, value in measures.items())
    print(f"{name:<10} on {when} ratings: {shown}")

# %%
OLD_RULE = (Threshold("ndcg_at_10", -0.05),)
reasons = [
    f"on {when} ratings: {reason}"
    for when, rule in (("new", registry.RULE), ("old", OLD_RULE))
    for reason in complaints(measured["candidate", when], measured["served", when], rule)
]
print(*reasons or ["the rule holds"], sep="\n")

# %%
JSON({"outcome": "refused", "reasons": reasons} if reasons else {"accepted": candidate})
