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
# # Lab 11 · Batch
#
# **Where you are:** after notebook [11 · Batch](../../notebooks/11_batch.ipynb).
#
# You build the parts of a batch job: batches of inputs, bad files that become rows, parts that survive
# a kill, and the best movies for all users. At the end is an open challenge: how much faster than the
# plain loop can a job be?
#
# **How it works.** In each exercise's cell, `...` stands for what you write. Run it, then the cell
# with `check` below it. For a `hint`, remove the `#` and run that cell.

# %% tags=["setup"]
import itertools
import json
import os
from pathlib import Path

import numpy as np

from labs import check, hint, preflight, solution
from services.errors import InputError
from services.id_card.images import decode

# %% [markdown]
# What this machine has. This lab needs the first lines only, down to `packages`:

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# ## Exercise 1 · In batches
#
# Complete `batches`. It gives the items in batches of `n`, in their order, so that one can write
# `for batch in batches(items, n):`.
#
# - `items` is anything that a `for` can go over: a list, a generator, or something that never ends.
#   It may be gone through only once.
# - Each batch is a new list (or tuple) with `n` items; the last one may have fewer. No batch is empty,
#   and without items there is no batch.
# - Items may be anything, `None` and `0` included.
# - Take items only when they are needed: at most one batch ahead of what you have given.
#
# `n` is 1 or more.


# %% tags=["exercise"]
def batches(items, n):
    """Yield lists of n items; the last may be shorter."""
    ### BEGIN SOLUTION
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, n)):
        yield batch
    ### END SOLUTION


# %% tags=["check"]
check("lab11.ex1", batches)

# %% [markdown]
# ## Exercise 2 · A bad file is a row
#
# Complete `detect_folder`. `paths` is a list of `Path` objects, from one folder or several: two files
# may have the same name. It returns a list with one dictionary for **every** path, in their order:
#
# - `{"file": path.name, "boxes": boxes, "error": None}` for a picture. Without a card, `boxes` is `[]`.
# - `{"file": path.name, "boxes": None, "error": text}` for a file that cannot be read, where `text` is
#   what the exception says: `str(error)`.
#
# What you have:
#
# - `decode(path.read_bytes())` gives a picture. It raises `InputError` if the bytes are no picture.
#   `read_bytes()` raises an `OSError` if the file is gone or may not be read.
# - `predict(pictures)` takes a list of **at most `n`** pictures, and returns a list with the boxes of
#   each, in their order. An empty list is fine, too.
# - You may cut `paths` with your `batches` of exercise 1.
#
# If `predict` itself raises an exception, of any kind, the model is broken. No row can be right then:
# let the exception go up.


# %% tags=["exercise"]
def detect_folder(paths, predict, n):
    """Return one row for each path: its boxes, or what is wrong with the file."""

    ### BEGIN SOLUTION
    def read(path):
        try:
            return decode(path.read_bytes()), None
        except (InputError, OSError) as error:
            return None, str(error)

    rows = []
    for batch in batches(paths, n):
        files = [(path.name, *read(path)) for path in batch]
        found = iter(predict([picture for _, picture, error in files if error is None]))
        for name, _, error in files:
            boxes = next(found) if error is None else None
            rows.append({"file": name, "boxes": boxes, "error": error})
    return rows
    ### END SOLUTION


# %% tags=["check"]
check("lab11.ex2", detect_folder)

# %% [markdown]
# ## A name for each part
#
# For exercise 3. Batch 0 goes into the file `part-00000.json`:


# %% tags=["setup"]
def part_name(number):
    return f"part-{number:05}.json"


# %% [markdown]
# ## Exercise 3 · Whole or not there
#
# Complete `run_job`, a job that can be killed at any moment and called again. `batches` is a list of
# batches. `compute(batch)` takes long and returns a list of rows, which JSON can hold. `folder` is a
# `Path`, and exists.
#
# - The rows of batch number 0, 1, 2 … go into `folder / part_name(number)`, as JSON: a list of rows.
# - Every file with such a name is whole, **at any moment**. A kill may come while you write.
# - Write each part before you compute the next batch.
# - A batch whose part is there is not computed again; one whose part is not there is computed. Only
#   the parts themselves say what is done: the next run is a new process, and all that it has is
#   `folder`. Other files that a killed run left in there are no parts.
# - In the end, return the rows of **all** batches in one list, in the order of the batches.
#
# The check runs your job in processes of its own, with the cells that it needs, and really kills them:
# while they compute, in the middle of writing, before a file is renamed. (It does not pull the plug.
# Against that you would need `os.fsync` before the renaming, as `services/batch/parts.py` has it.)


# %% tags=["exercise"]
def run_job(batches, compute, folder):
    """Compute the missing parts, and return the rows of all."""
    ### BEGIN SOLUTION
    rows = []
    for number, batch in enumerate(batches):
        part = folder / part_name(number)
        if not part.exists():
            temporary = part.with_suffix(".tmp")
            temporary.write_text(json.dumps(compute(batch)))
            temporary.replace(part)
        rows += json.loads(part.read_text())
    return rows
    ### END SOLUTION


# %% tags=["check"]
check("lab11.ex3", run_job)

# %% [markdown]
# ## Exercise 4 · The best movies for everybody
#
# Complete `recommend_all`. It returns a list with one list for each user, in the order of `users`: the
# ids of the `k` best movies, the best first.
#
# - `core.scores(users)` returns an array of shape (number of users, number of movies). It takes **at
#   most `n`** users in one call; more do not fit into memory. Call it once for each block of `n` users,
#   and keep no scores of earlier blocks. The array is yours: you may change it.
# - `core.movie_ids` is an array with the id of each column, ascending.
# - `core.rated_by(user)` is a list of the ids of the movies that this user has rated. They must not be
#   recommended. Scores may be negative.
# - Of movies with equal scores, the one with the lower id comes first.
# - If fewer than `k` movies are left for a user, the list has fewer. It may be empty.
#
# `users` is a list of ids. The rows may be lists or arrays.


# %% tags=["exercise"]
def recommend_all(core, users, k, n):
    """Return the ids of the k best movies for each user."""
    ### BEGIN SOLUTION
    rows = []
    for start in range(0, len(users), n):
        block = users[start : start + n]
        table = core.scores(block)
        for row, user in enumerate(block):
            scores = table[row]
            scores[np.isin(core.movie_ids, core.rated_by(user))] = -np.inf
            best = np.argsort(-scores, kind="stable")[:k]
            rows.append(core.movie_ids[best[scores[best] > -np.inf]].tolist())
    return rows
    ### END SOLUTION


# %% tags=["check"]
check("lab11.ex4", recommend_all)

# %% [markdown]
# ## Exercise 5 · Open challenge: a full batch
#
# 240 pictures, as fast as you can. Write `detect_all`, which returns the core's boxes for each picture,
# in the order of `pictures`.
#
# A picture is an array of shape (height, width, 3). Their shorter sides have 16 to 120 pixels; some are
# upright, some wide. 60 of them are copies of others, pixel by pixel, and get the same boxes. Others
# are only alike, and get other boxes. The sizes are the same in every check; the order and the pixels
# are not.
#
# `core.detect(batch)` takes a list of one or more pictures and returns a list of boxes for each. The
# check pretends the core and its time, so that the figure is the same on a slow machine:
#
# - The pictures of one call are padded to the height of the tallest and the width of the widest.
# - With the padding, all pictures of a call together may have `core.most_pixels` pixels (131,072). If
#   there are more, the call raises a `MemoryError`.
# - A call takes 40 ms, and 1 ms more for every 1,024 pixels, padding included.
#
# **To pass:** right answers for all, and at least 4 times as many pictures a second as one call for
# each picture. **For the leaderboard:** as many times as you can. The solution here reaches about 4.5,
# and half as much again is possible.


# %% tags=["exercise"]
def detect_all(core, pictures):
    """Return the boxes of each picture."""
    ### BEGIN SOLUTION
    answers = [None] * len(pictures)

    def ask(places):
        found = core.detect([pictures[place] for place in places])
        for number, boxes in enumerate(found):
            answers[places[number]] = boxes

    batch = []
    for place in sorted(range(len(pictures)), key=lambda place: pictures[place].size):
        shapes = [pictures[other].shape for other in [*batch, place]]
        height, width = max(shape[0] for shape in shapes), max(shape[1] for shape in shapes)
        if len(shapes) * height * width > core.most_pixels:
            ask(batch)
            batch = []
        batch.append(place)
    ask(batch)
    return answers
    ### END SOLUTION


# %% tags=["check"]
check("lab11.ex5", detect_all)

# %% [markdown]
# ## What you can do now
#
# - cut anything into batches without holding all of it,
# - keep bad inputs in the result, and tell them from a broken model,
# - write a job that loses nothing and doubles nothing when it is killed,
# - compute an answer for every user in a memory that does not grow with the users,
# - fill a batch, and say what it gained.
#
# `python -m labs status` in a terminal shows your points. This was the last lab.
