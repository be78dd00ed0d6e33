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
# You build what that notebook shows: the JSON for an image, a Runnable, and a service around it. In
# the last exercise you design a batchable Runnable yourself: one that computes many images in one
# call.
#
# **How it works.** In each exercise's cell, replace `...` with your code and run the cell. Then run
# the `check` cell below it. The check reports what differs, for which input, and the likely cause.
# It uses fresh inputs each time. To get a hint, remove the `#` in the `hint` cell and run it, as
# often as you like.
#
# In every exercise, leave the arguments as they are: the caller still needs its images and lists.
# If the model or the Runner raises an exception, so does your code.

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
# This is what is installed on this machine. This lab needs only the lines down to `packages`:

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# ## Exercise 1 · Every box, not the first
#
# Complete `boxes_of`. It takes a detector and one image (PIL), and returns a list with the
# chapter's JSON for **every** box that the detector finds: one dictionary per box, with its values
# unchanged.
#
# `detector.detect(pictures)` takes a *list* of images and returns one list of `Detection` objects
# for each image. A `Detection` has the method `as_dict()`.


# %% tags=["exercise"]
def boxes_of(detector, picture):
    """Return a list with one dictionary for each box in one image."""
    ### BEGIN SOLUTION
    [found] = detector.detect([picture])
    return [detection.as_dict() for detection in found]
    ### END SOLUTION


# %% tags=["check"]
check("lab01.ex1", boxes_of)

# %% [markdown]
# ## Exercise 2 · The Runnable
#
# Write the class that a Runner runs. BentoML creates **one** instance of it in each process, when
# the process starts, and then calls its method many times.
#
# - Set the two class attributes that BentoML reads: it runs only on `"cpu"`, and one process does
#   **not** keep several cores busy.
# - Load the model once, in the constructor: `Detector.from_environment()`.
# - Its method `inference` can be called from another process. It takes one RGB image as an array of
#   shape (height, width, 3), and returns what `boxes_of` returns. It is not batchable.
# - If the model raises an exception, let it propagate: the caller must not mistake a failure for an
#   answer.


# %% tags=["exercise"]
class CardRunnable(bentoml.legacy.Runnable):
    """Find ID cards, in a separate process."""

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
# ## Exercise 3 · Await, and all at once
#
# An API server has one thread. Complete the coroutine function `ask`: it calls a Runner for **all**
# images of a list and returns the answers as a `list`, in the order of the images.
#
# - All calls must run concurrently. One after the other gives the same list, but slowly.
# - `runner.inference.async_run(picture)` returns a coroutine: the work for one image, not yet started.
# - If one of the calls raises an exception, `ask` raises it, too, alone or in an `ExceptionGroup`.


# %% tags=["exercise"]
async def ask(runner, pictures):
    """Return the Runner's answer for each image; all calls run at the same time."""
    ### BEGIN SOLUTION
    return list(await asyncio.gather(*[runner.inference.async_run(p) for p in pictures]))
    ### END SOLUTION


# %% tags=["check"]
check("lab01.ex3", ask)

# %% [markdown]
# ## Exercise 4 · A service around it
#
# Serve your Runnable with BentoML's older API (`bentoml.legacy`). Write:
#
# - a Runner of `CardRunnable`, called `card_runnable`,
# - a service `svc` with the name `yolo_v8` that has this one Runner,
# - an endpoint `/inference` that takes an image (`ImageIO()`), calls the Runner once, and returns
#   the Runner's JSON (`JSON()`).
#
# BentoML passes a PIL image to your endpoint. The image can have any mode: a PNG may have
# transparency or a palette. The Runner needs an RGB array, as in exercise 2. Several requests run
# concurrently, and each must get the boxes of its own image.
#
# The check serves your service first with a fake model, then with `bentoml serve` and the real
# model, which takes a while.

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
# ## Exercise 5 · Design it: one call for many images
#
# Under load, BentoML can collect waiting requests and pass them to a Runner as one batch. This is
# faster only if the model computes the batch in **one** call. Write `BatchRunnable`. The
# requirements of exercise 2 apply here, too, except that the method `inference` is batchable:
#
# - it takes a list of arrays (along dimension 0), which may differ in size,
# - it returns one list of boxes for each array, in the same order, including empty lists,
# - it calls the detector once for the whole batch, however long the batch is.


# %% tags=["exercise"]
class BatchRunnable(bentoml.legacy.Runnable):
    """Find ID cards in many images at once."""

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
# - turn detections into JSON without losing any,
# - write a Runnable that loads its model once, and a batchable one,
# - run several calls concurrently with `gather`,
# - serve a Runnable over HTTP.
#
# In a terminal, `make status` shows your points, and `make lab N=02` opens the next lab.
