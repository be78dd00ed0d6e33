"""The API key and the rate limit at every adapter that is served: one contract for all of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import grpc
import httpx
import pytest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from services.recommender.validation import RecommendValidationMiddleware
from services.workbench import servers
from services.workbench.servers import Server
from tests.services.id_card.image_files import sample_bytes
from tests.services.kserve_requests import grpc_raw

KEY = "a-key-for-this-test-only"
SETTINGS = {"SERVING_LABS_API_KEY": KEY, "SERVING_LABS_RATE_LIMIT": "4/3600"}
IMAGE = {"path": "/inference", "content": sample_bytes("one_card"), "type": "image/jpeg"}
BENTOS = "services.id_card.bento"


@dataclass(frozen=True)
class Adapter:
    """How to start a server, and a request that it takes."""

    start: Callable[[], Server]
    path: str
    content: bytes
    type: str = "application/json"
    probes: tuple[str, ...] = ("/livez", "/readyz")
    metrics: str = "/metrics"


def python(*arguments: str, ready: str = "/readyz") -> Callable[[], Server]:
    def start() -> Server:
        free = str(servers.free_port())
        command = [one.replace("{grpc_port}", free) for one in arguments]
        return servers.start([sys.executable, "-m", *command], ready=ready, env=SETTINGS)

    return start


def bento(target: str) -> Callable[[], Server]:
    return lambda: servers.bentoml(target, api_workers=1, env=SETTINGS)


ADAPTERS = {
    "bentoml": Adapter(bento(f"{BENTOS}.explain_service:IdCardDetector"), **IMAGE),  # type: ignore[arg-type]
    "bentoml runner": Adapter(bento(f"{BENTOS}.runner_service:svc"), **IMAGE),  # type: ignore[arg-type]
    "fastapi": Adapter(
        python("uvicorn", "services.id_card.baselines.fastapi_app:app", "--port", "{port}"),
        **IMAGE,  # type: ignore[arg-type]
    ),
    "litserve": Adapter(
        python("services.id_card.baselines.litserve_app", "--port", "{port}", ready="/health"),
        **IMAGE,  # type: ignore[arg-type]
        probes=("/health",),
        metrics="/info",
    ),
    "kserve": Adapter(
        python(
            *("services.id_card.kserve.predictor", "--http_port", "{port}"),
            *("--grpc_port", "{grpc_port}"),
            ready="/v2/health/ready",
        ),
        path="/v2/models/id_card/infer",
        content=b"{}",
        probes=("/v2/health/live", "/v2/health/ready", "/v2/models/id_card/ready"),
    ),
}


@pytest.mark.parametrize("name", ADAPTERS)
def test_key_and_limit(name: str) -> None:
    adapter = ADAPTERS[name]
    headers = {"Content-Type": adapter.type}
    with (
        adapter.start() as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client,
    ):

        def post(key: str | None) -> httpx.Response:
            more = {} if key is None else {"Authorization": f"Bearer {key}"}
            return client.post(adapter.path, content=adapter.content, headers={**headers, **more})

        for key in (None, KEY[:-1], KEY + "x"):
            refused = post(key)
            assert refused.status_code == 401
            assert refused.headers["WWW-Authenticate"].startswith("Bearer")
            assert code_of(refused) == "unauthorized"
        assert client.get(adapter.metrics).status_code == 401
        for probe in adapter.probes:
            assert client.get(probe).status_code == 200, probe
        statuses = [post(KEY).status_code for _ in range(5)]
        assert statuses[4] == 429
        assert not {401, 429} & set(statuses[:4])
        last = post(KEY)
        assert code_of(last) == "rate_limited"
        assert int(last.headers["Retry-After"]) > 1
        for probe in adapter.probes:
            assert client.get(probe).status_code == 200, probe
        if name == "kserve":
            assert_grpc(port=int(server.command[-1]))


def test_the_recommenders_middleware_asks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    client = TestClient(RecommendValidationMiddleware(PlainTextResponse("ok"), paths=("/predict",)))
    assert client.post("/predict", json={"request": {"user_id": 1}}).status_code == 401
    key = {"Authorization": f"Bearer {KEY}"}
    assert [client.get("/docs", headers=key).status_code for _ in range(5)] == [200] * 4 + [429]


def code_of(refused: httpx.Response) -> str:
    body = refused.json()
    code = body["error"]["code"] if isinstance(body["error"], dict) else body["code"]
    return str(code)


def assert_grpc(port: int) -> None:
    """The other port asks for the same key, and counts with the first."""
    request = grpc_raw("id_card", "image", sample_bytes("one_card"))
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = GRPCInferenceServiceStub(channel)
        assert stub.ServerReady(pb.ServerReadyRequest()).ready
        for key, status in (
            (None, grpc.StatusCode.UNAUTHENTICATED),
            (KEY + "x", grpc.StatusCode.UNAUTHENTICATED),
            (KEY, grpc.StatusCode.RESOURCE_EXHAUSTED),
        ):
            metadata = [("authorization", f"Bearer {key}")] if key else []
            with pytest.raises(grpc.RpcError) as refused:
                stub.ModelInfer(request, metadata=metadata, timeout=60)
            assert refused.value.code() is status
