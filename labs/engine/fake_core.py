"""A fake detector that finds coloured rectangles: no weights, and a known, deterministic answer.

The checks of adapters need no neural network. They draw cards in flat colours, and the fake core
finds exactly these. It looks at the colours, so swapped channels, a rotated image and a changed
image give a different answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import numpy as np
from PIL import Image, ImageDraw

from services.id_card.detector import Detection, Detector
from services.id_card.model.images import upright_rgb

COLOURS: dict[tuple[int, int, int], float] = {
    (200, 40, 40): 0.97,
    (40, 170, 60): 0.91,
    (40, 60, 200): 0.83,
    (220, 200, 50): 0.74,
    (190, 60, 190): 0.62,
}
"""The cards' colours, RGB, and how sure the fake core is of each."""

UNSURE = (0.97312, 0.97004, 0.50003, 0.41863, 0.00211)
"""Confidences for the same colours that reveal rounding and thresholds; the first never occurs
alone."""

_NEAR = 40
"""How far a channel may differ from a card's colour: JPEG changes it a little."""


def picture(random: np.random.Generator, cards: int, size: tuple[int, int] = (320, 240)) -> Any:
    """Draw a scene.

    Parameters
    ----------
    random : numpy.random.Generator
        Chooses the cards' positions and colours.
    cards : int
        The number of cards, 0 to 5.
    size : tuple of int
        Width and height in pixels, each 120 or more.

    Returns
    -------
    PIL.Image.Image
        Mode ``RGB``.
    """
    image = Image.new("RGB", size, (110, 112, 115))
    pen = ImageDraw.Draw(image)
    columns = random.permutation(5)[:cards]
    colours = [list(COLOURS)[i] for i in random.permutation(len(COLOURS))[:cards]]
    step = size[0] // 5
    for column, colour in zip(columns, colours, strict=True):
        left = int(column) * step + int(random.integers(2, 6))
        top = int(random.integers(4, size[1] // 2))
        right = left + step - int(random.integers(8, 14))
        bottom = top + int(random.integers(30, size[1] // 2 - 8))
        pen.rectangle((left, top, right, bottom), fill=colour)
    return image


def detections(image: Image.Image) -> list[Detection]:
    """Return what the fake core finds in *image*, the most confident first."""
    pixels = np.asarray(upright_rgb(image)).astype(np.int16)
    found = []
    for colour, confidence in COLOURS.items():
        mask = (np.abs(pixels - np.array(colour)) < _NEAR).all(axis=2)
        if mask.sum() < 50:
            continue
        ys, xs = np.nonzero(mask)
        box = (float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1))
        found.append(Detection("id_card", 0, confidence, box))
    return found


def boxes(image: Image.Image) -> list[dict[str, Any]]:
    """Return the same detections in the chapter's JSON format."""
    return [dict(found.as_dict()) for found in detections(image)]


@dataclass
class Calls:
    """Counts the calls of the core.

    Attributes
    ----------
    loads : int
        How often a detector was created.
    batches : list of int
        How many images each call of ``detect`` had.
    """

    loads: int = 0
    batches: list[int] = field(default_factory=list)


def _patches(calls: Calls) -> list[Any]:
    def init(self: Detector, *_: Any, **__: Any) -> None:
        calls.loads += 1
        self.conf, self.iou, self.imgsz, self.names = 0.5, 0.7, 320, {0: "id_card"}

    def detect(self: Detector, images: Sequence[Image.Image]) -> list[list[Detection]]:
        if isinstance(images, Image.Image):
            raise TypeError("detect takes a sequence of PIL images; got one image. Use [image].")
        for image in images:
            if not isinstance(image, Image.Image):
                raise TypeError(f"detect takes PIL images; got {type(image).__name__}.")
        calls.batches.append(len(images))
        return [detections(image) for image in images]

    return [
        patch.object(Detector, "__init__", init),
        patch.object(Detector, "detect", detect),
    ]


def install() -> Calls:
    """Replace the real core by the fake one for the rest of this process."""
    calls = Calls()
    for each in _patches(calls):
        each.start()
    return calls


@contextmanager
def fake_core(confidences: Sequence[float] = ()) -> Iterator[Calls]:
    """Replace the real core by the fake one inside the block; yield the record of its calls.

    Parameters
    ----------
    confidences : sequence of float
        For the colours in their order, 0 to 1, descending; those of :data:`COLOURS` if not given.
    """
    calls = Calls()
    first, second = _patches(calls)
    with first, second, patch.dict(COLOURS, dict(zip(COLOURS, confidences, strict=False))):
        yield calls
