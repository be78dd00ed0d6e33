"""lab03.ex2: The right colours, without loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from labs.checks.lab03.drawings import decoded
from labs.engine import Context


class _Result:
    """A stub of ultralytics' ``Results``: ``plot()`` returns an array, BGR, or a PIL image."""

    def __init__(self, pixels: Any) -> None:
        self._pixels = pixels

    def plot(self, *, pil: bool = False, **_: Any) -> Any:
        if pil:
            return Image.fromarray(self._pixels)
        return np.ascontiguousarray(self._pixels[:, :, ::-1])


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Decode what ``png_of(result)`` returns and compare every pixel."""
    for width, height in ((300, 200), (90, 260), (1100, 700), (1, 1)):
        want = context.numbers.integers(30, 220, (height, width, 3), dtype=np.uint8)
        want[0, 0] = (250, 10, 90)  # never the same upside down, nor with swapped channels
        where = f"a result of {width} by {height} pixels"
        got = context.call(answer, _Result(want), where=where)
        pixels = decoded(context, got, "png_of(result)", where)
        for mistake, wrong in (("bgr", want[:, :, ::-1]), ("upside_down", want[::-1, :, ::-1])):
            if np.array_equal(pixels, wrong):
                context.fail(
                    f"The first pixel is {want[0, 0].tolist()} in the image and "
                    f"{pixels[0, 0].tolist()} in the PNG (red, green, blue).",
                    where=where,
                    mistake=mistake,
                )
        context.expect(
            pixels.shape == want.shape,
            f"The PNG has {pixels.shape[1]} by {pixels.shape[0]} pixels.",
            where=where,
        )
        differ = int((pixels != want).any(axis=2).sum())
        context.expect(
            differ == 0, f"{differ} of {width * height} pixels differ in colour.", where=where
        )
    context.note(images=4)
