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
# # Lab 07 · The registry's model
#
# **Where you are:** after notebook
# [07 · The registry's model behind BentoML](../../notebooks/07_mlflow_pull.ipynb).
#
# A service recommends movies with the version that has the alias `prod` in the registry (MLflow's
# list of a model's versions). To release a version, you move the alias, and the service keeps
# running. You write the service's parts: the mapping from ids to rows, the answer to a request, a
# pull that downloads once, a start that works without the registry, and a model that is replaced
# while it serves.
#
# **How it works.** In each exercise cell, replace `...` with your code. Run the cell, then run the cell
# with `check` below it. A check reports what differs, for which input, and the likely cause. It uses
# new inputs each time. For a `hint`, remove the `#` and run that cell, as often as you like.

# %% tags=["setup"]
import os
import tempfile
import threading
from pathlib import Path

import numpy as np

from labs import check, hint, preflight, solution
from labs.checks.lab07.stubs import example_model, example_registry
from services.errors import InputError

# %% [markdown]
# What is installed on this machine. This lab needs only the first lines, down to `packages`; it starts
# no server:

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# The model and the registry are stubs: nothing is trained, and nothing goes over a network. Here is one
# of each, so that you can try out your answers. The checks use other stubs, with other ids and
# versions.

# %% tags=["setup"]
model = example_model()
registry = example_registry()

# %% [markdown]
# ## Exercise 1 · One way from ids to rows
#
# A model has a table with one row for each user; the first row is row 0. Training and serving both turn
# ids into rows, and both must do it in the same way. Complete `IdMap`:
#
# - `IdMap(raw_ids)` takes a list of integers, in any order and with gaps. An id may occur many times,
#   as in a list of ratings. Do not change the list.
# - `row(raw_id)` returns the row of an id. The *n* different ids have the rows 0 to *n* - 1, one id for
#   each row. For an unknown id, it returns `None`, and the map does not change.
# - `row` is called for each of a million ratings. So do not search through all ids; use a dictionary,
#   for example.
# - `raw(row)` is the inverse: it returns the id that has this row.
# - Two maps of the same ids have the same rows, whatever the order of the ids and however often each
#   one occurs. Training reads ratings, but serving reads a list of users.


# %% tags=["exercise"]
class IdMap:
    """Raw ids, and the rows of a model's table."""

    def __init__(self, raw_ids):
        ### BEGIN SOLUTION
        self.ids = sorted(set(raw_ids))
        self.rows = {raw: row for row, raw in enumerate(self.ids)}
        ### END SOLUTION

    def row(self, raw_id):
        """Return the row of an id, None if the map does not know it."""
        ### BEGIN SOLUTION
        return self.rows.get(raw_id)
        ### END SOLUTION

    def raw(self, row):
        """Return the id that has this row."""
        ### BEGIN SOLUTION
        return self.ids[row]
        ### END SOLUTION


# %% tags=["check"]
check("lab07.ex1", IdMap)

# %% [markdown]
# ## Exercise 2 · Answer the question
#
# Complete `answer`. `question` is the request, a dictionary parsed from JSON. Do not change it:
#
# - `"user_id"`: an integer. It is always present and needs no validation.
# - `"top_k"`: how many movies; 10 if it is missing.
# - `"rated"`: a list of movie ids to leave out. It may be missing or `None`; both mean that there are
#   none. `"ranked_movies"` is another name for the same field. A request never has both.
#
# `model` is like the model above, in which `model.users.raw(0)` is the id of a user:
#
# - `model.users` and `model.movies` are maps as in exercise 1, with `row` and `raw`,
# - `model.scores(row)` takes a user's row and returns a new NumPy array with one score for each movie,
#   in the order of the movies' rows,
# - `model.rated_by(user_id)` is the list of the movie ids that a user has rated in training, empty
#   for an unknown user,
# - `model.most_rated` is the list of all movie ids, the most rated first. All requests share this list,
#   so do not change it.
#
# Return `{"user_id": …, "items": …, "fallback": …}`, which `json.dumps` can write. `items` is a list of
# `top_k` movie ids:
#
# - for a known user, the movies with the highest scores, the best first; `fallback` is `None`;
# - for any other user, the most rated movies; `fallback` is `"popularity"`;
# - never a movie that the user has rated, in training or according to the request. `rated` may contain
#   unknown movies and duplicates: both are allowed.
#
# For bad requests `raise InputError("message", code="…", status=422, hint="…")`:
#
# - the code `top_k_invalid` if `top_k` is anything but an int of 1 or more: `True`, `3.0` and `None`
#   are also invalid,
# - the code `top_k_too_large` if fewer movies are left. The hint says how many are left, in figures
#   (0 as well). It contains no other number (but it may repeat `top_k`).


# %% tags=["exercise"]
def answer(model, question):
    """Return the movies that a user should see next."""
    ### BEGIN SOLUTION
    user_id, top_k = question["user_id"], question.get("top_k", 10)
    if type(top_k) is not int or top_k < 1:
        raise InputError(
            f"top_k is {top_k!r}.",
            code="top_k_invalid",
            status=422,
            hint="Send a whole number from 1 up, or leave it out.",
        )
    rated = question.get("rated") or question.get("ranked_movies") or []
    rated = {*rated, *model.rated_by(user_id)}
    row = model.users.row(user_id)
    if row is None:
        ranked, fallback = model.most_rated, "popularity"
    else:
        best = np.argsort(-model.scores(row))
        ranked, fallback = [model.movies.raw(place) for place in best.tolist()], None
    left = [movie for movie in ranked if movie not in rated]
    if top_k > len(left):
        raise InputError(
            f"top_k is {top_k}, and fewer movies are left.",
            code="top_k_too_large",
            status=422,
            hint=f"Ask for {len(left)} at most.",
        )
    return {"user_id": user_id, "items": left[:top_k], "fallback": fallback}
    ### END SOLUTION


# %% tags=["check"]
check("lab07.ex2", answer)

# %% [markdown]
# ## Exercise 3 · Pull a version once
#
# Complete `pull`. It downloads the version that an alias points to, and returns its folder:
# `cache / "3"` for version 3. The service calls it once at each start, each time in a new process.
#
# `client` is like the `registry` above, which has the versions 1 to 3 of `recommender_production`, and
# `prod` is 2. It has two methods. In MLflow, the first is a method of its client and the second is a
# function in `mlflow.artifacts`, with these argument names:
#
# - `client.get_model_version_by_alias(name, alias).version` is the version's number, a string,
# - `client.download_artifacts(artifact_uri, dst_path)` writes the version's files, one after the other,
#   into the folder `dst_path`, which it creates if needed. The `artifact_uri` is a string:
#   `models:/NAME/VERSION`.
#
# `cache` is a `Path` to an existing folder. It may be on a different disk from the system's temporary
# files.
#
# - On every call, look up the version of the alias. Download it only if it is not in `cache` yet,
#   whatever else has been pulled since.
# - Other processes read `cache` at the same time. A version's folder must exist with all its files, or
#   not at all. So download into a folder with another name *inside* `cache`, and rename it.
# - The alias may move at any moment, even between two lines of your code. The folder `3` always
#   contains version 3.
# - If the download raises an exception of any class, let it propagate. In every case, only the folders
#   of complete versions remain in `cache`.


# %% tags=["exercise"]
def pull(client, name, alias, cache):
    """Return the folder of the version that the alias names, downloaded once."""
    ### BEGIN SOLUTION
    version = client.get_model_version_by_alias(name, alias).version
    folder = cache / version
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=cache) as work:
            whole = Path(work) / "whole"
            client.download_artifacts(f"models:/{name}/{version}", whole)
            whole.rename(folder)
    return folder
    ### END SOLUTION


# %% tags=["check"]
check("lab07.ex3", pull)

# %% [markdown]
# ## Exercise 4 · When the registry is down
#
# Complete `start`, which finds a model to serve and returns it. Each start is a new process. Its
# arguments are:
#
# - `pull()`, which downloads the version that is `prod` and returns its folder, for instance
#   `versions / "3"`. It raises a `ConnectionError` or a `TimeoutError` if the registry is down.
# - `load(folder)`, which returns the model in a folder. It raises a `ValueError` if the model is
#   damaged, and a `FileNotFoundError` if there is none.
# - `versions`, a `Path`: the folder that contains all pulled versions.
# - `pointer`, a `Path`: a text file with the number of the version that was served last, such as `3`.
#   Before the first start it does not exist. It is the only file in its folder, which may be on a
#   different disk from `versions` and the system's temporary files.
#
# What it does:
#
# - Pull, load, write this version's number into the pointer, and return the model. Call `pull`
#   **once**.
# - If `pull` or `load` raises, return the model that the pointer names; the pointer stays as it is.
# - If that model cannot be loaded either, or there is no pointer, raise a `RuntimeError`. Its message
#   contains the text of the first exception, which says what went wrong with `prod`.
# - The pointer is written only after the version has loaded. Another process may read it at any moment,
#   and must always find a whole number, either the old or the new one. So write a new file in the same
#   folder, and replace the pointer with it. No other file remains there.


# %% tags=["exercise"]
def start(pull, load, versions, pointer):
    """Return the model to serve: the registry's, or else the one that was served last."""
    ### BEGIN SOLUTION
    try:
        folder = pull()
        model = load(folder)
    except (OSError, ValueError) as error:
        try:
            return load(versions / pointer.read_text().strip())
        except (OSError, ValueError):
            raise RuntimeError(f"there is no version to serve: {error}") from error
    new = pointer.with_suffix(".new")
    new.write_text(folder.name)
    new.replace(pointer)
    return model
    ### END SOLUTION


# %% tags=["check"]
check("lab07.ex4", start)

# %% [markdown]
# ## Exercise 5 · Design it: replaced while it serves
#
# Write the class `Live`. Many threads call `answer`, and another thread replaces the model from time to
# time. No request may be lost, and no answer may mix two versions.
#
# - `Live(load, smoke_test, version)` loads that version and tests it. Let exceptions propagate.
#   `load(version)` returns a model, or raises an `OSError` or a `ValueError`. `smoke_test(model)`
#   raises a `ValueError` if the model is useless.
# - `answer(user_id)` returns `{"version": …, "items": …}`: `model.version` and
#   `model.recommend(user_id)` of one and the same model. Several threads may call it at the same time.
# - `swap(version)` loads another version, tests it, and serves it from then on. It returns `True`. If
#   `load` or `smoke_test` raises, it returns `False`, and the old version stays.
# - While a version is being loaded and tested, the old one answers, and no request waits.
# - A version is loaded once, not for each answer. Two instances of the class are independent.
#
# The check calls `swap` between any two steps of your `answer`, and `answer` between any two steps of
# your `swap`. Then it does both under load.


# %% tags=["exercise"]
class Live:
    """A model that is replaced while it serves."""

    ### BEGIN SOLUTION
    def __init__(self, load, smoke_test, version):
        self.load = load
        self.smoke_test = smoke_test
        self.model = self.ready(version)

    def ready(self, version):
        model = self.load(version)
        self.smoke_test(model)
        return model

    def answer(self, user_id):
        model = self.model  # once: the next moment it may be another one
        return {"version": model.version, "items": model.recommend(user_id)}

    def swap(self, version):
        try:
            new = self.ready(version)
        except (OSError, ValueError):
            return False
        self.model = new
        return True

    ### END SOLUTION


# %% tags=["check"]
check("lab07.ex5", Live)

# %% [markdown]
# ## What you can do now
#
# - turn ids into rows in one place, for training and for serving,
# - answer good requests with a named fallback, and bad ones with an error that helps,
# - pull a version once, and never expose half of it,
# - start without the registry, with the version that a pointer names,
# - replace a model under load with one assignment.
#
# In a terminal, `make status` shows your points, and `make lab N=08` opens the next lab.
