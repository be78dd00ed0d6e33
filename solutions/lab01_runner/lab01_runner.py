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
# # Lab 01 · A model behind a Runner
#
# **Where you are:** after notebook [01 · A model behind a Runner](../../notebooks/01_runner.ipynb).
#
# You build what that notebook shows: the JSON of a picture, a Runnable, a service around it, and at
# the end a design of your own.
#
# **How it works.** Every exercise has a cell in which `...` stands for what you write. Run it, then
# run the cell with `check` below it. A check says what differs, where it shows, and the likely cause.
# It uses fresh inputs each time. Ask for a `hint` as often as you like: remove the `#` and run.

# %% tags=["setup"]
import asyncio
import warnings

import bentoml
import numpy as np
from PIL import Image

warnings.filterwarnings("ignore", "`(bentoml|Runner)")  # the old API is deprecated, as you know
from bentoml.io import JSON
from bentoml.io import Image as ImageIO

from labs import check, hint, preflight, solution
from services.id_card.detector import Detector

# %% [markdown]
# What this machine has. This lab needs the first lines only, down to `packages`:

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# ## Exercise 1 · Every box, not the first
#
# Complete `boxes_of`. It is given a detector and one picture, and returns the chapter's JSON of
# **every** box in it: a list of dictionaries.
#
# What you have: `detector.detect(pictures)` takes a *list* of pictures and returns one list of
# `Detection` objects for each; a `Detection` has `as_dict()`.


# %% tags=["exercise"]
def boxes_of(detector, picture):
    """Return a list with one dictionary for each box in one picture."""
    ### BEGIN SOLUTION
    [found] = detector.detect([picture])
    return [detection.as_dict() for detection in found]
    ### END SOLUTION


# %% tags=["check"]
check("lab01.ex1", boxes_of)

# %% [markdown]
# ## Exercise 2 · The Runnable
#
# Write the class that a Runner runs. BentoML makes **one** object of it in each process, when the
# process starts, and then calls its method many times.
#
# - Give it the two class attributes that BentoML asks for: it runs on `"cpu"`, and one process does
#   **not** keep several cores busy.
# - Load the model once: `Detector.from_environment()`.
# - Its method `inference` can be called from another process. It takes one picture as an array,
#   shape (height, width, 3), RGB, and returns what `boxes_of` returns. It is not batchable.


# %% tags=["exercise"]
class CardRunnable(bentoml.legacy.Runnable):
    """Find ID cards, in a process of its own."""

    ### BEGIN SOLUTION
    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = False

    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.legacy.Runnable.method(batchable=False)
    def inference(self, pixels):
        return boxes_of(self.detector, Image.fromarray(pixels))

    ### END SOLUTION


# %% tags=["check"]
check("lab01.ex2", CardRunnable)

# %% [markdown]
# ## Exercise 3 · Await, and both at once
#
# An API server has one thread. Complete `ask`, a coroutine function: it asks a Runner about
# **all** pictures of a list and returns their answers as a list, in the order of the pictures.
#
# - All calls must be under way at the same time. One after the other would be right, but slow.
# - `runner.inference.async_run(picture)` gives you the work for one picture; it has not begun.


# %% tags=["exercise"]
async def ask(runner, pictures):
    """Return the Runner's answer for each picture, asked all at once."""
    ### BEGIN SOLUTION
    return list(await asyncio.gather(*[runner.inference.async_run(p) for p in pictures]))
    ### END SOLUTION


# %% tags=["check"]
check("lab01.ex3", ask)

# %% [markdown]
# ## Exercise 4 · A service around it
#
# Make a server of your Runnable, with BentoML's older API (`bentoml.legacy`):
#
# - a Runner of `CardRunnable`, called `card_runnable`,
# - a service `svc` with the name `yolo_v8` that knows this Runner,
# - an endpoint `/inference` that takes a picture (`ImageIO()`) and answers with the Runner's JSON
#   (`JSON()`).
#
# BentoML hands a PIL image to your endpoint. It may have any mode, a JPEG or a PNG with transparency.
# The Runner wants an RGB array. The check copies what your service needs out of your cells and serves
# it, first with a pretended model, then with `bentoml serve` and the real one. That takes a while.

# %% tags=["exercise"]
runner = ...
svc = ...
### BEGIN SOLUTION
runner = bentoml.legacy.Runner(CardRunnable, name="card_runnable")
svc = bentoml.legacy.Service("yolo_v8", runners=[runner])


@svc.api(input=ImageIO(), output=JSON())
async def inference(picture):
    return await runner.inference.async_run(np.asarray(picture.convert("RGB")))


### END SOLUTION


# %% tags=["check"]
check("lab01.ex4", svc)

# %% [markdown]
# ## Exercise 5 · Design it: one call for many pictures
#
# Under load, BentoML can gather waiting requests and hand them to a Runner as one batch. That pays
# only if the model computes the batch in **one** call. Write `BatchRunnable`, like `CardRunnable`, with
# a batchable method `inference`:
#
# - it takes a list of arrays (along dimension 0), which may differ in size,
# - it returns one list of boxes for each of them, in the same order, empty lists included,
# - it calls the core once for the whole batch.


# %% tags=["exercise"]
class BatchRunnable(bentoml.legacy.Runnable):
    """Find ID cards in many pictures at once."""

    ### BEGIN SOLUTION
    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = False

    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.legacy.Runnable.method(batchable=True, batch_dim=0)
    def inference(self, batch):
        found = self.detector.detect([Image.fromarray(pixels) for pixels in batch])
        return [[detection.as_dict() for detection in each] for each in found]

    ### END SOLUTION


# %% tags=["check"]
check("lab01.ex5", BatchRunnable)

# %% [markdown]
# ## What you can do now
#
# - turn detections into JSON without losing one,
# - write a Runnable that loads its model once, and a batchable one,
# - keep several calls under way at once with `gather`,
# - serve it.
#
# `python -m labs status` in a terminal shows your points. Next:
# [lab 02](../lab02_service/lab02_service.ipynb).
