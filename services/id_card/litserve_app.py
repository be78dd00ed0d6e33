"""The detector behind LitServe, as a point of reference (written for litserve 0.2).

::

    python -m services.id_card.litserve_app --port 8000

LitServe takes the request in one process and runs the model in another. The gate stands in the
first; the upload then travels through a queue, so the model's process decodes the picture again.
"""

import argparse
import signal
from collections.abc import Mapping
from typing import Any

import litserve
from PIL import Image
from starlette.formparsers import MultiPartParser

from services.id_card.detector import Detector, Found
from services.id_card.gate import ImageGate
from services.id_card.images import MAX_BYTES, decode

# A larger upload than this would be an open file, which no queue can carry: LitServe answers 500.
MultiPartParser.spool_max_size = MAX_BYTES


class IdCardApi(litserve.LitAPI):
    """Find ID cards in a picture."""

    def setup(self, device: str) -> None:
        """Load the model, in the process that runs it."""
        self.detector = Detector.from_environment()

    # Without a type at "request": LitServe takes the annotation for the body's schema.
    def decode_request(self, request, **_: Any) -> Image.Image:  # type: ignore[no-untyped-def]
        """Return the picture in the form that the gate has let through."""
        form: Mapping[str, Any] = request
        return decode(form["image"].file.read())

    def predict(self, x: Image.Image, **_: Any) -> list[Found]:
        """Return every box: name, class, confidence (0 to 1) and corners in pixels."""
        [found] = self.detector.detect([x])
        return [detection.as_dict() for detection in found]

    def encode_response(self, output: list[Found], **_: Any) -> list[Found]:
        """Answer with the chapter's JSON."""
        return output


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m services.id_card.litserve_app")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--host", default="127.0.0.1")
    args = parser.parse_args()
    server = litserve.LitServer(
        IdCardApi(api_path="/inference"),
        accelerator="cpu",
        timeout=60,
        middlewares=[(ImageGate, {"paths": ("/inference",)})],
    )
    # By itself LitServe ends at SIGINT only: at SIGTERM its first process dies and all others stay.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    server.run(host=args.host, port=args.port, log_level="warning", generate_client_file=False)


if __name__ == "__main__":
    main()
