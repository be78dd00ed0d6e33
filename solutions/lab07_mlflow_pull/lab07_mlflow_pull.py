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
# A service recommends movies with the version that the registry calls `prod`. You write what it is
# made of: the way from ids to rows, the answer to a question, a pull that downloads once, a start
# that works without the registry, and a model that is replaced while it serves.
#
# **How it works.** Every exercise has a cell in which `...` stands for what you write. Run it, then
# run the cell with `check` below it. A check says what differs, where it shows, and the likely cause.
# It uses fresh inputs each time. Ask for a `hint` as often as you like: remove the `#` and run.

# %% tags=["setup"]
import os
import tempfile
import threading
from pathlib import Path

import numpy as np

from labs import check, hint, preflight, solution
from labs.checks.lab07_pretended import pretended_model, pretended_registry
from services.errors import InputError

# %% [markdown]
# What this machine has. This lab needs the first lines only, down to `packages`; it starts no server:

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# The model and the registry are pretended: nothing is trained, and nothing goes over a network. Here
# is one of each, to try your answers on. The checks use others, with other ids and versions.

# %% tags=["setup"]
model = pretended_model()
registry = pretended_registry()

# %% [markdown]
# ## Exercise 1 · One way from ids to rows
#
# A model has a table with a row for each user, and the first row is row 0. Training and serving both
# turn ids into rows, and must do it alike. Complete `IdMap`:
#
# - `IdMap(raw_ids)` is given a list of whole numbers, in any order and with gaps. An id may be in it
#   many times, as in a list of ratings.
# - `row(raw_id)` returns the row of an id. *n* different ids have the rows 0 to *n* - 1, each row one
#   id. For an id that the map does not know, it returns `None`.
# - `raw(row)` is the way back: the id that has this row.
# - Maps of the same ids have the same rows, whatever order the ids came in and however often: training
#   reads ratings, and serving reads a list of users.


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
# Complete `answer`. `question` is a dictionary, as it came in JSON:
#
# - `"user_id"`: a whole number. It is always there and needs no check.
# - `"top_k"`: how many movies; 10 if it is missing.
# - `"rated"`: a list of movie ids to leave out. It may be missing or `None`; both mean none.
#   `"ranked_movies"` is another name for it. A question never has both.
#
# `model` is like the one above, in which `model.users.raw(0)` is the id of a user:
#
# - `model.users` and `model.movies` are maps as in exercise 1, with `row` and `raw`,
# - `model.scores(row)`, for a user's row, is a new NumPy array with a score for each movie, in the
#   order of the movies' rows,
# - `model.rated_by(user_id)` is the list of the movie ids that a user has rated in training, empty
#   for an unknown user,
# - `model.most_rated` is the list of all movie ids, the most rated first. All requests share it, so
#   do not change it.
#
# Return `{"user_id": …, "items": …, "fallback": …}`. `items` is a list of `top_k` movie ids:
#
# - for a user whom the model knows, those with the highest scores, the best first; `fallback` is `None`;
# - for any other user, the most rated ones, and `fallback` is `"popularity"`;
# - never one that the user has rated, in training or as the question says. `rated` may name unknown
#   movies, and a movie twice: that does no harm.
#
# Bad questions get `raise InputError("message", code="…", status=422, hint="…")`:
#
# - the code `top_k_invalid` if `top_k` is anything but a whole number from 1 up (`True` is none),
# - the code `top_k_too_large` if fewer movies are left. The hint says how many that is, in figures.


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
# Complete `pull`. It brings the version that an alias names to this machine and returns its folder:
# `cache / "3"` for version 3. One process calls it, at each start of the service.
#
# `client` is like the `registry` above, which has the versions 1 to 3 of `recommender_production`, and
# `prod` is 2. It has two methods. MLflow has the first in its client, the second in
# `mlflow.artifacts`, with these names for the arguments:
#
# - `client.get_model_version_by_alias(name, alias).version` is the version's number, a text,
# - `client.download_artifacts(artifact_uri, dst_path)` writes the version's files, one after the
#   other, into the folder `dst_path`, and makes it if it is not there. The `artifact_uri` is a text:
#   `models:/NAME/VERSION`.
#
# `cache` is a `Path`, a folder that is there.
#
# - At every call, ask which version the alias names. Download it only if it is not in `cache` yet,
#   whatever else was pulled since.
# - Other processes look into `cache` meanwhile. A version's folder is there with all its files, or not
#   at all. So download into a folder of another name *inside* `cache`, and rename it.
# - The alias may move at any moment, also between two of your lines. In the folder `3` is version 3.
# - If the download raises an exception, of whatever class, let it through. In any case, no other
#   folders than whole versions stay in `cache`.


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
# Complete `start`, which finds a model to serve and returns it. It is given:
#
# - `pull()`, which brings the version that is `prod` and returns its folder, for instance
#   `versions / "3"`. It raises a `ConnectionError` or a `TimeoutError` if the registry is down.
# - `load(folder)`, which returns the model in a folder. It raises a `ValueError` if it is damaged, and
#   a `FileNotFoundError` if there is none.
# - `versions`, a `Path`: the folder in which all pulled versions are.
# - `pointer`, a `Path`: a text file with the number of the version that was served last, such as `3`.
#   Before the first start it is not there. It is alone in its folder.
#
# What it does:
#
# - Pull, load, let the pointer name this version, return the model. Call `pull` **once**.
# - If `pull` or `load` raises, return the model that the pointer names; the pointer stays as it is.
# - If that cannot be loaded either, or there is no pointer, raise a `RuntimeError`. Its message holds the
#   text of the first exception: what went wrong with `prod`.
# - The pointer is written only after the version has loaded. Another process may read it at any moment:
#   it must always find a whole number, the old or the new one. Nothing else stays beside it.


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
# Write the class `Live`. Many threads ask it, and one more thread replaces its model from time to time.
# No request may be lost, and no answer may be a mixture of two versions.
#
# - `Live(load, smoke_test, version)` loads that version and tests it. What goes wrong here, it lets
#   through. `load(version)` returns a model, or raises an `OSError` or a `ValueError`.
#   `smoke_test(model)` raises a `ValueError` if the model is useless.
# - `answer(user_id)` returns `{"version": …, "items": …}`: `model.version` and `model.recommend(user_id)`
#   of one and the same model. Several threads may be in it at the same time.
# - `swap(version)` loads another version, tests it, and lets it answer from then on. It returns `True`.
#   If `load` or `smoke_test` raises, it returns `False`, and the old version goes on.
# - While a version is loaded and tested, the old one answers, and nobody waits.
# - A version is loaded once, not for each answer.
#
# The check swaps between any two steps of your `answer`, and answers between any two steps of your
# `swap`. Then it does both under load.


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
# - answer good questions with a named fallback, and bad ones with a refusal that helps,
# - pull a version once, and never show half of it,
# - start without the registry, on what a pointer says,
# - replace a model under load with one assignment.
#
# `python -m labs status` in a terminal shows your points. Next:
# [lab 08](../lab08_mlflow_only/lab08_mlflow_only.ipynb).
