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
# # Lab 02 · The service
#
# **Where you are:** after notebook [02 · The service](../../notebooks/02_service.ipynb).
#
# You write the detector's service in today's BentoML API, a client that understands a refusal, and
# the defence against uploads that are no pictures.
#
# **How it works.** In each exercise's cell, `...` stands for what you write. Run it, then the cell
# with `check` below it. For a `hint`, remove the `#` and run that cell.

# %% tags=["setup"]
from pathlib import Path
from typing import Annotated

import bentoml
import httpx
from bentoml.validators import ContentType
from PIL import Image

from labs import check, hint, preflight, solution
from services.errors import InputError
from services.id_card.detector import Detector
from services.id_card.gate import ImageGate, picture_of
from services.id_card.images import decode

ImageFile = Annotated[Path, ContentType("image/*")]

# %% [markdown]
# What this machine has. This lab needs the first lines only, down to `packages`:

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# ## Exercise 1 · The endpoint
#
# The constructor loads the model when a worker starts. Complete the endpoint: it returns the
# chapter's JSON of **every** box in the uploaded picture.
#
# BentoML hands over `image`, the path of a file that holds the upload. `picture_of(image)` makes
# a picture of it. `self.detector.detect(pictures)` takes a list of pictures.


# %% tags=["exercise"]
@bentoml.service(name="id_card_detector")
class CardService:
    """Find ID cards in a picture."""

    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.api(route="/inference")
    def inference(self, image: ImageFile) -> list[dict]:
        """Return every box in one picture."""
        ### BEGIN SOLUTION
        [found] = self.detector.detect([picture_of(image)])
        return [detection.as_dict() for detection in found]
        ### END SOLUTION


# %% tags=["check"]
check("lab02.ex1", CardService)

# %% [markdown]
# ## Exercise 2 · A client that reads refusals
#
# Complete `ask`. It sends the bytes of a picture to `/inference`, as the form field `image`, with
# the `httpx.Client` that it is given, and returns the answer's list of boxes.
#
# - A refusal (status 400 to 499) has the body `{"error": {"code": …, "message": …, "hint": …}}`.
#   Raise a `ValueError` whose text holds the message **and** the hint.
# - A server that is broken (500 and more) may answer anything. Raise a `RuntimeError`.


# %% tags=["exercise"]
def ask(client, data):
    """Return the boxes in the picture whose bytes are given."""
    ### BEGIN SOLUTION
    response = client.post("/inference", files={"image": data})
    if response.status_code >= 500:
        raise RuntimeError(f"the service is broken: status {response.status_code}")
    if response.status_code >= 400:
        error = response.json()["error"]
        raise ValueError(f"{error['message']} {error['hint']}")
    return response.json()
    ### END SOLUTION


# %% tags=["check"]
check("lab02.ex2", ask)

# %% [markdown]
# ## Exercise 3 · Bytes, and nothing but bytes
#
# Complete `picture_from(upload, max_bytes)`, which stands between the world and the model. It
# returns a PIL image of mode RGB, decoded to its last pixel. What it cannot accept it refuses with an
# `InputError(message, code=…, status=…, hint=…)`:
#
# | upload | status | code |
# |---|---|---|
# | text (a `str`), whatever it says: it is never opened | 422 | `image_not_a_file` |
# | more than `max_bytes` bytes: it is not decoded | 413 | `body_too_large` |
# | no picture | 415 | any |
# | empty, or a picture that is cut off | 400 | any |
#
# `decode(data)` of this repository, imported above, is a good helper.


# %% tags=["exercise"]
def picture_from(upload, max_bytes):
    """Return the uploaded picture, or refuse it with a status that says why."""
    ### BEGIN SOLUTION
    if isinstance(upload, str):
        raise InputError(
            "The upload is text, not a file.",
            code="image_not_a_file",
            status=422,
            hint="Send the bytes of the picture.",
        )
    if len(upload) > max_bytes:
        raise InputError(
            f"The upload has {len(upload)} bytes; {max_bytes} are allowed.",
            code="body_too_large",
            status=413,
            hint="Scale the picture down.",
        )
    return decode(upload)
    ### END SOLUTION


# %% tags=["check"]
check("lab02.ex3", picture_from)

# %% [markdown]
# ## Exercise 4 · Design it: a service that cannot be misused
#
# Write a service `SafeService` with the endpoint `/inference` of exercise 1 that survives what
# notebook 02 throws at it: text files, half pictures, empty files, wrong fields, too large bodies,
# and paths on the server.
#
# - Every bad upload gets a status from 400 to 499 and the body of a refusal: an `error` with `code`,
#   `message` and `hint`.
# - No text is ever taken for a path.
# - Good pictures get every box, before and after an attack.
#
# How you do it is up to you. `ImageGate`, imported above, is one way.


# %% tags=["exercise"]
@bentoml.service(name="id_card_detector")
class SafeService:
    """Find ID cards in a picture, and nothing else in anything else."""

    ### BEGIN SOLUTION
    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.api(route="/inference")
    def inference(self, image: ImageFile) -> list[dict]:
        [found] = self.detector.detect([picture_of(image)])
        return [detection.as_dict() for detection in found]


SafeService.add_asgi_middleware(ImageGate, paths=("/inference",))
### END SOLUTION


# %% tags=["check"]
check("lab02.ex4", SafeService)

# %% [markdown]
# ## What you can do now
#
# - write an endpoint that translates, and leaves the work to the core,
# - tell the client's errors from the server's, on both sides,
# - accept bytes and refuse everything else, with a reason,
# - put a gate before a service.
#
# `python -m labs status` in a terminal shows your points. Next: [lab 03](../lab03_render/lab03_render.ipynb).
