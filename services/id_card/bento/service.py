"""The detector behind today's BentoML API (chapter section 10.4, written for bentoml 1.4).

::

    bentoml serve services.id_card.bento.service:IdCardDetector --host 127.0.0.1
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import bentoml
from bentoml.validators import ContentType

from services.bentoml_support.media_types import JSON
from services.bentoml_support.shutdown import end_in_order
from services.bentoml_support.uploads import Upload
from services.id_card.bento.model_store import pinned_weights
from services.id_card.detector import DetectionDict, Detector
from services.id_card.model.images import encode_png
from services.id_card.validation import ImageValidationMiddleware, picture_of

end_in_order()

# A file's path, never bentoml's PILImage: that type answers a bad image with a 500.
ImageFile = Annotated[Path, Upload("image/*")]
Png = Annotated[bytes, ContentType("image/png")]
Boxes = Annotated[list[DetectionDict], JSON]  # JSON saves BentoML work: it says why


# The base image of its container. With a distro instead, BentoML would add compilers and git.
IMAGE = bentoml.images.Image(base_image="python:3.11-slim", distro="none")


# By itself BentoML runs one endpoint at a time; three threads keep two cores busy.
THREADS = 3


@bentoml.service(name="id_card_detector", threads=THREADS, traffic={"timeout": 60}, image=IMAGE)
class IdCardDetector:
    """Find ID cards in an image."""

    def __init__(self) -> None:
        self.detector = Detector.from_environment(pinned_weights())

    @bentoml.api(route="/inference")
    def inference(self, image: ImageFile) -> Boxes:
        """Return every box: name, class, confidence (0 to 1) and corners in pixels."""
        return self._boxes(image)

    @bentoml.api(route="/invocation")
    def invocation(self, image: ImageFile) -> Boxes:
        """Answer as /inference does; the chapter uses both names."""
        return self._boxes(image)

    @bentoml.api(route="/render")
    def render(self, image: ImageFile) -> Png:
        """Return the image as a PNG with a frame and a label around every card."""
        return encode_png(self.detector.render(picture_of(image)))

    def _boxes(self, image: Path) -> list[DetectionDict]:
        # Apart from the endpoints, since inside a service self.inference(…) is a request.
        [found] = self.detector.detect([picture_of(image)])
        return [detection.as_dict() for detection in found]


# The decorator makes a bentoml.Service of the class; type checkers do not follow that.
IdCardDetector.add_asgi_middleware(  # type: ignore[attr-defined]
    ImageValidationMiddleware, paths=("/inference", "/invocation", "/render")
)
