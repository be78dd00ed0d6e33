"""Measures of a detector: average precision with an interval, precision and recall, false alarms.

Everything is kept image by image, so that the images can be resampled (bootstrap) and the misses
looked at. Average precision itself is ultralytics': the mean over 101 recalls, trapezoidal, by
which even a perfect detector gets 0.995.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
THRESHOLDS: Floats = np.linspace(0.5, 0.95, 10)
"""The overlaps (intersection over union) at which a box counts as found, COCO's ten."""


@dataclass(frozen=True)
class ImageScore:
    """How one image went."""

    truths: int  # cards in the image
    confidences: Floats  # of the n boxes found, shape (n,), the most confident first
    correct: NDArray[np.bool_]  # whether each box is right, at each of THRESHOLDS, shape (n, 10)
    overlaps: Floats  # of each box with the card it fits best, shape (n,), 0 to 1
    # for each card the confidence of the box that found it at an overlap of 0.5, else 0
    found: Floats

    def misses(self, conf: float = 0.5) -> int:
        """Count the cards that no box above this confidence found."""
        return int((self.found <= conf).sum())

    def false_alarms(self, conf: float = 0.5) -> int:
        """Count the boxes above this confidence that are on no card."""
        return int((~self.correct[:, 0] & (self.confidences > conf)).sum())


@dataclass(frozen=True)
class Interval:
    """An estimate with the ends of its confidence interval."""

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        spec = spec or ".3f"
        return f"{self.value:{spec}} ({self.low:{spec}} to {self.high:{spec}})"


def overlaps(boxes: Floats, others: Floats) -> Floats:
    """Return the intersection over union of each of *boxes* with each of *others*, 0 to 1.

    They are of shape (n, 4) and (m, 4), with rows x1, y1, x2, y2; the result is of shape (n, m).
    """
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas, other_areas = ((b[:, 2:] - b[:, :2]).prod(axis=1) for b in (boxes, others))
    return shared / np.maximum(areas[:, None] + other_areas[None] - shared, 1e-12)


def score_image(boxes: Floats, confidences: Floats, truths: Floats) -> ImageScore:
    """Match the boxes found in an image with the cards that are there.

    As COCO does it: the boxes choose in the order of their confidence, each the card it overlaps
    most among those not chosen yet; a second box on the same card is wrong.

    *boxes*, of shape (n, 4), and *truths*, of shape (m, 4), have rows x1, y1, x2, y2;
    *confidences*, of shape (n,), are 0 to 1. Raises ValueError if there are not as many confidences
    as boxes.
    """
    if len(boxes) != len(confidences):
        raise ValueError(f"{len(boxes)} boxes but {len(confidences)} confidences")
    order = np.argsort(-confidences, kind="stable")
    confidences = np.asarray(confidences, float)[order]
    boxes, truths = (np.asarray(b, float).reshape(-1, 4) for b in (boxes, truths))
    shared = overlaps(boxes[order], truths)
    correct = np.zeros((len(boxes), len(THRESHOLDS)), bool)
    found = np.zeros(len(truths))
    for column, threshold in enumerate(THRESHOLDS):
        free = np.ones(len(truths), bool)
        for row in range(len(boxes)):
            candidates = np.where(free, shared[row], -1.0)
            best = int(candidates.argmax()) if len(truths) else -1
            if best < 0 or candidates[best] < threshold:
                continue
            free[best], correct[row, column] = False, True
            if column == 0:
                found[best] = confidences[row]
    best_overlaps = shared.max(axis=1) if len(truths) else np.zeros(len(boxes))
    return ImageScore(len(truths), confidences, correct, best_overlaps, found)


@dataclass(frozen=True)
class Curve:
    """Precision against recall at an overlap of 0.5, and average precision at all ten."""

    # recall, precision: of shape (1000,), 0 to 1; precision is made to fall, as for the average
    recall: Floats
    precision: Floats
    average_precision: Floats  # one for each of THRESHOLDS, shape (10,)


def curve(images: Sequence[ImageScore]) -> Curve:
    """Pool images into one curve; all zeros where there is no card or no box."""
    from ultralytics.utils.metrics import ap_per_class

    truths = sum(image.truths for image in images)
    confidences = np.concatenate([image.confidences for image in images] or [np.zeros(0)])
    recall = np.linspace(0, 1, 1000)
    if not truths or not len(confidences):
        return Curve(recall, np.zeros(1000), np.zeros(len(THRESHOLDS)))
    correct = np.concatenate([image.correct for image in images])
    answer = ap_per_class(correct, confidences, np.zeros(len(correct)), np.zeros(truths))
    return Curve(answer[10], answer[11][0], answer[5][0])


def map50(images: Sequence[ImageScore]) -> float:
    """Return the average precision at an overlap of 0.5."""
    return float(curve(images).average_precision[0])


def map50_95(images: Sequence[ImageScore]) -> float:
    """Return the average precision, averaged over overlaps from 0.5 to 0.95."""
    return float(curve(images).average_precision.mean())


def bootstrap(
    images: Sequence[ImageScore],
    statistic: Callable[[Sequence[ImageScore]], float],
    *,
    resamples: int = 300,
    seed: int = 0,
) -> Interval:
    """Estimate a statistic, and how much it would vary with other images of the same kind.

    As many images are drawn from them, with replacement, *resamples* times; 95 % of the results are
    in the interval. Raises ValueError if there is no image.
    """
    if not images:
        raise ValueError("a bootstrap needs at least one image")
    rng = np.random.default_rng(seed)
    values = [
        statistic([images[i] for i in rng.integers(len(images), size=len(images))])
        for _ in range(resamples)
    ]
    low, high = np.quantile(values, [0.025, 0.975])
    value = statistic(images)
    return Interval(value, min(float(low), value), max(float(high), value))


def share(count: int, total: int) -> Interval:
    """Return a share with its 95 % interval by Wilson, which is honest about 0 of *total* too.

    Raises ValueError if *total* is not positive, or *count* is outside 0 to *total*.
    """
    if total < 1 or not 0 <= count <= total:
        raise ValueError(f"a share is of 1 or more, and 0 to all of them; got {count} of {total}")
    z, p = 1.959964, count / total
    middle = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(p * (1 - p) / total + (z / (2 * total)) ** 2) / (1 + z * z / total)
    return Interval(p, max(0.0, middle - half), min(1.0, middle + half))
