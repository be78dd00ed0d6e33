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
# # Lab 08 · MLflow alone
#
# **Where you are:** after notebook [08 · MLflow alone](../../notebooks/08_mlflow_only.ipynb).
#
# You write a request to MLflow's scoring server and a model that it can load. You decide which version
# may be served, and put it there and back. At the end you build an alarm for drift. No server is started.
#
# **How it works.** Every exercise has a cell in which `...` stands for what you write. Run it, then
# run the cell with `check` below it. A check says what differs, where it shows, and the likely cause.
# It uses fresh inputs each time. Ask for a `hint` as often as you like: remove the `#` and run.

# %% tags=["setup"]
import math

import numpy as np
import pandas as pd
from mlflow.pyfunc import PythonModel
from scipy import stats

from labs import check, hint, preflight, solution
from labs.checks.lab08_core import Scores
from labs.checks.lab08_registry import MODEL, Registry

# %% [markdown]
# What this machine has. This lab needs the first lines only, down to `packages`:

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# ## Exercise 1 · A body for /invocations
#
# Many users are asked about in one request. Complete `body_of(user_ids, rated, top_k)`:
#
# - `user_ids` is a NumPy array of whole numbers. A user may be in it twice.
# - `rated` is a dictionary: for some of the users the list of movies that they have rated, all of them
#   Python's own numbers. A list may be empty. That is not the same as no list at all.
# - `top_k` is how many movies each of them gets.
#
# Return the body as a dictionary that `json.dumps` can write, with MLflow's field `dataframe_split`:
#
# - the columns are `user_id` and `rated`; `data` has one row for each item of `user_ids`, in their order,
# - in `rated` is the user's list, or a null (`None`) for a user who has none,
# - `top_k` is no column. It stands alone in `params`, beside the table.
#
# The check hands the body to MLflow's own parser, with the recommender's signature.


# %% tags=["exercise"]
def body_of(user_ids, rated, top_k):
    """Return the body of one request for all of these users."""
    ### BEGIN SOLUTION
    data = [[user, rated.get(user)] for user in user_ids.tolist()]
    table = {"columns": ["user_id", "rated"], "data": data}
    return {"dataframe_split": table, "params": {"top_k": top_k}}
    ### END SOLUTION


# %% tags=["check"]
check("lab08.ex1", body_of)

# %% [markdown]
# ## Exercise 2 · A model that MLflow can load
#
# Now the other side. Write `TopMovies`, a subclass of `mlflow.pyfunc.PythonModel`, around a small core:
#
# - `Scores.load(path)` reads the core's file.
# - `scores.best(user_id, top_k, rated)` returns the ids of the best movies of a user, without those in
#   `rated`, which is a list or None.
#
# MLflow calls `load_context(context)` **once**, before the first request. `context.artifacts["scores"]`
# is the path of the file. The check loads two models, each with a file of its own, removes the files,
# and then asks both.
#
# It calls `predict(context, model_input, params)` for each request:
#
# - `model_input` is a DataFrame, a row for each question. It has a column `user_id`, with users that the
#   core knows. A user may be in it twice. It may have a column `rated`, whose cells are a list, None,
#   or NaN. Its index may be anything; a label may be in it twice.
# - `params` is a dictionary, in which `top_k` may be, or None. The default of `top_k` is 10.
# - Return one row for each question, in their order: `{"user_id": 7, "movies": [3, 1]}`. A list of
#   dictionaries is fine, and so is a DataFrame.
# - `model_input` is the caller's. It must not change. (Leave the `pd.DataFrame` behind its name: without
#   a type there, MLflow warns.)


# %% tags=["exercise"]
class TopMovies(PythonModel):
    """The core behind MLflow's predict."""

    def load_context(self, context):
        ### BEGIN SOLUTION
        self.scores = Scores.load(context.artifacts["scores"])
        ### END SOLUTION

    def predict(self, context, model_input: pd.DataFrame, params=None):
        ### BEGIN SOLUTION
        top_k = (params or {}).get("top_k", 10)
        nothing = [None] * len(model_input)
        rated = model_input["rated"].tolist() if "rated" in model_input else nothing
        rows = []
        for place, user in enumerate(model_input["user_id"]):
            seen = rated[place] if isinstance(rated[place], list) else None
            rows.append({"user_id": user, "movies": self.scores.best(user, top_k, seen)})
        return rows
        ### END SOLUTION


# %% tags=["check"]
check("lab08.ex2", TopMovies)

# %% [markdown]
# ## Exercise 3 · Better, by a rule
#
# A candidate takes the place of the current model only if a rule lets it. The rule names some metrics,
# and for each the gain that is asked for. All of them are "the larger, the better":
#
# `{"ndcg_at_10": 0.002, "hr_at_10": -0.01}` means: `ndcg_at_10` has to gain 0.002 or more, and `hr_at_10`
# may lose 0.01 at most.
#
# Complete `reasons_against(candidate, current, rule)`. The first two are dictionaries of metrics. It
# returns a list of texts: a reason for **each** metric of the rule that speaks against the candidate. If
# the list is empty, the candidate may be promoted.
#
# - A gain of exactly what is asked for is enough.
# - A metric of the rule that is missing, NaN or infinite, in the candidate or in the current model, is a
#   reason.
# - `current` is None if nothing is in production. Then nothing is compared, but the candidate still
#   needs every metric of the rule as a finite number.
# - Metrics that are not in the rule do not count.
# - Each text has the name of its metric in it, and of no other.


# %% tags=["exercise"]
def reasons_against(candidate, current, rule):
    """Return a reason for each metric that speaks against the candidate."""
    ### BEGIN SOLUTION
    reasons = []
    for metric, gain in rule.items():
        new = candidate.get(metric, math.nan)
        old = new - gain if current is None else current.get(metric, math.nan)
        if not (math.isfinite(new) and math.isfinite(old)):
            reasons.append(f"{metric} is not known: candidate {new}, current {old}")
        elif not new >= old + gain:
            reasons.append(f"{metric} is {new:.4f}, now {old:.4f}; wanted is {gain:+g} or more")
    return reasons
    ### END SOLUTION


# %% tags=["check"]
check("lab08.ex3", reasons_against)

# %% [markdown]
# For the next exercise: `example` is a model registry in memory, with three versions, to try things
# with. `metrics_of(client, version)` returns a version's metrics; `MODEL` is the registered model's name.

# %% tags=["setup"]
example = Registry(
    {"1": {"ndcg_at_10": 0.11}, "2": {"ndcg_at_10": 0.19}, "3": {"ndcg_at_10": 0.15}},
    {"prod": "1", "staging": "3"},
)


def metrics_of(client, version):
    """Return the metrics of a version, as its run logged them."""
    run_id = client.get_model_version(MODEL, version).run_id
    return client.get_run(run_id).data.metrics


print(example.get_registered_model(MODEL).aliases, metrics_of(example, "2"))

# %% [markdown]
# ## Exercise 4 · Promote, refuse, roll back
#
# What is served is the version with the alias `prod`. You write `promote` and `rollback`, which move it.
# `client` has these methods of `MlflowClient`; versions are texts, such as `"3"`:
#
# - `get_registered_model(MODEL).aliases`: a dictionary from each alias to its version, a copy,
# - `set_registered_model_alias(MODEL, alias, version)`, which also moves one,
# - `delete_registered_model_alias(MODEL, alias)`.
#
# `promote(client, version, against)` returns a list of reasons; it is empty if the version is `prod` now.
#
# - Is the version `prod` already? Change nothing, and return `[]`.
# - Else ask `against(candidate, current)`: the metrics of the version and those of `prod`, or None if there
#   is no `prod`. It returns a list of reasons, as exercise 3 does. (The check has an `against` of its own.)
# - Are there reasons? Change nothing, and return them.
# - Else the version becomes `prod`, and the alias `previous` points to what was `prod` before, if
#   anything was.
#
# `rollback(client)` makes `previous` the `prod` again, takes the alias `previous` away, and returns the
# version that is served now. If there is no `previous`, it changes nothing and raises `LookupError` (a
# `KeyError` is one).
#
# For both:
#
# - Other aliases, such as `staging`, stay. Once there is a `prod`, there is one at every moment.
# - Let MLflow's exceptions through: for a version that does not exist, for instance.
# - The connection may be cut at any call that changes something: that call raises, and so does each one
#   after it. Whoever later calls your function again must get the same end as without the cut. So think
#   about the order of your calls.


# %% tags=["exercise"]
def promote(client, version, against):
    """Serve a version if nothing speaks against it; return what does."""
    ### BEGIN SOLUTION
    current = client.get_registered_model(MODEL).aliases.get("prod")
    if current == version:
        return []
    served = None if current is None else metrics_of(client, current)
    reasons = against(metrics_of(client, version), served)
    if not reasons:
        if current is not None:
            client.set_registered_model_alias(MODEL, "previous", current)
        client.set_registered_model_alias(MODEL, "prod", version)
    return reasons
    ### END SOLUTION


def rollback(client):
    """Serve the version again that was served before; return it."""
    ### BEGIN SOLUTION
    before = client.get_registered_model(MODEL).aliases["previous"]
    client.set_registered_model_alias(MODEL, "prod", before)
    client.delete_registered_model_alias(MODEL, "previous")
    return before
    ### END SOLUTION


# %% tags=["check"]
check("lab08.ex4", promote, rollback)

# %% [markdown]
# ## Exercise 5 · Design it: an alarm that keeps its promise
#
# A monitor holds the last values of a feature (a *window*) against those of a good time (the
# *reference*). It gives an alarm if `distance(reference, window) > limit`. Write both parts:
#
# - `distance(reference, window)` is given two arrays of numbers. It returns a finite number: how far
#   apart their **distributions** are. Which distance you take is your choice: PSI, the statistic of
#   Kolmogorov and Smirnov (`stats.ks_2samp`), or another one.
# - `limit_of(log, good, size, alarm_rate)` returns the limit for windows of `size` values. `log` is an array
#   of all values so far, the oldest first. The first `good` of them are from the good time, and they are
#   the reference. What came later may have drifted.
#
# The promise: of windows in which nothing has changed, a share of about `alarm_rate` is an alarm. (The
# check asks for large rates, 0.1 and 0.3, as it has to count.) Draw 500 windows or more to find the
# limit.
#
# The check then changes something, and at least 9 of 10 windows of 150 to 200 values must be an alarm.
# There are three changes: all values are larger; they spread more, around the same mean; all are larger
# than any value of the reference. Some windows are small (20 values), and one has the same value 50
# times. The distance is a finite number for them, too.


# %% tags=["exercise"]
def distance(reference, window):
    """Return how far two samples are apart: a finite number, the larger the farther."""
    ### BEGIN SOLUTION
    return stats.ks_2samp(reference, window).statistic
    ### END SOLUTION


def limit_of(log, good, size, alarm_rate):
    """Return the distance that quiet windows of this size exceed at this rate."""
    ### BEGIN SOLUTION
    reference = log[:good]
    draws = np.random.default_rng(0)
    quiet = [distance(reference, draws.choice(reference, size)) for _ in range(1000)]
    return np.quantile(quiet, 1 - alarm_rate)
    ### END SOLUTION


# %% tags=["check"]
check("lab08.ex5", distance, limit_of)

# %% [markdown]
# ## What you can do now
#
# - send a table and its parameters to a scoring server, so that nothing is dropped on the way,
# - put a core behind MLflow's `predict`,
# - promote what is better by a rule, refuse the rest with reasons, and go back,
# - set a limit for drift that keeps a promise.
#
# `python -m labs status` in a terminal shows your points. Next: [lab 09](../lab09_kserve/lab09_kserve.ipynb).
