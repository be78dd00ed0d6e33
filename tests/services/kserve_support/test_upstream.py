"""What KServe 0.21 does by itself: why this package wraps it.

When one of these tests fails, KServe has fixed the fault, and a part of the package can go.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import kserve
import pytest
from kserve import model_server
from kserve.protocol.rest.server import RESTServer
from starlette.testclient import TestClient

from tests.services.id_card.image_files import sample_bytes
from tests.services.kserve_requests import tensor, v2, v2_binary


class Doubler(kserve.Model):
    """A model as KServe's documentation writes one."""

    def load(self) -> bool:
        self.ready = True
        return self.ready

    async def predict(self, payload, headers=None):  # type: ignore[no-untyped-def]
        return {"predictions": (2 * payload.inputs[0].as_numpy()).tolist()}


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    model = Doubler("doubler")
    model.load()
    server = kserve.ModelServer()
    server.register_model(model)
    rest = RESTServer("", server.dataplane, server.model_repository_extension, 0)
    rest.create_application()  # adds to the one application that KServe has: once a process
    with TestClient(model_server.app, raise_server_exceptions=False) as opened:
        yield opened


def test_a_wrong_shape_is_a_500(client: TestClient) -> None:
    sent = v2({**tensor("x", [1.0], "FP32"), "shape": [3]})
    assert sent.send(client, "doubler").status_code == 500


def test_a_picture_behind_the_json_is_a_500(client: TestClient) -> None:
    sent = v2_binary("image", sample_bytes("one_card"))
    assert sent.send(client, "doubler").status_code == 500


def test_two_content_types_are_a_422(client: TestClient) -> None:
    sent = v2_binary("image", b"text")
    kinds = [("Content-Type", "application/json"), ("content-type", "application/octet-stream")]
    headers = [
        *kinds,
        ("Inference-Header-Content-Length", sent.headers["Inference-Header-Content-Length"]),
    ]
    response = client.post("/v2/models/doubler/infer", content=sent.body, headers=headers)
    assert response.status_code == 422


def test_metrics_have_no_count_of_requests_or_errors(client: TestClient) -> None:
    v2(tensor("x", [1.0], "FP32")).send(client, "doubler")
    text = client.get("/metrics").text
    names = {line.split("{")[0] for line in text.splitlines() if 'model_name="doubler"' in line}
    assert {name.rpartition("_seconds")[0] for name in names} <= {
        *(f"request_{step}" for step in ("preprocess", "predict", "postprocess", "explain")),
    }


def test_anybody_unloads_the_model_and_the_server_stays_ready(client: TestClient) -> None:
    assert client.post("/v2/repository/models/doubler/unload").status_code == 200
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get("/v2/models/doubler/ready").status_code == 404


def test_it_binds_all_addresses() -> None:
    server = kserve.ModelServer()
    rest = RESTServer("", server.dataplane, server.model_repository_extension, 0)
    assert rest.config.host == "0.0.0.0"


@pytest.mark.parametrize(
    ("module", "expected"), [("kserve.model_server", "99"), ("services.kserve_support.server", "4")]
)
def test_importing_it_reads_the_arguments_and_ours_does_not(module: str, expected: str) -> None:
    code = f"import {module}, kserve.model_server as m; print(m.args.max_threads)"
    done = subprocess.run([sys.executable, "-c", code, "--max_t", "99"], capture_output=True)
    assert done.stdout.decode().strip() == expected, done.stderr.decode()
