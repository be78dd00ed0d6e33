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
# # Lab 13 · Continuous learning
#
# **Where you are:** after notebook
# [13 · Continuous learning, driven by papermill](../../notebooks/13_loop.ipynb).
#
# You build the three decisions of a pipeline that releases models without a person: whether a
# candidate may be released, where a failed run resumes, and when to roll back. No server is
# started.
#
# **How it works.** In each exercise cell, replace `...` with your code. Run the cell, then run the
# cell with `check` below it. A check reports what differs, for which input, and the likely cause.
# It uses new inputs each time. For a `hint`, remove the `#` and run that cell, as often as you
# like.

# %% tags=["setup"]
import math

from labs import check, hint, preflight, solution
from labs.checks.lab08.registry import MODEL, Registry

# %% [markdown]
# What is installed on this machine. This lab needs only the first lines, down to `packages`:

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# ## Exercise 1 · A release rule with three reasons to refuse
#
# A candidate was measured, and then answered the requests of a few users, as a *canary*. Complete
# `gate`, which returns the list of reasons against it, in this order; `[]` means that it may be
# released.
#
# - `"new"`: on new ratings, `candidate["new"]` is less than `served["new"] + gain`.
# - `"old"`: on old ratings, `candidate["old"]` is less than `served["old"] - loss`.
# - `"users"`: more than 1 % of the canary's requests failed (`canary["failed"]` of
#   `canary["requests"]`), or users click clearly less: the upper end of `canary["interval"]` is
#   below 0. This is a list of two numbers, the confidence interval of the candidate's
#   click-through rate minus that of the served model. If there were no requests, nothing is known,
#   and that is a reason.
#
# A measure of the candidate may be missing or NaN (not a number, from a training that diverged).
# Then its name is a reason. The measures of `served` are always there. Change none of the
# arguments.


# %% tags=["exercise"]
def gate(candidate, served, canary, gain, loss):
    """Return the reasons against a candidate."""
    ### BEGIN SOLUTION
    reasons = []
    if not candidate.get("new", math.nan) >= served["new"] + gain:
        reasons.append("new")
    if not candidate.get("old", math.nan) >= served["old"] - loss:
        reasons.append("old")
    requests = canary["requests"]
    if not requests or canary["failed"] / requests > 0.01 or canary["interval"][1] < 0:
        reasons.append("users")
    return reasons
    ### END SOLUTION


# %% tags=["check"]
check("lab13.ex1", gate)

# %% [markdown]
# ## Exercise 2 · Go on where it stopped
#
# A run has steps. Each step takes parameters and returns a result. Complete `go_on`, which starts
# the run, whether for the first time or again:
#
# - `steps` is a dictionary that maps each step's name, in order, to the list of its parameters'
#   names.
# - `parameters` is a dictionary of the values that are known at the start.
# - `execute(step, given)` executes a step with the dictionary `given` and returns its result, a
#   dictionary. It raises an exception if the step fails. Do not catch it.
# - `complete` maps each completed step to `{"given": …, "result": …}`. Update it, so that the next
#   start finds what is complete even if a later step fails.
#
# A step gets those of its parameters that are known: from `parameters`, and from the results of the
# steps before it. Leave out a parameter that is not known. A step that is complete for the same
# `given` is not executed; its result counts all the same. A result that has the key `outcome` ends
# the run.
#
# Return a new dictionary of everything known at the end: the parameters and the results. Do not
# change `parameters`.


# %% tags=["exercise"]
def go_on(steps, complete, parameters, execute):
    """Execute the steps that are not complete; return all values known at the end."""
    ### BEGIN SOLUTION
    known = dict(parameters)
    for step, names in steps.items():
        given = {name: known[name] for name in names if name in known}
        done = complete.get(step)
        if done is None or done["given"] != given:
            result = execute(step, given)
            complete[step] = {"given": given, "result": result}
        known |= complete[step]["result"]
        if "outcome" in known:
            break
    return known
    ### END SOLUTION


# %% tags=["check"]
check("lab13.ex2", go_on)

# %% [markdown]
# For the next exercise: `example` is an in-memory model registry with the methods of
# `MlflowClient`, for your experiments. `MODEL` is the registered model's name.

# %% tags=["setup"]
example = Registry({"1": {}, "2": {}, "3": {}}, {"prod": "3"})
print(example.get_registered_model(MODEL).aliases)

# %% [markdown]
# ## Exercise 3 · Roll back by what serves
#
# Complete `watch`. It looks at the latest answers of the service and moves the alias `prod` back if
# the version that serves is bad.
#
# - `client` has `get_registered_model(MODEL).aliases`, a dictionary, and
#   `set_registered_model_alias(MODEL, alias, version)`. Versions are strings, such as `"3"`.
# - `answers` is a list of dictionaries with `status` and `clicks`, the share of the shown movies
#   that were clicked; a failed request (its status is not 200) showed none.
# - `click_rate` is the usual click-through rate.
# - `history` lists the versions that were in production, the current one last. A version may occur
#   in it more than once. `withdrawn` is a set of versions that were bad.
#
# Return the signal, a string, or None if there is none:
#
# - `"errors"` if more than 1 % of the requests failed,
# - otherwise `"quality"` if the mean of `clicks`, over the answers with status 200, is below 80 % of
#   `click_rate`.
#
# If there are no answers, or if `prod` is not the last version of the history because somebody has
# rolled back already, return None and change nothing. With a signal, move `prod` to the latest
# version before the current one in the history that is another version and not withdrawn. If there
# is none, leave it. Change no other alias, and none of the arguments.


# %% tags=["exercise"]
def watch(client, answers, click_rate, history, withdrawn):
    """Return the signal against the version that serves, and roll back if there is one."""
    ### BEGIN SOLUTION
    current = client.get_registered_model(MODEL).aliases.get("prod")
    if not answers or current != history[-1]:
        return None
    clicks = [answer["clicks"] for answer in answers if answer["status"] == 200]
    if (len(answers) - len(clicks)) / len(answers) > 0.01:
        signal = "errors"
    elif sum(clicks) / len(clicks) < 0.8 * click_rate:
        signal = "quality"
    else:
        return None
    for version in reversed(history[:-1]):
        if version != current and version not in withdrawn:
            client.set_registered_model_alias(MODEL, "prod", version)
            break
    return signal
    ### END SOLUTION


# %% tags=["check"]
check("lab13.ex3", watch)

# %% [markdown]
# ## What you can do now
#
# - refuse a version for several reasons at once, and treat what is unknown as a reason,
# - make a pipeline resumable without taking half a result for a whole one,
# - roll back by errors and by what users do, once.
#
# In a terminal, `make status` shows your points.
