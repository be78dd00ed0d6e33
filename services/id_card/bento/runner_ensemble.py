"""Two versions answer one request, the chapter's way: three Runners behind an API server.

::

    bentoml serve services.id_card.bento.runner_ensemble:svc --host 127.0.0.1

Chapter section 10.4, "Multiple BentoML Runners". New code should use :mod:`.ensemble`.
"""

from __future__ import annotations

import asyncio
from typing import Any

import bentoml
import numpy as np
from bentoml.io import JSON
from bentoml.io import Image as ImageIO
from PIL import Image

from services.bentoml_support.labels import count_by_route
from services.bentoml_support.model_calls import (
    SECONDS,
    Failure,
    asking_models,
    attempt,
    value_of,
)
from services.bentoml_support.runner_timeout import set_runner_timeout
from services.bentoml_support.shutdown import end_in_order
from services.errors import ModelError
from services.id_card.detector import DetectionDict, answer_in_full_size
from services.id_card.model.opening import MEDIA_TYPES
from services.id_card.model.versions import DetectorVersion, Pixels, Results, VersionName, grey
from services.id_card.monitoring import metrics
from services.id_card.validation import ImageValidationMiddleware, picture_of


class GrayscaleRunnable(bentoml.legacy.Runnable):
    """Make an image grey."""

    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = True  # so one process is enough

    @bentoml.legacy.Runnable.method(batchable=False)
    def convert(self, pixels: Pixels) -> Pixels | Failure:
        """Return the brightness of an RGB image."""
        return attempt(grey, pixels)


class DetectorRunnable(bentoml.legacy.Runnable):
    """One version of the detector."""

    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = False  # one process for each core

    def __init__(self, version: VersionName) -> None:
        self.version = DetectorVersion(version)

    @bentoml.legacy.Runnable.method(batchable=False)
    def detect(self, pixels: Pixels) -> list[DetectionDict] | Failure:
        """Return every box in one image."""
        return attempt(self.version.find, pixels)


count_by_route()
end_in_order()
for name in ("grayscale", "model_a", "model_b"):
    set_runner_timeout(name, SECONDS)

grayscale_converter = bentoml.legacy.Runner(GrayscaleRunnable, name="grayscale")
model_a = bentoml.legacy.Runner(
    DetectorRunnable, name="model_a", runnable_init_params={"version": "model_a"}
)
model_b = bentoml.legacy.Runner(
    DetectorRunnable, name="model_b", runnable_init_params={"version": "model_b"}
)

svc = bentoml.legacy.Service("object_detectors", runners=[grayscale_converter, model_a, model_b])
svc.add_asgi_middleware(
    ImageValidationMiddleware,
    paths=("/predict",),
    on_refusal=metrics.rejected,
)


@svc.api(input=ImageIO(allowed_mime_types=MEDIA_TYPES), output=JSON())
async def predict(image: Image.Image, ctx: bentoml.Context) -> Results | dict[str, Any]:
    """Return what both versions find in the image, made grey first."""
    picture = picture_of(image)
    pixels = np.asarray(picture)
    try:
        async with asking_models():
            grey_pixels = value_of(await grayscale_converter.convert.async_run(pixels))
            found_a, found_b = await asyncio.gather(
                model_a.detect.async_run(grey_pixels),
                model_b.detect.async_run(grey_pixels),
            )
            boxes_a = answer_in_full_size(value_of(found_a), picture)
            boxes_b = answer_in_full_size(value_of(found_b), picture)
            return {"results": {"model_a": boxes_a, "model_b": boxes_b}}
    except ModelError as error:
        ctx.response.status_code = error.status
        return error.as_dict()
