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
# Before a new version of a model replaces the old one, the two are compared on the same requests.
# You call both versions at the same time, keep one version's answer when the other fails, split the
# users between the two, and serve the two as one service over HTTP, an ensemble. The last exercise
# is an open challenge: many clients, dropped connections, and no answer may be lost.
#
# **How it works.** In each exercise's cell, replace `...` with your code and run the cell. Then run
# the `check` cell below it. To get a hint, remove the `#` in the `hint` cell and run it, as often
# as you like.

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
from services.id_card.validation import ImageValidationMiddleware, picture_of

ImageFile = Annotated[Path, ContentType("image/*")]

# %% [markdown]
# This is what is installed on this machine. This lab needs only the lines down to `opencv`:

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# ## Exercise 1 · Ask both, side by side
#
# Complete `ask_both`. It calls two models with the same image and returns a dictionary with each
# model's boxes under its name: `"model_a"` and `"model_b"`.
#
# - `model_a` and `model_b` run in other processes. `model_a.to_async.detect(pixels)` returns a
#   coroutine, which does not start until you await it or pass it to asyncio.
#   `model_a.detect(pixels)` would block the server for all other requests.
# - Call each model once. Both calls must run concurrently.
# - If a model raises an exception, it propagates to the caller of `ask_both`, alone or in an
#   `ExceptionGroup`.


# %% tags=["exercise"]
async def ask_both(model_a, model_b, pixels):
    """Return each model's boxes, under the model's name."""
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
# Complete `ask_all`. `models` is a dictionary that maps names to models like those of exercise 1.
# `ask_all` returns a dictionary with one entry for **every** name:
#
# - `{"found": boxes}` if the model answered,
# - `{"error": {"code": …, "message": …, "hint": …}}` if it did not.
#
# `boxes` is the list that the model returned; it is empty if there is no card in the image. The
# `code` is `"model_failed"` if the model raised an exception, whatever its type, and
# `"model_timeout"` if it has not answered within `seconds`. (If it raised a `TimeoutError` itself,
# either code is right.) The message contains the model's name; the hint says what the client can
# do. The exception's text and type are for your log: no part of them may reach the client.
#
# - All models are called concurrently, and one model's failure does not affect the others' answers.
# - `ask_all` takes at most `seconds`, including any retries.
# - A cancelled call is not a failure of the model: the client has disconnected. Do not turn
#   `asyncio.CancelledError` into an error.


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
            return error("model_failed", f"{name} failed.", "Try again in a minute.")

    tasks = {name: asyncio.create_task(ask(name)) for name in models}
    return {name: await task for name, task in tasks.items()}
    ### END SOLUTION


# %% tags=["check"]
check("lab04.ex2", ask_all)

# %% [markdown]
# ## Exercise 3 · Every user stays with one version
#
# Complete `version_of`, which assigns the users of an A/B test. It returns `"model_a"` or `"model_b"`.
#
# - `share_b`, from 0 to 1, is the share of the users that get `model_b`. It must be accurate to
#   half a thousandth: with 0.0019, about 19 of 10,000 users get `model_b`. With 0 nobody gets it,
#   with 1 everybody does.
# - A user gets the same version in every request, in every process, and after every restart. Keep
#   no table of users.
# - When the share grows, users move only from A to B, never back.
#
# A `user_id` is any string: `"user-17"`, an e-mail address, a name with `ü` in it. Ids that differ in
# any way are different users: `"Ann"`, `"ann"` and `"ann "` are three.


# %% tags=["exercise"]
def version_of(user_id, share_b):
    """Return the version that answers this user."""
    ### BEGIN SOLUTION
    digest = hashlib.sha256(user_id.encode()).digest()
    bucket = int.from_bytes(digest[:8], "big") / 2**64
    return "model_b" if bucket < share_b else "model_a"
    ### END SOLUTION


# %% tags=["check"]
check("lab04.ex3", version_of)

# %% [markdown]
# ## Two models to serve
#
# Exercise 4 needs two versions of the detector as BentoML services. Each runs in a separate
# process. `ModelA` keeps only confident boxes. `ModelB` keeps all of them, and has a bug: it fails
# on images with fewer than 128 rows.


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
# `POST /predict`. It returns
#
#     {"results": {"model_a": …, "model_b": …}}
#
# with the values of exercise 2: `{"found": boxes}`, or an `{"error": …}` for a model that failed or
# did not answer in time. The status is 200 even then. You may call your `ask_all` of exercise 2,
# for instance with 20 seconds. A client waits at most 30 seconds.
#
# - The boxes are those that the two services return. Call each service once per request, both
#   concurrently, with `to_async` as in exercise 1.
# - `image` is the path of the upload, and `picture_of(image)` reads it as an RGB image.
# - Send arrays to other processes: `np.asarray(picture_of(image))`.
# - Keep the last line: this middleware rejects uploads that are not images, so your code need not.


# %% tags=["exercise"]
@bentoml.service(name="card_ensemble")
class Ensemble:
    """Detect ID cards in an image with both versions."""

    ### BEGIN SOLUTION
    model_a = bentoml.depends(ModelA)
    model_b = bentoml.depends(ModelB)

    @bentoml.api(route="/predict")
    async def predict(self, image: ImageFile) -> dict:
        models = {"model_a": self.model_a, "model_b": self.model_b}
        return {"results": await ask_all(models, np.asarray(picture_of(image)), seconds=20)}

    ### END SOLUTION


Ensemble.add_asgi_middleware(ImageValidationMiddleware, paths=("/predict",))

# %% tags=["check"]
check("lab04.ex4", Ensemble)

# %% [markdown]
# ## Exercise 5 · Open challenge: no answer lost
#
# Now 240 clients send requests at once. Write the class `Front`, which forwards them to the two
# models. Each client calls `await front.ask(user_id, pixels)` and expects the boxes of **its**
# image, from **its** version. A user may send another request, with a different image.
#
# `choose(user_id)` returns the name of the user's version, and `models` holds a model for each name.
# The models and the clock are fakes, so the result is the same on a slow machine. Each model
#
# - answers `await model.detect(pixels)` in 30 ms,
# - answers `await model.detect_many(list_of_pixels)`, with 8 images at most, in 20 ms plus 10 ms per
#   image; the results are in the same order,
# - processes 4 calls at a time and queues 4 more. Further calls get a `ConnectionRefusedError`,
# - drops one connection in twenty with a `ConnectionResetError`, sometimes several in a row for the
#   same image. A retry is safe.
#
# If a client disconnects, its call of `ask` is cancelled and has to end with
# `asyncio.CancelledError`. Two `Front` objects share nothing: if the models of one hang, the other
# keeps working.
#
# **To pass:** no wrong and no lost answer, and at least 3 times as many answers per second as with
# one call after the other. **For the leaderboard:** the largest such factor you can reach. The
# reference solution reaches about 7, and twice as much is possible.


# %% tags=["exercise"]
class Front:
    """Forward each client's image to the client's version, and return the answer."""

    def __init__(self, models, choose):
        ### BEGIN SOLUTION
        self.models = models
        self.choose = choose
        self.free = {name: asyncio.Semaphore(8) for name in models}
        ### END SOLUTION

    async def ask(self, user_id, pixels):
        ### BEGIN SOLUTION
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
# - call several models at once with `gather`, and keep their answers separate,
# - turn one model's failure into a value that says which model failed and what to do,
# - assign each user to one version with a hash, without a table,
# - serve an ensemble of models that run in separate processes,
# - limit and retry calls to a model, and lose no answer under load.
#
# In a terminal, `make status` shows your points, and `make lab N=05` opens the next lab.
