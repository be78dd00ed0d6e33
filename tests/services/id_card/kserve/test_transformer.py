"""The transformer before the predictor, in each of the three protocols between them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import pytest
from kserve import InferResponse
from kserve.inference_client import InferenceRESTClient, RESTConfig
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from services.errors import ModelError
from services.id_card.detector import Detector
from services.id_card.kserve.transformer import _found, v2
from services.id_card.model.images import decode, grayscale
from services.kserve_support import failures
from services.workbench import servers
from services.workbench.servers import Server
from tests.services.id_card.image_files import CARDS, sample_bytes
from tests.services.kserve_requests import (
    answers,
    grpc_answers,
    grpc_raw,
    start,
    tensor,
    text,
    v1,
    v2_binary,
)
from tests.services.kserve_requests import v2 as v2_request

NAME, OUTPUT = "id_card", "detections"
READY = f"/v2/models/{NAME}/ready"
FILES = [sample_bytes(name) for name in CARDS]


def transformer_of(host: str, protocol: str, *more: str, ready: str) -> tuple[Server, int]:
    to = ("--predictor_host", host, "--predictor_protocol", protocol)
    return start("services.id_card.kserve.transformer", *to, *more, ready=ready)


@pytest.fixture(scope="module")
def predictor() -> Iterator[tuple[Server, int]]:
    server, port = start("services.id_card.kserve.predictor")
    with server:
        yield server, port


@pytest.fixture(scope="module", params=["v1", "v2", "grpc-v2"])
def transformer(
    predictor: tuple[Server, int], request: pytest.FixtureRequest
) -> Iterator[tuple[Server, int]]:
    server, grpc_port = predictor
    port = grpc_port if request.param == "grpc-v2" else server.port
    running, own_port = transformer_of(f"127.0.0.1:{port}", request.param, ready=READY)
    with running:
        yield running, own_port


@pytest.fixture(scope="module")
def expected(core: Detector) -> list[Any]:
    found = [core.detect([grayscale(decode(file))])[0] for file in FILES]
    return [[detection.as_dict() for detection in one] for one in found]


def test_whatever_it_is_asked_in_the_answer_is_the_cores_of_the_grey_picture(
    transformer: tuple[Server, int], expected: list[Any]
) -> None:
    server, grpc_port = transformer
    requests = {
        "V1": v1([{"image_b64": text(file)} for file in FILES]),
        "V2": v2_request(tensor("image", [text(file) for file in FILES])),
        "V2 binary": v2_binary("image", *FILES),
    }
    with (
        httpx.Client(base_url=server.url, timeout=60.0, trust_env=False) as http,
        grpc.insecure_channel(f"127.0.0.1:{grpc_port}") as channel,
    ):
        for way, request in requests.items():
            assert answers(request.send(http, NAME), OUTPUT) == expected, way
        stub = GRPCInferenceServiceStub(channel)
        assert grpc_answers(stub.ModelInfer(grpc_raw(NAME, "image", *FILES))) == expected


def test_a_bad_request_is_refused_before_the_predictor_is_asked(
    transformer: tuple[Server, int],
) -> None:
    with httpx.Client(base_url=transformer[0].url, timeout=60.0, trust_env=False) as http:
        response = v1([{"image_b64": text(b"?text")}]).send(http, NAME)
    assert response.status_code == 415
    assert response.json()["error"]["code"] == "image_format"


@pytest.mark.parametrize("protocol", ["v2", "grpc-v2"])
def test_a_predictor_that_goes_away_is_a_503_and_not_ready(protocol: str) -> None:
    port = servers.free_port()  # nobody listens there
    live = "/v2/health/live"
    to = (f"127.0.0.1:{port}", protocol, "--enable_predictor_health_check")
    server, _ = transformer_of(*to, ready=live)
    with server, httpx.Client(base_url=server.url, timeout=60.0, trust_env=False) as http:
        response = v1([{"image_b64": text(FILES[0])}]).send(http, NAME)
        assert response.status_code == 503
        assert response.json()["error"]["code"] == "predictor_unavailable"
        assert http.get(live).status_code == 200
        assert http.get(READY).status_code == 503


# ------------------------------------------------------------------ in this process


def test_kserves_own_way_sends_two_content_types_and_ours_one() -> None:
    """The fault that the transformer goes around; when KServe mends it, this says so."""
    seen: list[list[str]] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get_list("content-type"))
        return httpx.Response(200, json={"model_name": "m", "id": "1", "outputs": []})

    async def ask() -> None:
        config = RESTConfig(protocol="v2", transport=httpx.MockTransport(answer))
        client = InferenceRESTClient(config)
        theirs = {"Content-Type": "application/json"}  # as Model._http_predict passes it
        await client.infer("http://predictor", v2("m", [b"x"]), "m", theirs)
        await client.infer("http://predictor", v2("m", [b"x"]), "m", {})

    asyncio.run(ask())
    assert seen == [["application/json", "application/octet-stream"], ["application/octet-stream"]]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"predictions": None},
        {"predictions": []},
        InferResponse("1", "m", []),
    ],
)
def test_an_answer_that_is_none_is_the_predictors_failure(answer: Any) -> None:
    with pytest.raises(ModelError) as caught:
        _found(answer, 1)
    assert (caught.value.status, caught.value.code) == (502, "predictor_failed")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (413, b'{"error": {"code": "c", "message": "m", "hint": "h"}}', (413, "c")),
        (503, b'{"error": {"code": "c", "message": "m", "hint": "h"}}', (503, "c")),
        (413, b'{"error": "m", "code": "c", "hint": "h"}', (413, "c")),
        (404, b'{"error": {"code": "c", "message": "m", "hint": "h"}}', (502, "predictor_failed")),
        (400, b'{"error": "of somebody else"}', (502, "predictor_failed")),
        (500, b"<html>", (502, "predictor_failed")),
    ],
)
def test_what_the_predictor_refuses_is_passed_on(
    status: int, body: bytes, expected: tuple[int, str]
) -> None:
    refusal = failures.passed_on(status, body)
    assert (refusal.status, refusal.code) == expected
