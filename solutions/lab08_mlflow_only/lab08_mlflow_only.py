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
# MLflow can serve a registered model by itself, without any service code. You write a request to
# MLflow's scoring server and a model that the server can load. You decide which version may be
# served, promote it, and roll back. At the end, you build a drift alarm. No server is started.
#
# **How it works.** In each exercise cell, replace `...` with your code. Run the cell, then run the cell
# with `check` below it. A check reports what differs, for which input, and the likely cause. It uses
# new inputs each time. For a `hint`, remove the `#` and run that cell, as often as you like.

# %% tags=["setup"]
import math

import numpy as np
import pandas as pd
from mlflow.pyfunc import PythonModel
from scipy import stats

from labs import check, hint, preflight, solution
from labs.checks.lab08.core import Scores
from labs.checks.lab08.registry import MODEL, Registry

# %% [markdown]
# What is installed on this machine. This lab needs only the first lines, down to `packages`:

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# ## Exercise 1 · A body for /invocations
#
# One request asks for recommendations for many users. Complete `body_of(user_ids, rated, top_k)`:
#
# - `user_ids` is a NumPy array of integers. A user may occur in it twice.
# - `rated` is a dictionary that maps some of the users to the list of movies that they have rated, as
#   Python ints. A list may be empty, which is not the same as no list at all.
# - `top_k` is the number of movies that each user gets.
#
# Do not change the array or the dictionary.
#
# Return the body as a dictionary that `json.dumps` can write, with MLflow's field `dataframe_split`:
#
# - the columns are `user_id` and `rated`; `data` has one row for each item of `user_ids`, in their order,
# - `rated` is the user's list, or a null (`None`) for a user who has none,
# - `top_k` is not a column. It is the only entry of `params`, a field next to `dataframe_split`.
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
# Now for the server side. Write `TopMovies`, a subclass of `mlflow.pyfunc.PythonModel`, around a small
# core:
#
# - `Scores.load(path)` reads the core's file.
# - `scores.best(user_id, top_k, rated)` returns the ids of a user's best movies, without those in the
#   list `rated`. An empty list leaves out no movie. With `None` instead of a list, the core leaves out
#   the movies that the user rated in the training data: the two are not the same.
#
# MLflow calls `load_context(context)` **once**, before the first request. `context.artifacts["scores"]`
# is the path of the file. The check loads two models, each from a different file. It deletes the files
# and then sends requests to both models.
#
# MLflow calls `predict(context, model_input, params)` for each request:
#
# - `model_input` is a DataFrame with one row for each user to answer. Its column `user_id` contains
#   users that the core knows; a user may occur twice. It may have a column `rated`, in which each cell
#   is a list, None, or NaN. Pass a list to the core unchanged, even if it is empty; in all other cases
#   pass `None`. The DataFrame's index may be anything, and its labels may repeat.
# - `params` is None or a dictionary, which may contain `top_k` and other entries. The default of
#   `top_k` is 10.
# - Return one row for each row of the DataFrame, in the same order: `{"user_id": 7, "movies": [3, 1]}`.
#   The result may be a list of dictionaries or a DataFrame.
# - `model_input` and `params` belong to the caller; do not change them. (Keep the type hint
#   `pd.DataFrame`: without it, MLflow shows a warning.)


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
        for user, seen in zip(model_input["user_id"], rated, strict=True):
            seen = seen if isinstance(seen, list) else None
            rows.append({"user_id": user, "movies": self.scores.best(user, top_k, seen)})
        return rows
        ### END SOLUTION


# %% tags=["check"]
check("lab08.ex2", TopMovies)

# %% [markdown]
# ## Exercise 3 · A promotion rule
#
# A candidate replaces the current model only if a rule allows it. The rule names some metrics and, for
# each, the gain it requires. For every metric, larger is better. For example,
#
# `{"ndcg_at_10": 0.002, "hr_at_10": -0.01}` means: `ndcg_at_10` has to gain 0.002 or more, and
# `hr_at_10` may lose at most 0.01. (Both metrics, NDCG and the hit rate, measure how good a list of
# ten movies is.)
#
# Complete `reasons_against(candidate, current, rule)`. The first two arguments are dictionaries of
# metrics. The function returns a list of strings: one reason for **each** metric of the rule that the
# candidate fails. If the list is empty, the candidate may be promoted. Do not change any
# of the dictionaries.
#
# - A gain of exactly what the rule requires is enough. Metrics and gains have at most four decimal
#   places, but floats are rounded: `0.3 - 0.1` is `0.19999999999999998`. So allow a difference of
#   `1e-9`, and no more: a gain that falls short by 0.0001 is too small.
# - A metric of the rule that is missing, NaN or infinite, in the candidate or in the current model, is
#   a reason against the candidate.
# - `current` is None if no model is in production. Then nothing is compared, but the candidate still
#   needs a finite value for every metric of the rule.
# - Metrics that are not in the rule do not count.
# - Each text contains the name of its metric, and of no other metric of the rule.


# %% tags=["exercise"]
def reasons_against(candidate, current, rule):
    """Return a reason for each metric of the rule that the candidate fails."""
    ### BEGIN SOLUTION
    reasons = []
    for metric, gain in rule.items():
        new = candidate.get(metric, math.nan)
        old = new - gain if current is None else current.get(metric, math.nan)
        if not (math.isfinite(new) and math.isfinite(old)):
            reasons.append(f"{metric} is missing or not finite: candidate {new}, current {old}")
        elif new - old < gain - 1e-9:
            reasons.append(f"{metric} is {new:.4f}, now {old:.4f}; {gain:+g} is required")
    return reasons
    ### END SOLUTION


# %% tags=["check"]
check("lab08.ex3", reasons_against)

# %% [markdown]
# For the next exercise: `example` is an in-memory model registry with three versions, for your
# experiments. `metrics_of(client, version)` returns a version's metrics; `MODEL` is the registered
# model's name.

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
# The version with the alias `prod` is served. You write `promote` and `rollback`, which move this
# alias. `client` has these methods of `MlflowClient`; versions are strings, such as `"3"`:
#
# - `get_registered_model(MODEL).aliases`: a dictionary that maps each alias to its version; it is a
#   copy,
# - `set_registered_model_alias(MODEL, alias, version)`, which also moves an existing alias,
# - `delete_registered_model_alias(MODEL, alias)`.
#
# `promote(client, version, against)` returns a list of reasons. The list is empty if the version is now
# `prod`.
#
# - If the version is already `prod`, change nothing and return `[]`.
# - Otherwise call `against(candidate, current)` with the metrics of the version and those of `prod`, or
#   None if there is no `prod`. `against` returns a list of reasons, as in exercise 3. (The check passes
#   its own `against`.)
# - If there are reasons, change nothing and return them.
# - Otherwise the version becomes `prod`, and the alias `previous` points to the version that was `prod`
#   before, if there was one.
#
# `rollback(client)` points `prod` back to the version of `previous`, deletes the alias `previous`, and
# returns the version that is now served. If there is no `previous`, it changes nothing and raises
# `LookupError` (a `KeyError` is one).
#
# For both:
#
# - Other aliases, such as `staging`, do not change. Once `prod` exists, it must never be
#   missing, not even for a moment.
# - The connection may be lost at any call that changes something: that call raises an exception, and so
#   does every later call. Let the client's exceptions propagate at once: do not retry, and do not try
#   to undo anything. Your function will be called again later, and must then reach the same final state
#   as without the lost connection. So think about the order of your calls.


# %% tags=["exercise"]
def promote(client, version, against):
    """Serve a version unless there are reasons against it; return them."""
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
# ## Exercise 5 · Design it: an alarm with a chosen false-alarm rate
#
# A monitor compares the latest values of a feature (a *window*) with values from a known good period
# (the *reference*). It raises an alarm if `distance(reference, window) > limit`. Write both parts:
#
# - `distance(reference, window)` takes two arrays of numbers. It returns a finite number: how far apart
#   their **distributions** are. You may choose any distance: PSI (the population stability index), the
#   Kolmogorov-Smirnov statistic (`stats.ks_2samp`), or another one. The result depends only on the
#   values in the two arrays, not on their order.
# - `limit_of(log, good, size, alarm_rate)` returns the limit for windows of `size` values. `log` is an
#   array of all values so far, the oldest first. The first `good` values are from the good period: they
#   are the reference. Later values may have drifted.
#
# Neither function may change its arrays. The requirement: of the windows in which nothing has
# changed, a share of about `alarm_rate` raises an alarm. This is the **false-alarm rate**. It has to
# hold for every feature, even one with only four different values, so neither a textbook formula nor
# a p-value will do.
#
# Find the limit by simulation: draw at least 500 windows **at random** from the reference, and compute
# the distance of each. (The check uses high rates, 0.1 and 0.3, because it has to count alarms.)
#
# The check then changes the data, and at least 9 of 10 windows of 150 to 200 values must raise an
# alarm. There are three changes: all values are larger; the values have a larger spread around the same
# mean; all values are larger than any value of the reference. Some windows are small (20 values), and
# one contains the same value 50 times. For these windows, too, the distance must be a finite number.


# %% tags=["exercise"]
def distance(reference, window):
    """Return how far two samples are apart: a finite number, the larger the farther."""
    ### BEGIN SOLUTION
    return stats.ks_2samp(reference, window).statistic
    ### END SOLUTION


def limit_of(log, good, size, alarm_rate):
    """Return the distance that windows without a change exceed at this rate."""
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
# - send a table and its parameters to a scoring server without losing any of them,
# - put a core behind MLflow's `predict`,
# - promote a version that is better according to a rule, refuse the others with reasons, and roll back,
# - set a limit for drift that gives the chosen false-alarm rate.
#
# In a terminal, `make status` shows your points, and `make lab N=09` opens the next lab.
