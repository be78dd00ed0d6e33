"""A step of a KServe graph that makes images grey and hands them back.

::

    python -m services.id_card.kserve.grayscale --model_name grayscale --http_port 8080

V1 takes ``{"instances": [{"image_b64": …}]}`` and answers ``{"predictions": [{"image_b64": …}]}``:
its predictions have the form of instances, so that an InferenceGraph can send them to the next
step (``mapPredictionsToInstances``, ``infra/kserve/base/graph-ensemble.yaml``). The
transformer of :mod:`services.id_card.kserve.transformer` does the same work before one predictor.
V2 takes one BYTES tensor ``image`` and answers with one of the same objects, as JSON texts.
"""

from __future__ import annotations

import asyncio
import base64
import sys

from services.id_card.kserve.decoding import Decoder
from services.id_card.kserve.predictor import FIELD, files_of
from services.id_card.kserve.transformer import grey_file
from services.kserve_support import InferResponse, Model, Payload, server
from services.kserve_support.payloads import respond

OUTPUT = "pictures"


class GrayscaleStep(Model):
    """Answer with the grey version of each image."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._decoder = Decoder()

    def load(self) -> bool:
        """There is nothing to load."""
        self.ready = True
        return self.ready

    async def predict(
        self, payload: Payload, headers: dict[str, str] | None = None
    ) -> dict[str, object] | InferResponse:
        """Return the grey images, in the order of the request's."""
        files = await asyncio.to_thread(files_of, payload)
        grey = await self._decoder.each(files, grey_file)
        pictures = [{FIELD: base64.b64encode(file).decode()} for file in grey]
        return respond(payload, pictures, model_name=self.name, output=OUTPUT)


def main(arguments: list[str] | None = None) -> int:
    """Serve the step; see the module's docstring."""
    parser = server.parser("Make images grey, for a KServe graph.", model_name="grayscale")
    options = parser.parse_args(arguments)
    server.serve(GrayscaleStep(options.model_name), options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
