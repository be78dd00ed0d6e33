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
# # Lab 03 · Answer with an image
#
# **Where you are:** after notebook [03 · /render](../../notebooks/03_render.ipynb).
#
# You build an endpoint that shows people what the detector found: it returns the image with a frame
# around each card. You draw the boxes in memory, in the right colours and without loss. Then you
# handle several requests at once, and serve the images over HTTP.
#
# **How it works.** In each exercise's cell, replace `...` with your code and run the cell. Then run
# the `check` cell below it. The check reports what differs, for which input, and the likely cause.
# It uses fresh inputs each time. To get a hint, remove the `#` in the `hint` cell and run it, as
# often as you like.

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
# This is what is installed on this machine. This lab needs only the first lines, down to `packages`:

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# ## Exercise 1 · Draw on a copy
#
# Complete `frames`. It takes an image (PIL, RGB) and a list of boxes, each a tuple
# `(left, top, right, bottom)` of floats, in pixels. It returns an image of the same size (PIL, RGB)
# with a frame in a colour of your choice, one to four pixels wide, along all four edges of
# **every** box.
#
# - Draw nothing else: the inside of a box is unchanged, and there is no label.
# - Do not modify the image or the list that were passed in.
# - If there are no boxes, return an unchanged copy.


# %% tags=["exercise"]
def frames(picture, boxes):
    """Return a copy of the image with a frame around each box."""
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
# ultralytics can draw boxes itself: `result.plot()` returns the drawn image as an array of shape
# (height, width, 3), uint8. Its channels are in OpenCV's order: blue, green, red.
#
# Complete `png_of`. It returns the **bytes** of a PNG file that shows the image in the right
# colours, with every pixel exactly as it was.


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
# Write `render`. It takes a detector and the bytes of an uploaded image (PNG or JPEG, of any mode),
# and returns the bytes of a PNG: the image in RGB, in its original size, with a frame as in
# exercise 1 around every box that the detector finds. `detector.detect` takes a list of RGB images
# and returns a list of `Detection` objects for each image. A `Detection` has a `box`. A label is
# allowed at the left end of a box's upper edge: it starts at the box's left edge, is at most 200
# pixels wide, and stays within 25 pixels above or below the upper edge. If the detector raises an
# exception, so does `render`.
#
# The check calls your function from several threads at the same time, each with a different image.
# Each call must return its own image. You may use your `frames`.


# %% tags=["exercise"]
def render(detector, upload):
    """Return the upload as a PNG with a frame around each card."""
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
# Turn `render` into a service, with BentoML's current API:
#
# - a class `CardRenderer` with `@bentoml.service`, which loads the model once, in the constructor:
#   `Detector.from_environment()`,
# - an endpoint `/render` that takes one multipart field, the file `image`, and returns the PNG of
#   exercise 3, even when several requests run concurrently,
# - the response's Content-Type is `image/png`.
#
# The check serves your service with a fake model.

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
# - draw on an image without changing the original,
# - preserve colours and pixels in conversions between arrays and files,
# - recognise state that two requests would share, and avoid it,
# - return an image that a browser displays.
#
# In a terminal, `make status` shows your points, and `make lab N=04` opens the next lab.
