"""Run the detector over scenes and score it image by image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np

from services.id_card.detector import SERVED_CONF, Detection, Detector
from services.id_card.training.metrics import (
    Curve,
    ImageScore,
    Interval,
    bootstrap,
    curve,
    map50,
    map50_95,
    score_image,
    share,
)
from services.id_card.training.synth import Scene

SEARCH_CONF = 0.001
"""The confidence a detector must go down to for average precision to cover its whole curve."""


@dataclass(frozen=True)
class Result:
    """How a detector did on a set of scenes."""

    images: tuple[ImageScore, ...]  # one for each scene, in their order
    conf: float = SERVED_CONF  # the served confidence, for what depends on one

    @cached_property
    def curve(self) -> Curve:
        """Precision against recall, and the average precision at each overlap."""
        return curve(self.images)

    def map50(self, **options: int) -> Interval:
        """Return mAP50; `options` (``resamples``, ``seed``) go to the bootstrap."""
        return bootstrap(self.images, map50, **options)

    def map50_95(self, **options: int) -> Interval:
        """Return mAP50-95; `options` (``resamples``, ``seed``) go to the bootstrap."""
        return bootstrap(self.images, map50_95, **options)

    def recall(self) -> Interval:
        """Return the share of the cards that were found at the served confidence."""
        truths = sum(image.truths for image in self.images)
        return share(truths - sum(image.misses(self.conf) for image in self.images), truths)

    def false_positive_share(self) -> Interval:
        """Return the share of the images with a box, at the served confidence, on no card."""
        wrong = sum(image.false_alarms(self.conf) > 0 for image in self.images)
        return share(wrong, len(self.images))


def evaluate(detector: Detector, scenes: Iterable[Scene], *, conf: float = SERVED_CONF) -> Result:
    """Run a detector over scenes, a few at a time, and score it image by image.

    Average precision looks at all boxes, so the detector has a low threshold: ValueError if it is
    above 0.05. The served confidence *conf*, 0 to 1, changes recall and false positives, not mAP.
    """
    if detector.conf > 0.05:
        raise ValueError(
            f"average precision needs boxes of all confidences; this detector drops those below "
            f"{detector.conf}. Evaluate Detector(conf={SEARCH_CONF})"
        )
    images: list[ImageScore] = []
    for batch in batches(scenes, 16):
        images += map(_score, detector.detect([scene.image for scene in batch]), batch)
    return Result(tuple(images), conf)


def _score(found: list[Detection], scene: Scene) -> ImageScore:
    boxes = np.array([each.box for each in found], float).reshape(-1, 4)
    return score_image(boxes, np.array([each.confidence for each in found]), scene.boxes)


def batches(scenes: Iterable[Scene], size: int) -> Iterator[list[Scene]]:
    """Yield the scenes in lists of *size*; the last one may be shorter."""
    left = iter(scenes)
    while batch := list(islice(left, size)):
        yield batch
