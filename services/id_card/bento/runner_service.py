"""The detector the chapter's way: a Runner behind an API server (sections 10.3.1 and 10.4).

::

    bentoml serve services.id_card.bento.runner_service:svc --host 127.0.0.1

BentoML keeps this API under ``bentoml.legacy``; new code should use :mod:`.service`.
"""

from __future__ import annotations

import anyio.to_thread
import bentoml
import numpy as np
from bentoml.io import JSON, File
from bentoml.io import Image as ImageIO
from numpy.typing import NDArray
from PIL import Image

from services.bentoml_support.failures import ModelErrorMiddleware
from services.bentoml_support.model_calls import (
    SECONDS,
    Failure,
    asking_models,
    attempt,
    value_of,
)
from services.bentoml_support.runner_timeout import set_runner_timeout
from services.bentoml_support.shutdown import end_in_order
from services.id_card.bento.model_store import pinned_weights
from services.id_card.detector import Detection, DetectionDict, Detector, answer_in_full_size
from services.id_card.model.drawing import draw
from services.id_card.model.images import encode_png, reduced
from services.id_card.model.opening import MEDIA_TYPES
from services.id_card.validation import ImageValidationMiddleware, picture_of

Pixels = NDArray[np.uint8]


class YOLOv8Runnable(bentoml.legacy.Runnable):
    """The model in a separate process.

    Images travel between the processes as arrays, shape (height, width, 3), RGB, uint8. As
    PIL images they would be compressed again on the way.
    """

    # One process for each core, each computing with one thread (Figure 10.2).
    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = False

    def __init__(self) -> None:
        self.detector = Detector.from_environment(pinned_weights())

    @bentoml.legacy.Runnable.method(batchable=False)
    def inference(self, pixels: Pixels) -> list[DetectionDict] | Failure:
        """Return every box in one image."""
        return attempt(self._find, pixels)

    def _find(self, pixels: Pixels) -> list[DetectionDict]:
        [found] = self.detector.detect([Image.fromarray(pixels)])
        return [detection.as_dict() for detection in found]


Upload = ImageIO(allowed_mime_types=MEDIA_TYPES)

# BentoML would wait 900 seconds for a Runner that has failed, and end it before its callers.
set_runner_timeout("yolov8_runnable", SECONDS)
end_in_order()

yolo_v8_runner = bentoml.legacy.Runner(YOLOv8Runnable, name="yolov8_runnable")
svc = bentoml.legacy.Service("yolo_v8", runners=[yolo_v8_runner])
svc.add_asgi_middleware(ImageValidationMiddleware, paths=("/inference", "/invocation", "/render"))
svc.add_asgi_middleware(ModelErrorMiddleware)


@svc.api(input=Upload, output=JSON())
async def inference(image: Image.Image) -> list[DetectionDict]:
    """Return every box: name, class, confidence (0 to 1) and corners in pixels."""
    return await _boxes(picture_of(image))


@svc.api(input=Upload, output=JSON())
async def invocation(image: Image.Image) -> list[DetectionDict]:
    """Answer as /inference does; the chapter uses both names."""
    return await _boxes(picture_of(image))


@svc.api(input=Upload, output=File(mime_type="image/png"))
async def render(image: Image.Image, ctx: bentoml.Context) -> bytes:
    """Return the image as a PNG with a frame and a label around every card."""
    ctx.response.headers["content-type"] = "image/png"
    ctx.response.headers["content-disposition"] = 'attachment; filename="output.png"'
    # Drawing needs no model, so a large image never travels between the processes.
    picture = picture_of(image)
    found = [Detection.from_dict(one) for one in await _boxes(picture)]
    # In a thread: the event loop has other requests to serve while a PNG is compressed.
    return await anyio.to_thread.run_sync(lambda: encode_png(draw(picture, found)))


async def _boxes(picture: Image.Image) -> list[DetectionDict]:
    smaller = reduced(picture)
    async with asking_models():
        found = value_of(await yolo_v8_runner.inference.async_run(np.asarray(smaller)))
    return answer_in_full_size(found, smaller)
