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
# A batch job computes all answers ahead of time, without a server. You build its pieces: batches of
# inputs, bad files that become rows, part files that survive a kill, and the best movies for all
# users. The last exercise is an open challenge: how much faster than a plain loop can a job be?
#
# **How it works.** In each exercise cell, replace `...` with your code. Run the cell, then run the cell
# with `check` below it. For a `hint`, remove the `#` and run that cell.

# %% tags=["setup"]
import itertools
import json
import os
from pathlib import Path

import numpy as np

from labs import check, hint, preflight, solution
from services.errors import InputError
from services.id_card.model.images import decode

# %% [markdown]
# What is installed on this machine. This lab needs only the first lines, down to `packages`:

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# ## Exercise 1 · In batches
#
# Complete `batches`. It yields the items in batches of `n`, in their order, so that you can write
# `for batch in batches(items, n):`.
#
# - `items` is any iterable: a list, a generator, or one that never ends. It may be possible to loop
#   over it only once. A list belongs to the caller; do not change it.
# - Each batch is a new list (or tuple) with `n` items; the last one may have fewer. No batch is empty:
#   if there are no items, there is no batch.
# - Items may be anything, including `None` and `0`.
# - Take items only when a batch is requested: the call `batches(items, n)` alone takes none. Never take
#   more than one batch beyond those that you have yielded.
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
# may have the same name, and a path may occur twice. Do not change the list. The function returns a
# list with one new dictionary for **every** path, in their order:
#
# - `{"file": path.name, "boxes": boxes, "error": None}` for an image. If there is no card in it,
#   `boxes` is `[]`.
# - `{"file": path.name, "boxes": None, "error": text}` for a file that cannot be read, where `text` is
#   exactly `str(error)` of the exception.
#
# What you have:
#
# - `decode(path.read_bytes())` returns an image. It raises `InputError` if the bytes are not an image.
#   `read_bytes()` raises an `OSError` if the file is missing, is a folder, or may not be read.
# - `predict(images)` takes a list of **at most `n`** images, and returns a list with the boxes of each,
#   in their order. It also accepts an empty list.
# - You may split `paths` with your `batches` from exercise 1.
#
# Only an `InputError` or an `OSError` **while a file is read** means a bad file. Any other exception
# while reading is a bug. If `predict` raises an exception of any class, the model is broken. In both
# cases no row can be right, so let the exception propagate.


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
        found = iter(predict([image for _, image, error in files if error is None]))
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
# Exercise 3 needs this function. Batch 0 goes into the file `part-00000.json`:


# %% tags=["setup"]
def part_name(number):
    return f"part-{number:05}.json"


# %% [markdown]
# ## Exercise 3 · All or nothing
#
# Complete `run_job`, a job that can be killed at any moment and started again. `batches` is a list of
# batches. `compute(batch)` takes a long time and returns a list of rows that can be written as JSON.
# `folder` is a `Path` to an existing folder.
#
# - The rows of batch number 0, 1, 2 … go into `folder / part_name(number)`, as JSON: one list of rows.
# - Every file with such a name is complete, **at any moment**. The job may be killed while it writes.
# - Write each part before you compute the next batch.
# - If a batch's part exists, do not compute the batch again; otherwise, compute it. Only the parts
#   themselves show what is done: the next run is a new process that has nothing but `folder`. Other
#   files that a killed run left there are not parts.
# - `folder` may be on a different disk from the system's temporary files, so write only inside
#   `folder`.
# - At the end, return the rows of **all** batches in one list, in the order of the batches.
#
# The check runs your job in new processes, with the cells that it depends on, and kills them: while
# they compute, in the middle of writing, before a file is renamed. (It does not simulate a power
# failure. To survive that, you would need `os.fsync` before the rename, as in
# `services/batch/parts.py`.)


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
# Complete `recommend_all`. It returns a list with one new list for each item of `users`, in their order:
# the ids of the user's `k` best movies, the best first.
#
# - `core.scores(users)` returns an array of shape (number of users, number of movies). It takes **at
#   most `n`** users in one call; more do not fit into memory. Call it once for each block of `n` users,
#   in their order: `users[0:n]`, `users[n:2 * n]` and so on. Do not keep the scores of earlier blocks.
#   The array is yours: you may change it.
# - `core.movie_ids` is an array with the movie id of each column, in ascending order.
# - `core.rated_by(user)` is a list of the ids of the movies that this user has rated. They must not be
#   recommended. Scores may be negative.
# - Of movies with equal scores, the one with the lower id comes first.
# - If fewer than `k` movies remain for a user, the list is shorter. It may be empty.
#
# `users` is a list of ids, in which a user may occur twice; do not change it. The lists that you return
# for each user may also be arrays. How you find the best movies is up to you.


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
# Process 240 images as fast as you can. Write `detect_all`, which returns the core's boxes for each
# image, in the order of the list `pictures`. Do not change the list or the images.
#
# An image is an array of shape (height, width, 3). The shorter sides have 16 to 120 pixels; some images
# are upright, some are wide. 60 of them are exact copies of others, pixel by pixel, and get the same
# boxes. Others are only similar, and get different boxes. The sizes are the same in every check; the
# order and the pixels are not.
#
# `core.detect(batch)` takes a list of one or more images and returns a list of boxes for each. The core
# is a stub with a simulated clock, so the result is the same on a slow machine:
#
# - The images of one call are padded to the height of the tallest and the width of the widest.
# - Including the padding, all images of a call together may have at most `core.most_pixels` pixels
#   (131,072). If there are more, the call raises a `MemoryError`.
# - A call takes 40 ms, and 1 ms more for every 1,024 pixels, padding included.
#
# **To pass:** give the right answer for every image, and process at least 4 times as many images per
# second as with one call for each image. You may call the core for copies, or not. **For the
# leaderboard:** reach the highest factor that you can. The solution here reaches about 4.5, and half as
# much again is possible.


# %% tags=["exercise"]
def detect_all(core, pictures):
    """Return the boxes of each image."""
    ### BEGIN SOLUTION
    answers = [None] * len(pictures)

    def run(places):
        found = core.detect([pictures[place] for place in places])
        for number, boxes in enumerate(found):
            answers[places[number]] = boxes

    batch = []
    for place in sorted(range(len(pictures)), key=lambda place: pictures[place].size):
        shapes = [pictures[other].shape for other in [*batch, place]]
        height, width = max(shape[0] for shape in shapes), max(shape[1] for shape in shapes)
        if len(shapes) * height * width > core.most_pixels:
            run(batch)
            batch = []
        batch.append(place)
    run(batch)
    return answers
    ### END SOLUTION


# %% tags=["check"]
check("lab11.ex5", detect_all)

# %% [markdown]
# ## What you can do now
#
# - split any iterable into batches without holding all of it in memory,
# - keep bad inputs in the result, and distinguish them from a broken model,
# - write a job that loses and repeats at most the batch in progress when it is killed,
# - compute answers for all users in memory that does not grow with their number,
# - fill a batch, and measure what that gains.
#
# In a terminal, `make status` shows your points, and `make lab N=12` opens the next lab.
