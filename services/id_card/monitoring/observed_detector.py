"""A detector that measures itself and knows when it is broken. It knows no serving framework."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from services.id_card.detector import Detection, Detector
from services.id_card.model.checkpoint import WEIGHTS, content_hash
from services.id_card.monitoring import metrics

FAILURES = 3
"""After this many failures in a row the detector counts as broken; one may be the image's fault."""


Record = Callable[[tuple[int, int], list[Detection], float], object]


class ObservedDetector(Detector):
    """A :class:`~services.id_card.detector.Detector` whose every answer is measured.

    It is made and called like its base class. The image that warms it up is not counted.

    Attributes
    ----------
    model, version : str
        The weights' name and the hash of their content, as in its metrics.
    record : callable
        Called for each image with its size ``(width, height)``, its detections and the seconds that
        they took; set it to keep a log. The image itself is not kept: here it shows somebody's
        identity card.
    """

    def __init__(self, weights: str | Path = WEIGHTS, *args: Any, **kwargs: Any) -> None:
        self.record: Record = lambda *_: None
        self._failures = 0
        self._in_service = False
        super().__init__(weights, *args, **kwargs)
        self.model = Path(weights).stem
        self.version = content_hash(Path(weights))[:12]
        self._in_service = True

    @property
    def broken(self) -> bool:
        """Whether the last calls, :data:`FAILURES` or more of them, all raised."""
        return self._failures >= FAILURES

    def detect(self, images: Sequence[Image.Image]) -> list[list[Detection]]:
        """Find the objects in a batch of images, as the base class does, and measure it.

        The time of a batch is shared out evenly among its images.
        """
        if not self._in_service:
            return super().detect(images)
        start = time.perf_counter()
        try:
            with metrics.IN_PROGRESS.track_inprogress():
                found = super().detect(images)
        except Exception:
            self._failures += 1
            raise
        self._failures = 0
        seconds = (time.perf_counter() - start) / max(1, len(found))
        for image, detections in zip(images, found, strict=True):
            metrics.observe(detections, seconds, model=self.model, version=self.version)
            self.record(image.size, detections, seconds)
        return found
