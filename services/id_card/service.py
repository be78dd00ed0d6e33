"""The detector behind today's BentoML API (chapter section 10.4, written for bentoml 1.4).

::

    bentoml serve services.id_card.service:IdCardDetector --host 127.0.0.1
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import bentoml
from bentoml.validators import ContentType

from services.id_card.detector import Detector, Found
from services.id_card.gate import ImageGate, picture_of
from services.id_card.images import encode_png
from services.id_card.model_store import pinned_weights

# A file's path, never bentoml's PILImage: that type answers a bad picture with a 500.
ImageFile = Annotated[Path, ContentType("image/*")]
Png = Annotated[bytes, ContentType("image/png")]


# What its container starts from. With a distro, compilers and git would be installed into it, too.
IMAGE = bentoml.images.Image(base_image="python:3.11-slim", distro="none")


@bentoml.service(name="id_card_detector", traffic={"timeout": 60}, image=IMAGE)
class IdCardDetector:
    """Find ID cards in a picture."""

    def __init__(self) -> None:
        self.detector = Detector.from_environment(pinned_weights())

    @bentoml.api(route="/inference")
    def inference(self, image: ImageFile) -> list[Found]:
        """Return every box: name, class, confidence (0 to 1) and corners in pixels."""
        return self._boxes(image)

    @bentoml.api(route="/invocation")
    def invocation(self, image: ImageFile) -> list[Found]:
        """Answer as /inference does; the chapter uses both names."""
        return self._boxes(image)

    @bentoml.api(route="/render")
    def render(self, image: ImageFile) -> Png:
        """Return the picture as a PNG with a frame and a label around every card."""
        return encode_png(self.detector.render(picture_of(image)))

    def _boxes(self, image: Path) -> list[Found]:
        # Apart from the endpoints, since inside a service self.inference(…) is a request.
        [found] = self.detector.detect([picture_of(image)])
        return [detection.as_dict() for detection in found]


# The decorator makes a bentoml.Service of the class; type checkers do not follow that.
IdCardDetector.add_asgi_middleware(  # type: ignore[attr-defined]
    ImageGate, paths=("/inference", "/invocation", "/render")
)
