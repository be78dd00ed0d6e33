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
# # Step 1 · Has something changed?
#
# The monitor of notebook 08 compares the latest requests with a reference: requests from a time
# when the version in production served well. Without an alarm the run ends here.
#
# In this simulation, `changed` selects users from after the change or from before it. In a real
# service, the reference and the latest requests both come from the log.

# %% tags=["parameters"]
changed, seed = True, 1
reference_size, recent_size = 2_000, 1_000

# %%
import tempfile
from pathlib import Path

from IPython.display import JSON

from services.drift.monitor import AlarmBudget, DriftMonitor
from services.loop import world
from services.recommender.hot_swap.pull import Registry
from services.recommender.recommender import Recommender
from services.recommender.settings import MODEL

registry = Registry(MODEL)
served = registry.current()
with tempfile.TemporaryDirectory() as folder:
    core = Recommender.load(registry.fetch(served, Path(folder)), served.number)
print("in production: version", core.version)

# %%
before = world.traffic(core, changed=False, seed=seed)
now = world.traffic(core, changed=changed, seed=seed)
monitor = DriftMonitor(before.requests(reference_size, rng=seed), AlarmBudget(), seed=seed)
alarm = monitor.feed_all(now.requests(recent_size, rng=seed + 1))
look = monitor.latest
for feature, psi in look.psi.items():
    mark = "  ALARM" if feature in look.over else ""
    print(f"{feature:<12} PSI {psi:.3f}, limit {monitor.limits[feature]:.3f}{mark}")

# %% [markdown]
# This is the result, which later steps get as parameters:

# %%
result = {"served": int(core.version), "drifted": ", ".join(look.over)}
JSON(result if alarm else {**result, "outcome": "no drift"})
