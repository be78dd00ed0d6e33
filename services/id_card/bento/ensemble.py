"""Two versions answer one request with today's BentoML: a service that depends on three others.

::

    bentoml serve services.id_card.bento.ensemble:Ensemble --host 127.0.0.1

Chapter section 10.4, "Multiple BentoML Runners", written for bentoml 1.4.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import bentoml
import numpy as np

from services.bentoml_support.connections import drop_idle_connections
from services.bentoml_support.labels import count_by_route
from services.bentoml_support.media_types import JSON
from services.bentoml_support.model_calls import MAX_CONNECTION_USE, SECONDS, asking_models
from services.bentoml_support.shutdown import end_in_order
from services.bentoml_support.uploads import Upload
from services.errors import ModelError
from services.http.asgi import error_response
from services.id_card.detector import DetectionDict, answer_in_full_size
from services.id_card.model.versions import DetectorVersion, Results, grey
from services.id_card.monitoring import metrics
from services.id_card.validation import ImageValidationMiddleware, picture_of

count_by_route()
end_in_order()
drop_idle_connections()

ImageFile = Annotated[Path, Upload("image/*")]
Boxes = Annotated[list[DetectionDict], JSON]

# For every service that another depends on. One thread computes; the versions run side by side.
MODEL: dict[str, Any] = {
    "traffic": {"timeout": SECONDS},
    "runner_connection": MAX_CONNECTION_USE,
    "envs": [{"name": "OMP_NUM_THREADS", "value": "1"}],
}


@bentoml.service(name="grayscale", **MODEL)
class Grayscale:
    """Make an image grey."""

    @bentoml.api
    def convert(self, pixels: np.ndarray) -> Annotated[np.ndarray, JSON]:
        """Return the brightness of an RGB image."""
        return grey(pixels)


@bentoml.service(name="model_a", **MODEL)
class ModelA:
    """The detector's first version."""

    def __init__(self) -> None:
        self.version = DetectorVersion("model_a")

    @bentoml.api
    def detect(self, pixels: np.ndarray) -> Boxes:
        """Return every box in one image."""
        return self.version.find(pixels)


@bentoml.service(name="model_b", **MODEL)
class ModelB:
    """The detector's second version."""

    def __init__(self) -> None:
        self.version = DetectorVersion("model_b")

    @bentoml.api
    def detect(self, pixels: np.ndarray) -> Boxes:
        """Return every box in one image."""
        return self.version.find(pixels)


@bentoml.service(
    name="id_card_ensemble", traffic={"timeout": 60}, runner_connection=MAX_CONNECTION_USE
)
class Ensemble:
    """Find ID cards in an image with both versions."""

    grayscale_converter = bentoml.depends(Grayscale)
    model_a = bentoml.depends(ModelA)
    model_b = bentoml.depends(ModelB)

    @bentoml.api(route="/predict")
    async def predict(self, image: ImageFile) -> Annotated[Results, JSON]:
        """Return what both versions find in the image, made grey first."""
        picture = picture_of(image)
        pixels = np.asarray(picture)
        try:
            async with asking_models():
                grey_pixels = await self.grayscale_converter.to_async.convert(pixels)
                found_a, found_b = await asyncio.gather(
                    self.model_a.to_async.detect(grey_pixels),
                    self.model_b.to_async.detect(grey_pixels),
                )
                boxes_a = answer_in_full_size(found_a, picture)
                boxes_b = answer_in_full_size(found_b, picture)
                return {"results": {"model_a": boxes_a, "model_b": boxes_b}}
        except ModelError as error:
            return error_response(error)


# The decorator makes a bentoml.Service of the class; type checkers do not follow that.
Ensemble.add_asgi_middleware(  # type: ignore[attr-defined]
    ImageValidationMiddleware,
    paths=("/predict",),
    on_refusal=metrics.rejected,
)
