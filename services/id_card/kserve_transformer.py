"""A KServe transformer that makes pictures grey on their way to the detector's predictor.

::

    python -m services.id_card.kserve_transformer --model_name id_card --http_port 8080 \
        --predictor_host id-card-predictor:8080 --predictor_protocol v2

It answers in the protocol that it is asked in, and asks the predictor in the one that
``--predictor_protocol`` names: ``v1``, ``v2`` or ``grpc-v2``. What the predictor refuses is passed
on as it is. In the chapter (section 10.4) the same step is a Runner of BentoML's.
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

from services.id_card.images import encode_png, grayscale
from services.id_card.kserve_predictor import (
    FIELD,
    INPUT,
    OUTPUT,
    IdCardPredictor,
    files_of,
    picture_of,
)
from services.kserve_support import (
    InferInput,
    InferRequest,
    InferResponse,
    Model,
    Payload,
    failures,
    grpc_door,
    server,
)
from services.kserve_support.payloads import instance, respond


class GrayscaleTransformer(Model):
    """Ask the predictor about the grey version of each picture."""

    codes = (*IdCardPredictor.codes, *failures.UPSTREAM_CODES)

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._turns = asyncio.Semaphore(2)

    async def predict(
        self, payload: Payload, headers: dict[str, str] | None = None
    ) -> dict[str, object] | InferResponse:
        """Return the boxes that the predictor finds in the grey pictures."""
        async with self._turns:
            grey = await asyncio.to_thread(grey_files, files_of(payload))
        found = await self._ask(grey, append_forwardable_headers(headers))
        return respond(payload, found, model_name=self.name, output=OUTPUT)

    async def _ask(self, files: list[bytes], headers: dict[str, str]) -> list[Any]:
        """Ask the predictor in its protocol.

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
            raise grpc_door.refusal_of(error) from error
        except httpx.HTTPStatusError as error:
            raise failures.passed_on(error.response.status_code, error.response.content) from error
        except httpx.HTTPError as error:
            raise failures.unreachable(isinstance(error, httpx.TimeoutException)) from error
        return _found(answer, len(files))


def grey_files(files: Sequence[str | bytes]) -> list[bytes]:
    """Return the grey version of each picture, as a PNG file.

    Raises
    ------
    InputError
        If one is no picture.
    """
    grey = []
    for place, file in enumerate(files):
        with instance(place, len(files)):
            grey.append(encode_png(grayscale(picture_of(file))))
    return grey


def v1(files: Sequence[bytes]) -> dict[str, object]:
    """Return a V1 request with these pictures' files."""
    return {"instances": [{FIELD: base64.b64encode(file).decode()} for file in files]}


def v2(model_name: str, files: Sequence[bytes]) -> InferRequest:
    """Return a V2 request with these pictures' files as bytes, for REST and gRPC."""
    tensor = InferInput(INPUT, [len(files)], "BYTES")
    tensor.set_data_from_numpy(np.array(files, dtype=np.object_))
    return InferRequest(model_name, [tensor])


def _found(answer: dict[str, Any] | InferResponse, count: int) -> list[Any]:
    """Return the list of boxes of each picture from the predictor's answer."""
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
    parser = server.parser("Make pictures grey for a predictor.", model_name="id_card")
    parser.set_defaults(predictor_request_timeout_seconds=30)
    options = parser.parse_args(arguments)
    if not options.predictor_host:
        parser.error("--predictor_host: the predictor's host and port are needed")
    server.serve(GrayscaleTransformer(options.model_name), options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
