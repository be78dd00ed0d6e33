"""The detector the chapter's way: a Runner behind an API server (sections 10.3.1 and 10.4).

::

    bentoml serve services.id_card.runner_service:svc --host 127.0.0.1

BentoML keeps this API under ``bentoml.legacy``; new work takes :mod:`services.id_card.service`.
"""

from __future__ import annotations

import bentoml
import numpy as np
from bentoml.io import JSON
from bentoml.io import Image as ImageIO
from numpy.typing import NDArray
from PIL import Image

from services.bentoml_shutdown import end_web_servers_first
from services.id_card.detector import Detector, Found
from services.id_card.gate import ImageGate, picture_of
from services.id_card.images import MEDIA_TYPES
from services.id_card.model_store import pinned_weights
from services.id_card.runner_timeout import set_runner_timeout

Pixels = NDArray[np.uint8]


class YOLOv8Runnable(bentoml.legacy.Runnable):
    """The model in a process of its own.

    Pictures travel between the processes as arrays, shape (height, width, 3), RGB, uint8. As
    PIL images they would be compressed anew on the way.
    """

    # One process for each core, each computing with one thread (Figure 10.2).
    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = False

    def __init__(self) -> None:
        self.detector = Detector.from_environment(pinned_weights())

    @bentoml.legacy.Runnable.method(batchable=False)
    def inference(self, pixels: Pixels) -> list[Found]:
        """Return every box in one picture."""
        [found] = self.detector.detect([Image.fromarray(pixels)])
        return [detection.as_dict() for detection in found]

    @bentoml.legacy.Runnable.method(batchable=False)
    def render(self, pixels: Pixels) -> Pixels:
        """Return the picture with its boxes drawn."""
        return np.asarray(self.detector.render(Image.fromarray(pixels)))


Upload = ImageIO(allowed_mime_types=MEDIA_TYPES)

# BentoML would wait 900 seconds for a Runner that has failed, and end it before its callers.
set_runner_timeout("yolov8_runnable", 20)
end_web_servers_first()

yolo_v8_runner = bentoml.legacy.Runner(YOLOv8Runnable, name="yolov8_runnable")
svc = bentoml.legacy.Service("yolo_v8", runners=[yolo_v8_runner])
svc.add_asgi_middleware(ImageGate, paths=("/inference", "/invocation", "/render"))


@svc.api(input=Upload, output=JSON())
async def inference(image: Image.Image) -> list[Found]:
    """Return every box: name, class, confidence (0 to 1) and corners in pixels."""
    return await yolo_v8_runner.inference.async_run(np.asarray(picture_of(image)))


@svc.api(input=Upload, output=JSON())
async def invocation(image: Image.Image) -> list[Found]:
    """Answer as /inference does; the chapter uses both names."""
    return await inference(image)


@svc.api(input=Upload, output=ImageIO(mime_type="image/png"))
async def render(image: Image.Image) -> Image.Image:
    """Return the picture as a PNG with a frame and a label around every card."""
    return Image.fromarray(await yolo_v8_runner.render.async_run(np.asarray(picture_of(image))))
