"""Why this box? A map of what in the image the detector needs for it, by hiding parts at random.

D-RISE (Petsiuk et al., Black-box Explanation of Object Detectors via Saliency Maps, CVPR 2021):
hide about half of the image behind soft, random patches, measure how much of the detection is left,
and repeat. If the detection is strong whenever a pixel is visible, that pixel matters. The network
is only called, never inspected, so this works with any backend.

What is left is, as in the paper, the best over all boxes j of
``IoU(box, box j) * cos(classes, classes j) * objectness j``. Three things differ:

- YOLOv8 has no objectness; a box's highest class score stands for it. Of the explained box's
  classes only its own is used. With one class the cosine is 1, so that ``IoU * confidence`` is
  left.
- Every box of the network counts, before non-maximum suppression, which only drops duplicates.
- Each pixel's sum is divided by how often that pixel was visible. The paper divides by the average
  instead. With its 5,000 masks both give the same; with 200, ours avoids a random pattern.

A map says what the network reacts to, not why, and not whether it should. Another seed gives a
slightly different map, and few masks give a noisy one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from services.errors import InputError, shown
from services.id_card.detector import Detection, Detector
from services.id_card.model.drawing import draw
from services.id_card.model.geometry import corners_of, letterbox, size_and_margins
from services.id_card.model.images import upright_rgb

Floats = NDArray[np.float32]

MASKS = 200
MOST_MASKS = 5000
CELLS = 10
"""The patches are about this many in each direction; the paper has 16, and more masks."""
KEEP = 0.5
BATCH = 16
"""Masked images that go through the network at a time."""


@dataclass(frozen=True, eq=False)
class Saliency:
    """What a detection needs.

    Attributes
    ----------
    map : ndarray of float32, shape (height, width)
        0 (does not matter) to 1 (matters most) for each pixel of the upright image. Read-only.
    detection : Detection
        What is explained.
    """

    map: Floats
    detection: Detection

    def peak(self) -> tuple[int, int]:
        """Return x and y of the pixel that matters most."""
        y, x = np.unravel_index(int(self.map.argmax()), self.map.shape)
        return int(x), int(y)

    def contrast(self) -> float:
        """Return the mean within the box over the mean outside; 1 or less says nothing was found.

        If nothing is outside it is nan.
        """
        inside = np.zeros(self.map.shape, bool)
        x1, y1, x2, y2 = (round(edge) for edge in self.detection.box)
        inside[y1:y2, x1:x2] = True
        if inside.all():
            return float("nan")
        return float(self.map[inside].mean() / max(self.map[~inside].mean(), 1e-9))


def explain(
    detector: Detector,
    image: Image.Image,
    box: int = 0,
    *,
    masks: int = MASKS,
    seed: int = 0,
) -> Saliency:
    """Explain one of the boxes that a detector finds in an image.

    200 masks take a few seconds on two cores.

    Parameters
    ----------
    detector : Detector
        Whose box it is.
    image : PIL.Image.Image
        Any size and mode; it is turned upright and into RGB first. It is not changed.
    box : int
        Which box, as ``detector.detect`` orders them: 0 is the most confident.
    masks : int
        How many, 1 to :data:`MOST_MASKS`. The noise falls with the square root.
    seed : int
        The same arguments and seed give the same map, on the same machine.

    Raises
    ------
    InputError
        422 if there is no such box (``box_unknown``), or if a number is none or out of range
        (``box_invalid``, ``masks_invalid``).
    """
    _check_number("box", box, 0, None)
    _check_number("masks", masks, 1, MOST_MASKS)
    picture = upright_rgb(image)
    detection = _detection(detector.detect([picture])[0], box)
    (width, height), left, top = size_and_margins(picture.size, detector.imgsz)
    place = slice(top, top + height), slice(left, left + width)
    scale = np.array([width / picture.width, height / picture.height] * 2)
    wanted = np.array(detection.box) * scale + [left, top, left, top]
    board = letterbox(np.asarray(picture), detector.imgsz).astype(np.float32) / 255
    rng = np.random.default_rng(seed)
    weighted, seen = np.zeros((2, height, width), np.float64)
    for start in range(0, masks, BATCH):
        count = min(BATCH, masks - start)
        batch = np.stack([*random_masks(count, (height, width), rng)])
        masked = np.repeat(board[None], count, axis=0)
        masked[:, *place] *= batch[..., None]
        raw = detector.network(np.ascontiguousarray(masked.transpose(0, 3, 1, 2)))
        left_over = [_left(each, wanted, detection.class_id) for each in raw]
        weighted += np.tensordot(left_over, batch, 1)
        seen += batch.sum(axis=0)
    means = weighted / np.maximum(seen, 1e-9)
    spread = float(np.ptp(means))
    scaled = (means - means.min()) / spread if spread else np.zeros_like(means)
    whole = cv2.resize(scaled.astype(np.float32), picture.size, interpolation=cv2.INTER_LINEAR)
    whole.flags.writeable = False
    return Saliency(whole, detection)


def random_masks(count: int, shape: tuple[int, int], rng: np.random.Generator) -> Iterator[Floats]:
    """Draw soft masks: a coarse grid of 0 and 1, enlarged smoothly and shifted at random.

    Yields
    ------
    ndarray of float32, shape *shape*
        0 (hidden) to 1 (visible), 0.5 on average.
    """
    height, width = shape
    high, wide = -(-height // CELLS), -(-width // CELLS)
    for _ in range(count):
        grid = (rng.random((CELLS + 1, CELLS + 1)) < KEEP).astype(np.float32)
        size = wide * (CELLS + 1), high * (CELLS + 1)
        large = cv2.resize(grid, size, interpolation=cv2.INTER_LINEAR)
        y, x = rng.integers(high + 1), rng.integers(wide + 1)
        yield large[y : y + height, x : x + width]


def overlay(image: Image.Image, saliency: Saliency) -> Image.Image:
    """Return a copy of the image with the map laid over it as colour, and the box drawn in.

    What matters is yellow, what does not is dark violet.

    Raises
    ------
    ValueError
        If the image is of another size than the map.
    """
    picture = upright_rgb(image)
    if picture.size != saliency.map.shape[::-1]:
        raise ValueError(
            f"the map is of an image of {saliency.map.shape[::-1]} pixels; this has {picture.size}"
        )
    levels = (saliency.map * 255).round().astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    mixed = cv2.addWeighted(np.asarray(picture), 0.5, colours, 0.5, 0)
    return draw(Image.fromarray(mixed), [saliency.detection])


def _left(raw: Floats, box: NDArray[np.float64], class_id: int) -> float:
    """Return the best similarity to *box* in one raw output, shape (4 + classes, boxes)."""
    classes = raw[4:].T.astype(np.float64)
    same_class = classes[:, class_id] / np.maximum(np.linalg.norm(classes, axis=1), 1e-12)
    overlaps = _overlaps(box, corners_of(raw[:4].T).astype(np.float64))
    return float((overlaps * same_class * classes.max(axis=1)).max())


def _overlaps(box: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the intersection over union of one box with each of the others."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    areas = np.prod(np.maximum(others[:, 2:] - others[:, :2], 0), axis=1)
    return shared / np.maximum(np.prod(box[2:] - box[:2]) + areas - shared, 1e-12)


def _detection(found: Sequence[Detection], box: int) -> Detection:
    if box < len(found):
        return found[box]
    known = f"it has {len(found)}, counted from 0" if found else "no card was found"
    raise InputError(
        f"There is no box {box} in this image; {known}.",
        code="box_unknown",
        status=422,
        hint="Count from 0, the most confident, as /inference lists them."
        if found
        else "Send an image in which /inference finds a card.",
    )


def _check_number(name: str, value: object, least: int, most: int | None) -> None:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if whole and least <= value and (most is None or value <= most):  # type: ignore[operator]
        return
    raise InputError(
        f"{name!r} is {shown(value)}.",
        code=f"{name}_invalid",
        status=422,
        hint=f"Send a whole number from {least} " + (f"to {most}." if most else "up."),
    )
