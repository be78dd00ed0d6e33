"""The detector behind LitServe, as a point of reference (written for litserve 0.2).

::

    python -m services.id_card.baselines.litserve_app --port 8000

LitServe takes the request in one process and runs the model in another. The middleware is in the
first; the upload then travels through a queue, so the model's process decodes the image again.
"""

import signal
from collections.abc import Mapping
from typing import Any

import litserve
from PIL import Image

from services import command_line
from services.id_card.detector import DetectionDict, Detector
from services.id_card.model.images import WORKING_SIDE, decode
from services.id_card.validation import ImageValidationMiddleware


class IdCardApi(litserve.LitAPI):
    """Find ID cards in an image."""

    def setup(self, device: str) -> None:
        """Load the model, in the process that runs it."""
        self.detector = Detector.from_environment()

    # "request" has no type, since LitServe would take it for the schema of the body.
    def decode_request(self, request, **_: Any) -> Image.Image:  # type: ignore[no-untyped-def]
        """Return the image in the form that the middleware passes on."""
        form: Mapping[str, Any] = request
        return decode(form["image"].file.read(), side=WORKING_SIDE)

    def predict(self, x: Image.Image, **_: Any) -> list[DetectionDict]:
        """Return every box: name, class, confidence (0 to 1) and corners in pixels."""
        [found] = self.detector.detect([x])
        return [detection.as_dict() for detection in found]

    def encode_response(self, output: list[DetectionDict], **_: Any) -> list[DetectionDict]:
        """Answer with the chapter's JSON."""
        return output


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = command_line.parser("services.id_card.baselines.litserve_app", __doc__)
    parser.add_argument("--port", type=int, default=8000, help="port to listen on (8000)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    args = parser.parse_args()
    server = litserve.LitServer(
        IdCardApi(api_path="/inference"),
        accelerator="cpu",
        timeout=60,
        middlewares=[(ImageValidationMiddleware, {"paths": ("/inference",), "pass_file": True})],
    )
    # By itself LitServe stops on SIGINT only: on SIGTERM its first process dies and the rest stay.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    server.run(host=args.host, port=args.port, log_level="warning", generate_client_file=False)


if __name__ == "__main__":
    main()
