"""Lab 05: what the learner's cells and the checks share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

REASONS = ("image_empty", "image_format", "image_too_many_pixels", "other")
"""Why an image is refused: every value that the label ``reason`` may have."""

BLANK = Image.new("RGB", (320, 240))
"""A black image for the warm-up."""


@dataclass(frozen=True)
class Upload:
    """What a client sent.

    Attributes
    ----------
    pixels : ndarray of uint8
        The image, shape (height, width, 3), RGB.
    file_name : str
        The file's name on the client's machine.
    comment : str
        What the client wrote about it.
    """

    pixels: NDArray[np.uint8]
    file_name: str
    comment: str


EXAMPLE = """\
groups:
  - name: example
    rules:
      - alert: ServiceDown
        expr: up{job="cards"} == 0
        for: 1m
        annotations:
          summary: "{{ $labels.instance }} does not answer"
"""
"""A rules file with one alert: the form of exercise 5."""
