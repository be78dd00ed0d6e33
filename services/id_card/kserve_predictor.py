"""The detector behind KServe's protocols (chapter section 10.7, written for kserve 0.21).

::

    python -m services.id_card.kserve_predictor --model_name id_card --http_port 8080

V1 takes ``{"instances": [{"image_b64": …}]}``, V2 one BYTES tensor ``image``: the pictures' bytes,
or their base64 text, which is what JSON can hold. Both answer with a list of boxes a picture.
Which model is served the environment says, as for every adapter; see
:meth:`services.id_card.detector.Detector.from_environment`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import sys

from PIL import Image

from services.errors import InputError
from services.id_card.detector import Detector, Found
from services.id_card.images import decode, from_base64
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
"""In one request."""


class IdCardPredictor(Model):
    """Find ID cards in pictures."""

    codes = (
        *("base64_invalid", "field_missing", "field_unknown", "instance_invalid"),
        *("image_damaged", "image_empty", "image_format", "image_too_many_pixels"),
    )

    def __init__(self, name: str) -> None:
        super().__init__(name)
        # A decoded picture takes three bytes a pixel, and two threads keep the cores busy.
        self._turns = asyncio.Semaphore(2)

    def load(self) -> bool:
        """Load the detector, which is warm when it has been made."""
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
        """Return every picture's boxes, in the pictures' order.

        The work is done in a thread. Done here, it would keep the server from everything else,
        from its liveness probe too.
        """
        async with self._turns:
            found = await asyncio.to_thread(self._find, files_of(payload))
        return respond(payload, found, model_name=self.name, output=OUTPUT)

    def _find(self, files: list[str | bytes]) -> list[list[Found]]:
        answers = []
        for place, file in enumerate(files):  # one by one: of a batch all would be in memory
            with instance(place, len(files)):
                [found] = self.detector.detect([picture_of(file)])
            answers.append([detection.as_dict() for detection in found])
        return answers


def files_of(payload: Payload) -> list[str | bytes]:
    """Return the pictures' files in a request of either protocol, or their base64 text.

    Raises
    ------
    InputError
        422, if the request has not the form that the module's docstring tells.
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
        f"The input {INPUT!r} has values that are no bytes.",
        code="tensor_malformed",
        status=422,
        hint="Its datatype is BYTES: a picture's file, or its base64 text.",
    )


def picture_of(file: str | bytes) -> Image.Image:
    """Decode one picture from its bytes or their base64 text.

    Raises
    ------
    InputError
        400 if the text is no base64, code ``base64_invalid``; otherwise as
        :func:`services.id_card.images.decode`.
    """
    if isinstance(file, str):
        return decode(from_base64(file))
    try:
        # Who sends JSON's text by gRPC sends the text's bytes. No picture's file is base64.
        return decode(base64.b64decode(file, validate=True) or file)
    except binascii.Error:
        return decode(file)


def _field(one: object) -> str:
    hint = f'Each instance is {{"{FIELD}": the base64 text of a picture\'s file}}.'
    if not isinstance(one, dict):
        kind = type(one).__name__
        raise InputError(
            f"An instance is an object; this is of the type {kind}.",
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
        met = "missing" if FIELD not in one else f"of the type {type(text).__name__}"
        raise InputError(
            f"The field {FIELD!r} is {met}.", code="field_missing", status=422, hint=hint
        )
    return text


def main(arguments: list[str] | None = None) -> int:
    """Serve the detector; see the module's docstring."""
    parser = server.parser("The ID-card detector as a KServe predictor.", model_name="id_card")
    options = parser.parse_args(arguments)
    server.serve(IdCardPredictor(options.model_name), options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
