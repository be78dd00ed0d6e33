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
# # Lab 04 · Several runners
#
# **Where you are:** after notebook
# [04 · Several runners](../../notebooks/04_several_runners.ipynb).
#
# Two versions of a model look at one picture. You ask both at once, keep one version's answer when
# the other fails, divide the users between the two, and serve the whole. At the end is an open
# challenge: many clients, connections that break, and not one answer may be lost.
#
# **How it works.** In each exercise's cell, `...` stands for what you write. Run it, then the cell
# with `check` below it. For a `hint`, remove the `#` and run that cell.

# %% tags=["setup"]
import asyncio
import hashlib
from pathlib import Path
from typing import Annotated

import bentoml
import numpy as np
from bentoml.validators import ContentType
from PIL import Image

from labs import check, hint, preflight, solution
from services.id_card.detector import Detector
from services.id_card.gate import ImageGate, picture_of

ImageFile = Annotated[Path, ContentType("image/*")]

# %% [markdown]
# What this machine has. This lab needs the first lines only, down to `opencv`:

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# ## Exercise 1 · Ask both, side by side
#
# Complete `ask_both`. It asks two models about one picture and returns a dictionary with each
# model's answer under its name: `"model_a"` and `"model_b"`.
#
# - `model_a` and `model_b` are other processes. `model_a.to_async.detect(pixels)` gives you the work
#   for one picture; it has not begun. `model_a.detect(pixels)` would block everybody else.
# - Both must be under way at the same time.


# %% tags=["exercise"]
async def ask_both(model_a, model_b, pixels):
    """Return what each model finds, under the model's name."""
    ### BEGIN SOLUTION
    found_a, found_b = await asyncio.gather(
        model_a.to_async.detect(pixels), model_b.to_async.detect(pixels)
    )
    return {"model_a": found_a, "model_b": found_b}
    ### END SOLUTION


# %% tags=["check"]
check("lab04.ex1", ask_both)

# %% [markdown]
# ## Exercise 2 · One fails, the other's answer stays
#
# Complete `ask_all`. `models` is a dictionary of names and models like those of exercise 1. It
# returns a dictionary with one entry for **every** name:
#
# - `{"found": boxes}` if the model answered,
# - `{"error": {"code": …, "message": …, "hint": …}}` if it did not.
#
# The `code` is `"model_failed"` if the model raised an exception, and `"model_timeout"` if it had no
# answer after `seconds`. The message names the model; the hint says what the client can do. What
# the exception says is for your log. It must not reach the client.
#
# All models are under way at the same time, and no model's failure touches another's answer.


# %% tags=["exercise"]
async def ask_all(models, pixels, seconds):
    """Return each model's boxes, or an error in their place."""

    ### BEGIN SOLUTION
    def error(code, message, advice):
        return {"error": {"code": code, "message": message, "hint": advice}}

    async def ask(name):
        try:
            async with asyncio.timeout(seconds):
                return {"found": await models[name].to_async.detect(pixels)}
        except TimeoutError:
            return error("model_timeout", f"{name} took too long.", "Try again later.")
        except Exception:
            return error("model_failed", f"{name} failed.", "Tell whoever runs the server.")

    tasks = {name: asyncio.create_task(ask(name)) for name in models}
    return {name: await task for name, task in tasks.items()}
    ### END SOLUTION


# %% tags=["check"]
check("lab04.ex2", ask_all)

# %% [markdown]
# ## Exercise 3 · Every user stays with one version
#
# Complete `version_of`, which divides the users of an A/B test. It returns `"model_a"` or
# `"model_b"`.
#
# - `share_b`, from 0 to 1, is the share of the users whom `model_b` answers. It must come out right to
#   one in a thousand: 0.004 is a share that people use.
# - A user gets the same version in every request, in every process, and after every restart. There is
#   no table of users.
# - When the share grows, users move from A to B, and nobody moves back.
#
# A `user_id` is any text: `"user-17"`, an e-mail address, a name with `ü` in it.


# %% tags=["exercise"]
def version_of(user_id, share_b):
    """Return the version that answers this user."""
    ### BEGIN SOLUTION
    digest = hashlib.sha256(user_id.encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    return "model_b" if place < share_b else "model_a"
    ### END SOLUTION


# %% tags=["check"]
check("lab04.ex3", version_of)

# %% [markdown]
# ## Two models to serve
#
# For exercise 4, here are two versions of the detector, as services with processes of their own. `ModelA` keeps only
# what it is sure of. `ModelB` keeps everything, and has a bug: it fails on pictures with fewer than
# 128 rows.


# %% tags=["setup"]
@bentoml.service(name="model_a")
class ModelA:
    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.api
    def detect(self, pixels: np.ndarray) -> list[dict]:
        [found] = self.detector.detect([Image.fromarray(pixels)])
        return [detection.as_dict() for detection in found if detection.confidence >= 0.8]


@bentoml.service(name="model_b")
class ModelB:
    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.api
    def detect(self, pixels: np.ndarray) -> list[dict]:
        if len(pixels) < 128:
            raise ValueError("fewer than 128 rows")
        [found] = self.detector.detect([Image.fromarray(pixels)])
        return [detection.as_dict() for detection in found]


# %% [markdown]
# ## Exercise 4 · The ensemble over HTTP
#
# Write the service `Ensemble` that depends on `ModelA` and `ModelB`, with the endpoint
# `POST /predict`. It answers
#
#     {"results": {"model_a": …, "model_b": …}}
#
# with the values of exercise 2: `{"found": boxes}`, or an `{"error": …}` for the model that failed.
# The answer's status is 200 even if one model failed. You may call your `ask_all` of exercise 2, for
# instance with 20 seconds.
#
# - `image` is the path of the upload, and `picture_of(image)` makes an RGB picture of it.
# - Between processes send arrays: `np.asarray(picture)`.
# - The last line is given: the gate refuses what is no picture, so your code need not.


# %% tags=["exercise"]
@bentoml.service(name="card_ensemble")
class Ensemble:
    """Find ID cards in a picture with both versions."""

    ### BEGIN SOLUTION
    model_a = bentoml.depends(ModelA)
    model_b = bentoml.depends(ModelB)

    @bentoml.api(route="/predict")
    async def predict(self, image: ImageFile) -> dict:
        models = {"model_a": self.model_a, "model_b": self.model_b}
        return {"results": await ask_all(models, np.asarray(picture_of(image)), seconds=20)}

    ### END SOLUTION


Ensemble.add_asgi_middleware(ImageGate, paths=("/predict",))

# %% tags=["check"]
check("lab04.ex4", Ensemble)

# %% [markdown]
# ## Exercise 5 · Open challenge: no answer lost
#
# Now 240 clients come at once. Write the class `Front` that stands between them and the two models.
# Each client calls `await front.ask(user_id, pixels)` and wants the boxes of **its** picture, from
# **its** version.
#
# `choose(user_id)` names the user's version, and `models` holds a model for each name. The check
# pretends the models and their time, so that its figure is the same on a slow machine. Each of them
#
# - answers `await model.detect(pixels)` in 30 ms,
# - answers `await model.detect_many(list_of_pixels)`, 8 pictures at most, with a list in the same
#   order, in 20 ms plus 10 ms a picture,
# - works on 4 calls at a time, and lets 4 more wait. Further calls get a `ConnectionRefusedError`,
# - loses one connection in twenty: a `ConnectionResetError`. To ask again is safe.
#
# **To pass:** no wrong and no lost answer, and at least 3 times as many answers a second as one
# call after the other. **For the leaderboard:** as many times as you can. The solution here reaches
# about 7, and twice as much is possible.


# %% tags=["exercise"]
class Front:
    """Bring every client's picture to the client's version, and the answer back."""

    ### BEGIN SOLUTION
    def __init__(self, models, choose):
        self.models = models
        self.choose = choose
        self.free = {name: asyncio.Semaphore(8) for name in models}

    async def ask(self, user_id, pixels):
        name = self.choose(user_id)
        async with self.free[name]:
            while True:
                try:
                    return await self.models[name].detect(pixels)
                except ConnectionError:
                    continue

    ### END SOLUTION


# %% tags=["check"]
check("lab04.ex5", Front)

# %% [markdown]
# ## What you can do now
#
# - ask several models at once with `gather`, and keep their answers apart,
# - turn one model's failure into a value that says which model and what to do,
# - give every user one version, with a hash and without a table,
# - serve models that depend on each other,
# - put a limit and a second try before a model, and lose nothing under load.
#
# `python -m labs status` in a terminal shows your points. Next:
# [lab 05](../lab05_observability/lab05_observability.ipynb).
