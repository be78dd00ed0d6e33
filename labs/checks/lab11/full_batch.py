"""Lab 11, exercise 5: images of many sizes, and a core that counts what its calls would cost."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np

from labs.checks.lab11.cores import Boxes


def _boxes(image: Any) -> Boxes:
    """Return boxes that depend on an image's shape and on all its pixels."""
    pixels = np.asarray(image, np.float32)
    digest = hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).digest()
    box = dict(zip(("x1", "y1", "x2", "y2"), digest, strict=False))
    return [{"name": "id_card", "confidence": 0.9, "box": box}]


class Meter:
    """The core of exercise 5: it counts calls, simulated seconds, and pixels."""

    CALL, PIXEL = 0.040, 0.001 / 1024
    MOST_PIXELS = 131_072

    def __init__(self) -> None:
        self.calls = 0
        self.seconds = 0.0
        self.pixels = self.padded = 0
        self.refused = 0

    def detect(self, images: Any) -> list[Boxes]:
        """Return the boxes of each image; the task says what a call costs."""
        shapes = [np.shape(image) for image in images]
        if not shapes or any(len(shape) != 3 for shape in shapes):
            raise ValueError(
                "detect takes a list of one or more arrays of shape (height, width, 3); got "
                f"the shapes {shapes[:3]}"
            )
        size = len(shapes) * max(shape[0] for shape in shapes) * max(shape[1] for shape in shapes)
        self.calls += 1
        self.seconds += self.CALL
        if size > self.MOST_PIXELS:
            self.refused += 1
            raise MemoryError(f"{size:,} pixels with padding; {self.MOST_PIXELS:,} fit")
        self.seconds += self.PIXEL * size
        self.padded += size
        self.pixels += sum(math.prod(shape[:2]) for shape in shapes)
        return [_boxes(image) for image in images]

    @property
    def padding(self) -> float:
        """The share of the pixels that were padding, 0 to 1."""
        return 1 - self.pixels / self.padded if self.padded else 0.0


class Core:
    """The core as the learner sees it, without the figures."""

    most_pixels = Meter.MOST_PIXELS

    def __init__(self, meter: Meter) -> None:
        self.detect = meter.detect


DIFFERENT, COPIES = 180, 60


def _shapes() -> list[tuple[int, int]]:
    """Return heights and widths: the same in every check, so that figures can be compared."""
    random = np.random.default_rng(11)
    short = np.exp(random.uniform(np.log(16), np.log(120), DIFFERENT))
    long = short * random.choice([1, 4 / 3, 16 / 9], DIFFERENT)
    upright = random.random(DIFFERENT) < 0.5
    return [
        (int(b), int(a)) if turned else (int(a), int(b))
        for a, b, turned in zip(short, long, upright, strict=True)
    ]


def _make_alike(made: list[Any]) -> None:
    """Let images of one shape differ in one row only, and rotated shapes have the same bytes."""
    latest: dict[tuple[int, ...], Any] = {}
    for place, image in enumerate(made):
        height, width, colours = shape = image.shape
        if shape in latest:
            made[place] = latest[shape].copy()
            made[place][height // 2] = np.roll(made[place][height // 2], 1, axis=0)
        elif (width, height, colours) in latest:
            made[place] = latest[width, height, colours].reshape(shape)
        latest[shape] = made[place]


def images(random: np.random.Generator) -> list[Any]:
    """Return the images of exercise 5, in a new order and with new pixels; some are copies."""
    made = [random.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in _shapes()]
    _make_alike(made)
    made += [image.copy() for image in made[:COPIES]]  # always these, to be comparable
    return [made[place] for place in random.permutation(len(made))]
