"""The detector behind KServe's protocols (chapter section 10.7, written for kserve 0.21).

::

    python -m services.id_card.kserve.predictor --model_name id_card --http_port 8080

V1 takes ``{"instances": [{"image_b64": …}]}``, V2 one BYTES tensor ``image``: the images' bytes,
or their base64 text, which is what JSON can hold. Both answer with a list of boxes per image.
The environment says which model is served, as for every adapter; see
:meth:`services.id_card.detector.Detector.from_environment`.
"""

from __future__ import annotations

import asyncio
import sys

from PIL import Image

from services.errors import InputError, json_type
from services.id_card.detector import DetectionDict, Detector
from services.id_card.kserve.decoding import Decoder
from services.kserve_support import InferRequest, InferResponse, Model, Payload, server
from services.kserve_support.payloads import (
    check_count,
    columns_of,
    instance,
    instances_of,
    respond,
)

FIELD = "image_b64"
INPUT = "image"
OUTPUT = "detections"

MAX_PICTURES = 32
"""The most images in one request."""


class IdCardPredictor(Model):
    """Find ID cards in images."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._decoder = Decoder()

    def load(self) -> bool:
        """Load the detector, which also warms it up."""
        self.detector = Detector.from_environment()
        self.ready = True
        return self.ready

    def get_input_types(self) -> list[dict[str, object]]:
        """Describe the input for ``GET /v2/models/NAME``."""
        return [{"name": INPUT, "datatype": "BYTES", "shape": [-1]}]

    def get_output_types(self) -> list[dict[str, object]]:
        """Describe the output."""
        return [{"name": OUTPUT, "datatype": "BYTES", "shape": [-1]}]

    async def predict(
        self, payload: Payload, headers: dict[str, str] | None = None
    ) -> dict[str, object] | InferResponse:
        """Return every image's boxes, in the images' order."""
        files = await asyncio.to_thread(files_of, payload)
        found = await self._decoder.each(files, self._find)
        return respond(payload, found, model_name=self.name, output=OUTPUT)

    def _find(self, picture: Image.Image) -> list[DetectionDict]:
        [found] = self.detector.detect([picture])
        return [detection.as_dict() for detection in found]


def files_of(payload: Payload) -> list[str | bytes]:
    """Return the image files in a request of either protocol, or their base64 text.

    Raises
    ------
    InputError
        422, if the request does not have the form that the module's docstring describes.
    """
    if isinstance(payload, InferRequest):
        files = columns_of(payload, required=[INPUT])[INPUT]
        check_count(len(files), MAX_PICTURES)
    else:
        instances = instances_of(payload, limit=MAX_PICTURES)
        files = []
        for place, one in enumerate(instances):
            with instance(place, len(instances)):
                files.append(_field(one))
    if all(isinstance(file, str | bytes) for file in files):
        return files
    raise InputError(
        f"The input {INPUT!r} has values that are not bytes.",
        code="tensor_malformed",
        status=422,
        hint="Its datatype is BYTES: an image file, or its base64 text.",
    )


def _field(one: object) -> str:
    hint = f'Each instance is {{"{FIELD}": the base64 text of an image file}}.'
    if not isinstance(one, dict):
        raise InputError(
            f"An instance must be an object; this is {json_type(one)}.",
            code="instance_invalid",
            status=422,
            hint=hint,
        )
    for name in one:
        if name != FIELD:
            raise InputError(
                f"There is no field {name[:40]!r}.", code="field_unknown", status=422, hint=hint
            )
    text = one.get(FIELD)
    if not isinstance(text, str):
        what = f"must be a string; it is {json_type(text)}" if FIELD in one else "is missing"
        message = f"The field {FIELD!r} {what}."
        raise InputError(message, code="field_missing", status=422, hint=hint)
    return text


def main(arguments: list[str] | None = None) -> int:
    """Serve the detector; see the module's docstring."""
    parser = server.parser("The ID-card detector as a KServe predictor.", model_name="id_card")
    options = parser.parse_args(arguments)
    server.serve(IdCardPredictor(options.model_name), options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
