"""The detector's predictor as a process: its clients, its probes under load, and its end."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import grpc
import httpx
import numpy as np
import psutil
import pytest
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from services.id_card.detector import Detector
from services.id_card.model.images import decode
from services.workbench import servers
from services.workbench.servers import Server
from tests.services.id_card.image_files import CARDS, sample_bytes
from tests.services.kserve_requests import (
    Request,
    answers,
    grpc_answers,
    grpc_raw,
    start,
    tensor,
    text,
    v1,
    v2,
    v2_binary,
)

NAME = "id_card"
MODULE = "services.id_card.kserve.predictor"
OUTPUT = "detections"
FILES = {name: sample_bytes(name) for name in CARDS}


@dataclass
class Predictor:
    """A running predictor, and the channel to its gRPC server."""

    server: Server
    grpc_port: int
    expected: dict[str, Any]
    channel: grpc.Channel = field(init=False)

    def __post_init__(self) -> None:
        self.address = f"127.0.0.1:{self.grpc_port}"
        options = [("grpc.max_send_message_length", -1)]
        self.channel = grpc.insecure_channel(self.address, options)
        self.stub = GRPCInferenceServiceStub(self.channel)
        limits = httpx.Limits(max_connections=16)
        self.http = httpx.Client(
            base_url=self.server.url, timeout=60.0, trust_env=False, limits=limits
        )

    def close(self) -> int:
        self.channel.close()
        self.http.close()
        return self.server.stop()


def running_predictor(core: Detector) -> Predictor:
    server, port = start(MODULE)
    expected = {
        name: [found.as_dict() for found in core.detect([decode(file)])[0]]
        for name, file in FILES.items()
    }
    return Predictor(server, port, expected)


@pytest.fixture(scope="module")
def predictor(core: Detector) -> Iterator[Predictor]:
    running = running_predictor(core)
    yield running
    running.close()


def by_grpc(predictor: Predictor, file: bytes) -> Any:
    return grpc_answers(predictor.stub.ModelInfer(grpc_raw(NAME, "image", file), timeout=60))


def by_rest(predictor: Predictor, request: Request) -> Any:
    return answers(request.send(predictor.http, NAME), OUTPUT)


WAYS: dict[str, Any] = {
    "V1": lambda p, file: by_rest(p, v1([{"image_b64": text(file)}])),
    "V2": lambda p, file: by_rest(p, v2(tensor("image", [text(file)]))),
    "V2 binary": lambda p, file: by_rest(p, v2_binary("image", file)),
    "gRPC": by_grpc,
}


def test_it_listens_on_the_loopback_only(predictor: Predictor) -> None:
    process = psutil.Process(predictor.server.pid)
    found = [c for c in process.connections("inet") if c.status == psutil.CONN_LISTEN]
    # gRPC listens by an IPv6 socket, which writes the same address in its own way.
    assert {c.laddr.ip.removeprefix("::ffff:") for c in found} == {"127.0.0.1"}
    assert {c.laddr.port for c in found} == {predictor.server.port, predictor.grpc_port}


# ------------------------------------------------------------------ KServe's own clients


def kserves_request(*files: bytes) -> InferRequest:
    image = InferInput("image", [len(files)], "BYTES")
    image.set_data_from_numpy(np.array(files, dtype=np.object_))
    return InferRequest(NAME, [image])


def test_kserves_rest_client(predictor: Predictor) -> None:
    async def ask() -> tuple[Any, Any, Any]:
        old, new = (InferenceRESTClient(RESTConfig(protocol=one)) for one in ("v1", "v2"))
        url = predictor.server.url
        body = {"instances": [{"image_b64": text(FILES["one_card"])}]}
        ready = await new.is_model_ready(url, NAME), await new.is_server_ready(url)
        first = await old.infer(url, body, NAME)
        second = await new.infer(url, kserves_request(FILES["one_card"], FILES["no_card"]), NAME)
        await asyncio.gather(old.close(), new.close())
        return ready, first, second

    ready, first, second = asyncio.run(ask())
    expected = predictor.expected
    assert ready == (True, True)
    assert first == {"predictions": [expected["one_card"]]}
    assert [parsed(one) for one in second.outputs[0].data] == [
        expected["one_card"],
        expected["no_card"],
    ]


def test_kserves_grpc_client(predictor: Predictor) -> None:
    async def ask() -> tuple[Any, ...]:
        async with InferenceGRPCClient(predictor.address) as client:
            ready = await client.is_model_ready(NAME), await client.is_server_ready()
            raw = await client.infer(kserves_request(FILES["two_cards"]))
            base64 = InferRequest(
                NAME, [InferInput("image", [1], "BYTES", data=[text(FILES["two_cards"])])]
            )
            return ready, raw, await client.infer(base64)

    ready, raw, base64 = asyncio.run(ask())
    assert ready == (True, True)
    for answer in (raw, base64):
        [found] = answer.outputs[0].as_numpy().tolist()
        assert parsed(found) == predictor.expected["two_cards"]


def parsed(found: str | bytes) -> Any:
    return json.loads(found)


# ------------------------------------------------------------------ gRPC's refusals


def contents(**fields: Any) -> pb.ModelInferRequest:
    about = {"name": "image", "shape": [1], "datatype": "BYTES", **fields}
    return pb.ModelInferRequest(model_name=NAME, inputs=[about])


def behind(*raw: bytes) -> pb.ModelInferRequest:
    """Return a request whose tensors' bytes are behind their description."""
    request = contents()
    request.raw_input_contents.extend(raw)
    return request


GRPC_REFUSED = {
    "no bytes": (grpc_raw(NAME, "image", b""), "image_empty"),
    "no input": (pb.ModelInferRequest(model_name=NAME), "tensor_missing"),
    "nothing in it": (grpc_raw(NAME, "image"), "instances_empty"),
    "another shape": (contents(shape=[2], contents={"bytes_contents": [b"x"]}), "tensor_malformed"),
    "numbers": (contents(datatype="FP32", contents={"fp32_contents": [1.5]}), "tensor_malformed"),
    "an unknown datatype": (contents(datatype="TEXT"), "request_malformed"),
    "broken frames": (behind(b"\xff\xff\xff\xffx"), "tensor_malformed"),
    "more contents than inputs": (behind(b"", b""), "request_malformed"),
}


@pytest.mark.parametrize(("request_", "code"), GRPC_REFUSED.values(), ids=GRPC_REFUSED)
def test_a_client_of_grpc_is_told_what_to_change(
    predictor: Predictor, request_: pb.ModelInferRequest, code: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        predictor.stub.ModelInfer(request_, timeout=60)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    error = parsed(dict(caught.value.trailing_metadata())["error-bin"])["error"]
    assert error["code"] == code
    assert caught.value.details() == f"{error['message']} {error['hint']}"


def test_the_text_is_that_of_rest(predictor: Predictor) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        by_grpc(predictor, b"?text")
    answer = v2_binary("image", b"?text").send(predictor.http, NAME).json()
    assert caught.value.details() == f"{answer['error']} {answer['hint']}"


def test_what_else_grpc_refuses(predictor: Predictor) -> None:
    stub = predictor.stub
    no_message = predictor.channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
    too_large = grpc_raw(NAME, "image", bytes(31 * 1024 * 1024))
    calls: dict[str, tuple[Any, Any, grpc.StatusCode]] = {
        "unknown model": (stub.ModelInfer, grpc_raw("nothing", "image"), grpc.StatusCode.NOT_FOUND),
        "ready of it": (
            stub.ModelReady,
            pb.ModelReadyRequest(name="nothing"),
            grpc.StatusCode.NOT_FOUND,
        ),
        "unload": (
            stub.RepositoryModelUnload,
            pb.RepositoryModelUnloadRequest(model_name=NAME),
            grpc.StatusCode.PERMISSION_DENIED,
        ),
        "version": (
            stub.ModelInfer,
            pb.ModelInferRequest(model_name=NAME, model_version="1"),
            grpc.StatusCode.NOT_FOUND,
        ),
        "no message": (no_message, b"\xff\xff", grpc.StatusCode.INVALID_ARGUMENT),
        "too large": (stub.ModelInfer, too_large, grpc.StatusCode.RESOURCE_EXHAUSTED),
    }
    for what, (call, message, status) in calls.items():
        with pytest.raises(grpc.RpcError) as caught:
            call(message, timeout=60)
        assert caught.value.code() == status, what
        assert caught.value.details(), what


def test_grpc_answers_probes_and_metadata(predictor: Predictor) -> None:
    stub = predictor.stub
    assert stub.ServerLive(pb.ServerLiveRequest()).live
    assert stub.ServerReady(pb.ServerReadyRequest()).ready
    assert stub.ModelReady(pb.ModelReadyRequest(name=NAME)).ready
    about = stub.ModelMetadata(pb.ModelMetadataRequest(name=NAME))
    assert [(one.name, one.datatype, list(one.shape)) for one in about.inputs] == [
        ("image", "BYTES", [-1])
    ]


def test_grpc_is_counted(predictor: Predictor) -> None:
    def count(outcome: str) -> float:
        labels = f'model_name="{NAME}",outcome="{outcome}",protocol="grpc"'
        lines = predictor.http.get("/metrics").text.splitlines()
        [line] = [one for one in lines if one.startswith(f"inference_requests_total{{{labels}}}")]
        return float(line.rsplit(" ", 1)[1])

    before = count("answered"), count("refused")
    by_grpc(predictor, FILES["no_card"])
    with pytest.raises(grpc.RpcError):
        by_grpc(predictor, b"?text")
    assert (count("answered"), count("refused")) == (before[0] + 1, before[1] + 1)


# ------------------------------------------------------------------ under load


@pytest.mark.parametrize(
    ("seconds", "threads", "least"),
    [
        (4, 4, len(CARDS)),
        pytest.param(120, 8, 50, marks=[pytest.mark.nightly, pytest.mark.timeout(300)]),
    ],
)
def test_a_mixed_load_gets_no_wrong_answer(
    predictor: Predictor, seconds: float, threads: int, least: int
) -> None:
    """Ask by all protocols at once, and compare every answer with the core's."""
    deadline = time.monotonic() + seconds
    turns = itertools.count()
    counts = dict.fromkeys(WAYS, 0)

    def work() -> None:
        while time.monotonic() < deadline or min(counts.values()) < least:
            turn = next(turns)  # four ways, five images: each way gets each image
            way, name = list(WAYS)[turn % len(WAYS)], list(FILES)[turn % len(FILES)]
            assert WAYS[way](predictor, FILES[name]) == [predictor.expected[name]], (way, name)
            counts[way] += 1

    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work) for _ in range(threads)]:
            done.result()


# ------------------------------------------------------------------ the end


def test_sigterm_answers_what_was_accepted_and_leaves_nothing(core: Detector) -> None:
    own = running_predictor(core)
    processes = [record.pid for record in own.server.processes()]
    pool = ThreadPoolExecutor(12)
    ways = itertools.cycle(WAYS.values())
    asked: list[Future[Any]] = [
        pool.submit(partial(next(ways), own, FILES["two_cards"])) for _ in range(12)
    ]
    in_progress = '"id_card",outcome='  # all of them have reached the server before it is told
    wait_for(lambda: in_progress in own.http.get("/metrics").text and accepted(own) >= 12)
    begun = time.monotonic()
    code = own.server.stop(grace=15)
    took = time.monotonic() - begun

    for one in asked:
        assert one.result() == [own.expected["two_cards"]]
    pool.shutdown()
    own.close()
    assert code == 0
    assert took < 10
    assert not [pid for pid in processes if psutil.pid_exists(pid)]


def accepted(predictor: Predictor) -> float:
    """Return how many requests have arrived at the model."""
    lines = predictor.http.get("/metrics").text.splitlines()
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in lines
        if line.startswith("request_preprocess_seconds_count")
    )


def wait_for(condition: Any, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline


def test_a_second_server_on_the_same_port_says_so(predictor: Predictor) -> None:
    command = ["python", "-m", MODULE, "--http_port", "{port}"]
    command += ["--grpc_port", str(predictor.grpc_port)]
    with pytest.raises(servers.ServerError, match=r"the server ended: gRPC cannot listen on"):
        servers.start(command, ready=f"/v2/models/{NAME}/ready", name="kserve-second")


def test_a_second_rest_server_on_the_same_port_says_so_in_one_line(predictor: Predictor) -> None:
    command = [sys.executable, "-m", MODULE, "--http_port", str(predictor.server.port)]
    command += ["--grpc_port", str(servers.free_port())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    where = f"127.0.0.1:{predictor.server.port}"
    said = f"the server ended: REST cannot listen on {where}: Address already in use\n"
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(said)
    assert "Traceback" not in done.stderr


def test_a_model_that_cannot_be_loaded_ends_it_with_the_reason() -> None:
    command = ["python", "-m", MODULE, "--http_port", "{port}"]
    with pytest.raises(servers.CrashedError, match="cannot be loaded: no weights at"):
        servers.start(command, env={"ID_CARD_WEIGHTS": "no/such/weights.pt"}, name="kserve-failing")
