"""Files for schemathesis to send: images, images cut off, and any bytes. Loaded by schemathesis."""

# mypy: ignore-errors

from __future__ import annotations

import os
from pathlib import Path

import schemathesis
from hypothesis import strategies

IMAGES = [path.read_bytes() for path in sorted(Path(os.environ["SAMPLES"]).glob("*.jpg"))]

images = strategies.sampled_from(IMAGES)
cut_off = strategies.builds(lambda image, end: image[:end], images, strategies.integers(1, 5000))
schemathesis.openapi.format("binary", images | cut_off | strategies.binary())
