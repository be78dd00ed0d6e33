"""The detector's two versions, and what all services that offer both of them share.

Chapter section 10.4, "Multiple BentoML Runners": one image, made grey, goes to two versions.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from typing_extensions import TypedDict

from services.id_card.detector import DetectionDict
from services.id_card.model.checkpoint import SMALL_WEIGHTS, WEIGHTS
from services.id_card.model.images import grayscale
from services.id_card.monitoring.observed_detector import ObservedDetector

Pixels = NDArray[np.uint8]
"""An image between two processes: shape (height, width, 3), RGB, or (height, width), grey.

Never a PIL image: BentoML would save it in its ``format``. That fails for an image that was created
or changed (``None``), and alters the pixels of one that was uploaded as a JPEG.
"""

VersionName = Literal["model_a", "model_b"]

SHIPPED: dict[VersionName, Path] = {"model_a": WEIGHTS, "model_b": SMALL_WEIGHTS}
"""The weights of each version, unless the environment names others."""


class Results(TypedDict):
    """The chapter's answer: what each version has found."""

    results: dict[VersionName, list[DetectionDict]]


class DetectorVersion:
    """One version of the detector, as each model process holds it.

    Parameters
    ----------
    name : {"model_a", "model_b"}
        The shipped weights are served, or those that ``ID_CARD_WEIGHTS_A`` or
        ``ID_CARD_WEIGHTS_B`` names. Everything else is as for the service with one version.

    Raises
    ------
    FileNotFoundError, ValueError
        As :class:`~services.id_card.detector.Detector` does.
    """

    def __init__(self, name: VersionName) -> None:
        variable = f"ID_CARD_WEIGHTS_{name[-1].upper()}"
        self.detector = ObservedDetector.from_environment(os.environ.get(variable, SHIPPED[name]))
        self.detector.version = name  # in the metrics: its role; "model" names its file

    def find(self, pixels: Pixels) -> list[DetectionDict]:
        """Return every box in one image."""
        [found] = self.detector.detect([Image.fromarray(pixels)])
        return [detection.as_dict() for detection in found]


def grey(pixels: Pixels) -> Pixels:
    """Return the brightness of an RGB image, shape (height, width)."""
    return np.asarray(grayscale(Image.fromarray(pixels)))
