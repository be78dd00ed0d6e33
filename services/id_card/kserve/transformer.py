"""A KServe transformer that makes images grey on their way to the detector's predictor.

::

    python -m services.id_card.kserve.transformer --model_name id_card --http_port 8080 \
        --predictor_host id-card-predictor:8080 --predictor_protocol v2

It answers in the protocol of the request, and calls the predictor in the one that
``--predictor_protocol`` names: ``v1``, ``v2`` or ``grpc-v2``. The predictor's refusals are passed
on unchanged. In the chapter (section 10.4) the same step is a BentoML Runner.
"""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import Sequence
from typing import Any

import grpc
import httpx
import numpy as np
import orjson
from kserve.model import append_forwardable_headers
from PIL import Image

from services.id_card.kserve.decoding import Decoder
from services.id_card.kserve.predictor import FIELD, INPUT, OUTPUT, files_of
from services.id_card.model.images import encode_png, grayscale
from services.kserve_support import (
    InferInput,
    InferRequest,
    InferResponse,
    Model,
    Payload,
    failures,
    grpc_interceptor,
    server,
)
from services.kserve_support.payloads import respond


class GrayscaleTransformer(Model):
    """Send the predictor the grey version of each image."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._decoder = Decoder()

    async def predict(
        self, payload: Payload, headers: dict[str, str] | None = None
    ) -> dict[str, object] | InferResponse:
        """Return the boxes that the predictor finds in the grey images."""
        files = await asyncio.to_thread(files_of, payload)
        grey = await self._decoder.each(files, grey_file)
        found = await self._ask(grey, append_forwardable_headers(headers))
        return respond(payload, found, model_name=self.name, output=OUTPUT)

    async def _ask(self, files: list[bytes], headers: dict[str, str]) -> list[Any]:
        """Call the predictor in its protocol.

        Raises
        ------
        InputError
            What the predictor has refused.
        ModelError
            502 to 504, if it failed, cannot be reached or takes too long.
        """
        try:
            if self.predictor_config.protocol == "grpc-v2":
                answer = await self._grpc_client.infer(
                    v2(self.name, files), headers=[*headers.items()]
                )
            else:
                body = v1(files) if self.predictor_config.protocol == "v1" else v2(self.name, files)
                # Not by Model.predict: for a V2 request with binary tensors that sends two
                # Content-Types, application/json and application/octet-stream.
                answer = await self._http_client.infer(
                    self.predictor_config.predictor_base_url, body, self.name, headers
                )
        except grpc.RpcError as error:
            raise grpc_interceptor.refusal_of(error) from error
        except httpx.HTTPStatusError as error:
            raise failures.passed_on(error.response.status_code, error.response.content) from error
        except httpx.HTTPError as error:
            raise failures.unreachable(isinstance(error, httpx.TimeoutException)) from error
        return _found(answer, len(files))


def grey_file(picture: Image.Image) -> bytes:
    """Return the grey version of an image, as a PNG file."""
    return encode_png(grayscale(picture))


def v1(files: Sequence[bytes]) -> dict[str, object]:
    """Return a V1 request with these image files."""
    return {"instances": [{FIELD: base64.b64encode(file).decode()} for file in files]}


def v2(model_name: str, files: Sequence[bytes]) -> InferRequest:
    """Return a V2 request with these image files as bytes, for REST and gRPC."""
    tensor = InferInput(INPUT, [len(files)], "BYTES")
    tensor.set_data_from_numpy(np.array(files, dtype=np.object_))
    return InferRequest(model_name, [tensor])


def _found(answer: dict[str, Any] | InferResponse, count: int) -> list[Any]:
    """Return the list of boxes of each image from the predictor's answer."""
    try:
        if isinstance(answer, dict):
            found = list(answer["predictions"])
        else:
            tensor = answer.get_output_by_name(OUTPUT)
            found = [orjson.loads(text) for text in tensor.as_numpy().ravel().tolist()]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise failures.upstream_failed() from error
    if len(found) != count:
        raise failures.upstream_failed()
    return found


def main(arguments: list[str] | None = None) -> int:
    """Serve the transformer; see the module's docstring."""
    parser = server.parser("Make images grey for a predictor.", model_name="id_card")
    parser.set_defaults(predictor_request_timeout_seconds=30)
    options = parser.parse_args(arguments)
    if not options.predictor_host:
        parser.error("--predictor_host is required: the predictor's host and port")
    server.serve(GrayscaleTransformer(options.model_name), options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
