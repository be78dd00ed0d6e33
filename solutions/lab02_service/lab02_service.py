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
# You write the detector's service with BentoML's current API, a client that understands a refusal
# (a response that says what is wrong with the request), and the validation that rejects uploads
# that are not images.
#
# **How it works.** In each exercise's cell, replace `...` with your code and run the cell. Then run
# the `check` cell below it. To get a hint, remove the `#` in the `hint` cell and run it, as often
# as you like.

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
from services.id_card.validation import ImageValidationMiddleware, picture_of
from services.id_card.model.images import decode

ImageFile = Annotated[Path, ContentType("image/*")]

# %% [markdown]
# This is what is installed on this machine. This lab needs only the lines down to `packages`:

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# ## Exercise 1 · The endpoint
#
# The constructor loads the model when a worker starts. Complete the endpoint: it returns the
# chapter's JSON for **every** box that the detector finds in the uploaded image.
#
# BentoML passes `image`, the path of a file that holds the upload. `picture_of(image)` reads the
# image from this file. `self.detector.detect(pictures)` takes a list of images. Several requests
# run concurrently on the same object. If the detector raises an exception, so does the endpoint.


# %% tags=["exercise"]
@bentoml.service(name="id_card_detector")
class CardService:
    """Find ID cards in an image."""

    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.api(route="/inference")
    def inference(self, image: ImageFile) -> list[dict]:
        """Return every box in one image."""
        ### BEGIN SOLUTION
        [found] = self.detector.detect([picture_of(image)])
        return [detection.as_dict() for detection in found]
        ### END SOLUTION


# %% tags=["check"]
check("lab02.ex1", CardService)

# %% [markdown]
# ## Exercise 2 · A client that reads refusals
#
# Complete `ask`. It sends the bytes of an image to `/inference`, as the file in the form field
# `image`, through the `httpx.Client` that is passed in. It returns the list of boxes in the
# response. Do not close the client.
#
# - A refusal (**any** status from 400 to 499) has the body
#   `{"error": {"code": …, "message": …, "hint": …}}`. Raise a `ValueError` whose text contains the
#   message **and** the hint.
# - A server error (any status from 500 to 599) may have any body. Raise a `RuntimeError`. Do not
#   retry the request for ever.


# %% tags=["exercise"]
def ask(client, data):
    """Return the boxes in the image whose bytes are given."""
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
# Complete `picture_from(upload, max_bytes)`, which validates an upload before the model sees it.
# For a complete image in any of the formats that `decode` reads (JPEG, PNG, WebP, GIF, BMP, TIFF),
# it returns a PIL image of mode RGB, decoded to its last pixel. It refuses everything else with an
# `InputError(message, code=…, status=…, hint=…)` whose hint says how to fix the request:
#
# | upload | status | code |
# |---|---|---|
# | text (a `str`), whatever its content and length | 422 | `image_not_a_file` |
# | more than `max_bytes` bytes, which are not decoded | 413 | `body_too_large` |
# | bytes that are not an image | 415 | any |
# | no bytes at all, or a truncated image | 400 | any |
#
# Text is never treated as a path: the function does not open the file, or even test whether it
# exists. You may use this repository's `decode(data)`, imported above.


# %% tags=["exercise"]
def picture_from(upload, max_bytes):
    """Return the uploaded image, or refuse it with a status that says why."""
    ### BEGIN SOLUTION
    if isinstance(upload, str):
        raise InputError(
            "The upload is text, not a file.",
            code="image_not_a_file",
            status=422,
            hint="Send the bytes of the image.",
        )
    if len(upload) > max_bytes:
        raise InputError(
            f"The upload has {len(upload)} bytes; {max_bytes} are allowed.",
            code="body_too_large",
            status=413,
            hint="Scale the image down.",
        )
    return decode(upload)
    ### END SOLUTION


# %% tags=["check"]
check("lab02.ex3", picture_from)

# %% [markdown]
# ## Exercise 4 · Design it: a service that cannot be misused
#
# Write a service `SafeService` with the endpoint `/inference` of exercise 1. It must withstand the
# bad uploads of notebook 02: text files, truncated images, empty files, wrong fields, bodies of
# more than 20 MiB, and paths on the server.
#
# - Every bad upload gets a status from 400 to 499 and the body of a refusal, an `error` with
#   `code`, `message` and `hint`.
# - No endpoint of the service ever treats text as a path.
# - Valid images get every box, before and after an attack, even when several requests run
#   concurrently. The model is loaded once, in the constructor.
#
# How you do it is up to you. `ImageValidationMiddleware`, imported above, validates images. It is
# ASGI middleware: code between the web server and the framework, which sees each request first.


# %% tags=["exercise"]
@bentoml.service(name="id_card_detector")
class SafeService:
    """Find ID cards in images, and refuse everything else."""

    ### BEGIN SOLUTION
    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.api(route="/inference")
    def inference(self, image: ImageFile) -> list[dict]:
        [found] = self.detector.detect([picture_of(image)])
        return [detection.as_dict() for detection in found]


SafeService.add_asgi_middleware(ImageValidationMiddleware, paths=("/inference",))
### END SOLUTION


# %% tags=["check"]
check("lab02.ex4", SafeService)

# %% [markdown]
# ## What you can do now
#
# - write a thin endpoint that leaves the work to the core,
# - distinguish client errors from server errors, on both sides,
# - accept bytes and refuse everything else, with a reason,
# - put validation middleware in front of a service.
#
# In a terminal, `make status` shows your points, and `make lab N=03` opens the next lab.
