"""Requests in KServe's protocols, by hand, so that nothing is mended on the way."""

from __future__ import annotations

import base64
import json
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

from services.workbench import servers
from services.workbench.servers import Server

LENGTH = "Inference-Header-Content-Length"

Json = Any


@dataclass
class Request:
    """One request for a prediction: its path behind the model's name, its body, its headers."""

    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})

    def send(self, client: httpx.Client, model: str) -> httpx.Response:
        return client.post(self.path.format(model), content=self.body, headers=self.headers)


def start(module: str, *arguments: str, ready: str = "/v2/health/ready") -> tuple[Server, int]:
    """Start a KServe server; return it and the port of its gRPC server."""
    port = servers.free_port()
    command = [sys.executable, "-m", module, "--http_port", "{port}", "--grpc_port", str(port)]
    return servers.start([*command, *arguments], ready=ready, name=module.split(".")[-1]), port


def v1(instances: Json, **more: Json) -> Request:
    body = json.dumps({"instances": instances, **more}).encode()
    return v1_body(body)


def v1_body(body: bytes) -> Request:
    return Request("/v1/models/{}:predict", body)


def v2(*inputs: Json, **more: Json) -> Request:
    body = json.dumps({"inputs": list(inputs), **more}).encode()
    return v2_body(body)


def v2_body(body: bytes, **headers: str) -> Request:
    return Request("/v2/models/{}/infer", body, {"Content-Type": "application/json", **headers})


def tensor(name: str, data: Sequence[Json], datatype: str = "BYTES", **more: Json) -> Json:
    return {"name": name, "shape": [len(data)], "datatype": datatype, "data": list(data), **more}


def framed(*elements: bytes) -> bytes:
    """Return the binary form of a BYTES tensor: each element behind its length."""
    return b"".join(struct.pack("<I", len(one)) + one for one in elements)


def v2_binary(name: str, *elements: bytes, **more: Json) -> Request:
    """Return a request of one BYTES tensor behind the JSON."""
    raw = framed(*elements)
    about = {"name": name, "shape": [len(elements)], "datatype": "BYTES"}
    about["parameters"] = {"binary_data_size": len(raw)}
    head = json.dumps({"inputs": [about], **more}).encode()
    headers = {"Content-Type": "application/octet-stream", LENGTH: str(len(head))}
    return Request("/v2/models/{}/infer", head + raw, headers)


def grpc_raw(model: str, name: str, *elements: bytes) -> pb.ModelInferRequest:
    about = {"name": name, "shape": [len(elements)], "datatype": "BYTES"}
    return pb.ModelInferRequest(
        model_name=model, inputs=[about], raw_input_contents=[framed(*elements)]
    )


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def error_in(response: httpx.Response) -> dict[str, str]:
    """Return code, message and hint of an error; V2 prescribes that ``error`` is a text."""
    body = response.json()
    if response.request.url.path.startswith("/v2"):
        body = {"error": {"message": body.pop("error"), **body}}
    assert set(body) == {"error"}
    error: dict[str, str] = body["error"]
    assert set(error) == {"code", "message", "hint"}
    assert all(isinstance(part, str) for part in error.values())
    return error


@dataclass(frozen=True)
class Refused:
    """A request and the answer that it must get."""

    request: Request
    status: int
    code: str
    hint: str = ""
    message: str = ""

    def check(self, client: httpx.Client, model: str) -> None:
        response = self.request.send(client, model)
        assert response.status_code == self.status, response.text
        assert response.headers["content-type"].startswith("application/json")
        error = error_in(response)
        assert error["code"] == self.code
        assert self.hint in error["hint"]
        assert self.message in error["message"]


def answers(response: httpx.Response, output: str) -> Json:
    """Return the answer to every instance, whichever protocol it came in."""
    assert response.status_code == 200, response.text
    length = response.headers.get(LENGTH)
    body = json.loads(response.content[: int(length)] if length else response.content)
    if "predictions" in body:
        return body["predictions"]
    [found] = body["outputs"]
    assert (found["name"], found["datatype"]) == (output, "BYTES")
    if length is None:
        texts = found["data"]
    else:
        texts, raw = [], response.content[int(length) :]
        assert found["parameters"]["binary_data_size"] == len(raw)
        while raw:
            [size] = struct.unpack_from("<I", raw)
            texts.append(raw[4 : 4 + size])
            raw = raw[4 + size :]
    assert found["shape"] == [len(texts)]
    return [json.loads(one) for one in texts]


def grpc_answers(response: pb.ModelInferResponse) -> Json:
    """Return the answer to every instance of a gRPC response."""
    [output] = response.outputs
    texts = list(output.contents.bytes_contents)
    if response.raw_output_contents:
        [raw] = response.raw_output_contents
        while raw:
            [size] = struct.unpack_from("<I", raw)
            texts.append(raw[4 : 4 + size])
            raw = raw[4 + size :]
    assert list(output.shape) == [len(texts)]
    return [json.loads(one) for one in texts]


IMAGE = tensor("image", ["x"])

# Every model refuses these in the same way, whatever it is asked about.
ANY_MODEL = {
    "no body, V1": Refused(v1_body(b""), 400, "body_missing", "curl"),
    "no body, V2": Refused(v2_body(b""), 400, "body_missing", "curl"),
    "half of the JSON, V1": Refused(v1_body(b'{"instances": ['), 400, "json_invalid", "UTF-8"),
    "half of the JSON, V2": Refused(v2_body(b'{"inputs": ['), 400, "json_invalid", "UTF-8"),
    "no UTF-8, V1": Refused(v1_body(b'{"instances": "\xff"}'), 400, "json_invalid", "UTF-8"),
    "a form, V2": Refused(
        v2_body(b"--x\r\n", **{"Content-Type": "multipart/form-data"}), 400, "json_invalid"
    ),
    "NaN": Refused(v1_body(b'{"instances": [NaN]}'), 400, "json_invalid"),
    "deep JSON": Refused(v1_body(b'{"instances": ' + b"[" * 5000), 400, "json_invalid"),
    "JSON, no object, V1": Refused(v1_body(b"[1, 2]"), 400, "json_invalid", "instances", "array"),
    "JSON, no object, V2": Refused(v2_body(b'"inputs"'), 400, "json_invalid", "inputs", "a string"),
    "V2's body in V1": Refused(
        v1_body(b'{"inputs": []}'), 422, "instances_missing", "", "'inputs'"
    ),
    "V1's body in V2": Refused(v2_body(b'{"instances": [{}]}'), 422, "request_malformed", "inputs"),
    "instances no list": Refused(v1({"0": 1}), 422, "instances_invalid", "", "an object"),
    "instances empty": Refused(v1([]), 422, "instances_empty"),
    "inputs empty": Refused(v2(), 422, "request_malformed", "datatype", "empty"),
    "an input no object": Refused(v2(5), 422, "request_malformed", "", "'inputs[0]'"),
    "an input without a name": Refused(
        v2({**IMAGE, "name": None}), 422, "request_malformed", "", "'inputs[0].name'"
    ),
    "a shape that is a number": Refused(
        v2({**IMAGE, "shape": 1}), 422, "request_malformed", "", "'inputs[0].shape'"
    ),
    "no data": Refused(
        v2({name: IMAGE[name] for name in ("name", "shape", "datatype")}),
        *(400, "data_missing", "binary_data_size"),
    ),
    "data no list": Refused(
        v2({**IMAGE, "data": "x"}), 422, "request_malformed", "", "'inputs[0].data'"
    ),
    "id a number": Refused(v2(IMAGE, id=7), 422, "request_malformed", "", "'id'"),
    "an unknown input": Refused(
        v2(tensor("picture", ["x"])), 422, "tensor_unknown", "", "'picture'"
    ),
    "JSON's length no number": Refused(
        v2_body(b"{}", **{LENGTH: "many"}), 400, "binary_size", "", "'many'"
    ),
    "JSON's length beyond the body": Refused(
        v2_body(b"{}", **{LENGTH: "3"}), 400, "binary_size", "", "2 bytes"
    ),
    "compressed": Refused(
        v2_body(b"\x1f\x8b", **{"Content-Encoding": "gzip"}),
        *(415, "encoding_unsupported", "Content-Encoding", "'gzip'"),
    ),
    **{
        path: Refused(Request(path, b'{"instances": [1]}'), status, code, hint)
        for path, status, code, hint in (
            ("/v1/models/nothing:predict", 404, "model_unknown", "server's models"),
            ("/v2/models/nothing/infer", 404, "model_unknown", "server's models"),
            ("/v2/models/{}/versions/1/infer", 404, "not_offered", ""),
            ("/v1/models/{}:explain", 404, "not_offered", ""),
            ("/v1/model/{}:predict", 404, "path_unknown", "POST to"),
            ("/v1/models/{}:guess", 405, "method_unknown", ":predict"),
            ("/v2/repository/models/{}/unload", 403, "repository_closed", "Deploy another"),
            ("/v2/repository/models/{}/load", 403, "repository_closed", "Deploy another"),
        )
    },
}

any_model = pytest.mark.parametrize("refused", ANY_MODEL.values(), ids=ANY_MODEL)
