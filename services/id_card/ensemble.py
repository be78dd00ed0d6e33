"""Two versions answer one request with today's BentoML: a service that depends on three others.

::

    bentoml serve services.id_card.ensemble:Ensemble --host 127.0.0.1

Chapter section 10.4, "Multiple BentoML Runners", written for bentoml 1.4.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import bentoml
import numpy as np
from bentoml.validators import ContentType

from services.asgi import refused
from services.bentoml_labels import count_by_route
from services.bentoml_shutdown import end_web_servers_first
from services.errors import ModelError
from services.id_card import telemetry
from services.id_card.detector import Found
from services.id_card.gate import ImageGate, picture_of
from services.id_card.versions import DetectorVersion, Results, grey
from services.model_calls import MAX_CONNECTION_USE, SECONDS, ask, asking_models

count_by_route()
end_web_servers_first()

ImageFile = Annotated[Path, ContentType("image/*")]

# For every service that another depends on. One thread computes; the versions run side by side.
MODEL: dict[str, Any] = {
    "traffic": {"timeout": SECONDS},
    "runner_connection": MAX_CONNECTION_USE,
    "envs": [{"name": "OMP_NUM_THREADS", "value": "1"}],
}


@bentoml.service(name="grayscale", **MODEL)
class Grayscale:
    """Make a picture grey."""

    @bentoml.api
    def convert(self, pixels: np.ndarray) -> np.ndarray:
        """Return the brightness of an RGB picture."""
        return grey(pixels)


@bentoml.service(name="model_a", **MODEL)
class ModelA:
    """The detector's first version."""

    def __init__(self) -> None:
        self.version = DetectorVersion("model_a")

    @bentoml.api
    def detect(self, pixels: np.ndarray) -> list[Found]:
        """Return every box in one picture."""
        return self.version.find(pixels)


@bentoml.service(name="model_b", **MODEL)
class ModelB:
    """The detector's second version."""

    def __init__(self) -> None:
        self.version = DetectorVersion("model_b")

    @bentoml.api
    def detect(self, pixels: np.ndarray) -> list[Found]:
        """Return every box in one picture."""
        return self.version.find(pixels)


@bentoml.service(
    name="id_card_ensemble", traffic={"timeout": 60}, runner_connection=MAX_CONNECTION_USE
)
class Ensemble:
    """Find ID cards in a picture with both versions."""

    grayscale_converter = bentoml.depends(Grayscale)
    model_a = bentoml.depends(ModelA)
    model_b = bentoml.depends(ModelB)

    @bentoml.api(route="/predict")
    async def predict(self, image: ImageFile) -> Results:
        """Return what both versions find in the picture, made grey first."""
        pixels = np.asarray(picture_of(image))
        try:
            async with asking_models():
                grey_pixels = await ask(self.grayscale_converter.to_async.convert, pixels)
                found_a, found_b = await asyncio.gather(
                    ask(self.model_a.to_async.detect, grey_pixels),
                    ask(self.model_b.to_async.detect, grey_pixels),
                )
                return {"results": {"model_a": found_a, "model_b": found_b}}
        except ModelError as error:
            return refused(error)


# The decorator makes a bentoml.Service of the class; type checkers do not follow that.
Ensemble.add_asgi_middleware(  # type: ignore[attr-defined]
    ImageGate, paths=("/predict",), on_refusal=lambda refusal: telemetry.rejected(refusal.code)
)
