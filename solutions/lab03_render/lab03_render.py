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
# # Lab 03 · Answer with a picture
#
# **Where you are:** after notebook [03 · /render](../../notebooks/03_render.ipynb).
#
# You draw boxes in memory, in the right colours and without loss, then answer several requests at
# once, then serve it.
#
# **How it works.** Every exercise has a cell in which `...` stands for what you write. Run it, then
# run the cell with `check` below it. A check says what differs, where it shows, and the likely cause.
# It uses fresh inputs each time. Ask for a `hint` as often as you like: remove the `#` and run.

# %% tags=["setup"]
import io
from pathlib import Path
from typing import Annotated

import bentoml
import numpy as np
from bentoml.validators import ContentType
from PIL import Image, ImageDraw

from labs import check, hint, preflight, solution
from services.id_card.detector import Detector

# %% [markdown]
# What this machine has. This lab needs the first lines only, down to `opencv`:

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# ## Exercise 1 · Draw on a copy
#
# Complete `frames`. It gets a picture (PIL, RGB) and a list of boxes, each a tuple
# `(left, top, right, bottom)` in pixels. It returns a picture of the same size, RGB, with a frame of
# your colour, one to four pixels wide, along the edges of **every** box.
#
# - The picture that was handed in must be the same afterwards.
# - What is inside a box must stay visible: a frame, no filled rectangle.
# - Without boxes you return a plain copy.


# %% tags=["exercise"]
def frames(picture, boxes):
    """Return a copy of the picture with a frame around each box."""
    ### BEGIN SOLUTION
    canvas = picture.copy()
    pen = ImageDraw.Draw(canvas)
    for box in boxes:
        pen.rectangle(box, outline="magenta", width=3)
    return canvas
    ### END SOLUTION


# %% tags=["check"]
check("lab03.ex1", frames)

# %% [markdown]
# ## Exercise 2 · The right colours, without loss
#
# ultralytics draws boxes itself: `result.plot()` returns the drawn picture as an array of shape
# (height, width, 3), uint8. Its channels are in OpenCV's order: blue, green, red.
#
# Complete `png_of`. It returns the **bytes** of a PNG file that shows the picture in its right colours,
# with every pixel as it was.


# %% tags=["exercise"]
def png_of(result):
    """Return the bytes of a PNG of what ultralytics drew."""
    ### BEGIN SOLUTION
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(result.plot()[:, :, ::-1])).save(buffer, format="PNG")
    return buffer.getvalue()
    ### END SOLUTION


# %% tags=["check"]
check("lab03.ex2", png_of)

# %% [markdown]
# ## Exercise 3 · Two requests at once
#
# Write `render`. It gets a detector and the bytes of an uploaded picture, and returns the bytes of a
# PNG: the picture in RGB, with a frame around every box that the detector finds. `detector.detect`
# takes a list of pictures and returns a list of `Detection` objects for each; a `Detection` has a
# `box`.
#
# The check calls your function from several threads at the same time, each with another picture.
# Everyone must get their own picture back. You may use your `frames`.


# %% tags=["exercise"]
def render(detector, upload):
    """Return the upload as a PNG with a frame around each found card."""
    ### BEGIN SOLUTION
    picture = Image.open(io.BytesIO(upload)).convert("RGB")
    [found] = detector.detect([picture])
    buffer = io.BytesIO()
    frames(picture, [detection.box for detection in found]).save(buffer, format="PNG")
    return buffer.getvalue()
    ### END SOLUTION


# %% tags=["check"]
check("lab03.ex3", render)

# %% [markdown]
# ## Exercise 4 · Design it: POST /render
#
# Make a service of it, with today's API:
#
# - a class `CardRenderer` with `@bentoml.service`, which loads the model once:
#   `Detector.from_environment()`,
# - an endpoint `/render` that takes the multipart field `image`, a file, and answers with the drawn PNG,
# - the answer says what it is: its Content-Type is `image/png`.
#
# The check copies what your service needs out of your cells and serves it with a pretended model.

# %% tags=["exercise"]
CardRenderer = ...
### BEGIN SOLUTION
ImageFile = Annotated[Path, ContentType("image/*")]
Png = Annotated[bytes, ContentType("image/png")]


@bentoml.service
class CardRenderer:
    def __init__(self):
        self.detector = Detector.from_environment()

    @bentoml.api(route="/render")
    def draw(self, image: ImageFile) -> Png:
        return render(self.detector, image.read_bytes())


### END SOLUTION


# %% tags=["check"]
check("lab03.ex4", CardRenderer)

# %% [markdown]
# ## What you can do now
#
# - draw without changing what you were given,
# - keep colours and pixels as they are on their way through arrays and files,
# - tell which values two requests would share, and share none,
# - answer with a picture that a browser shows.
#
# `python -m labs status` in a terminal shows your points. Next:
# [lab 04](../lab04_several_runners/lab04_several_runners.ipynb).
