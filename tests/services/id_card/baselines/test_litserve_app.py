"""LitServe. It has one endpoint and pages of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import httpx
import psutil
import pytest

from services.id_card.detector import Detector
from services.workbench import servers
from services.workbench.servers import Server
from tests.services.id_card.adapter_contract import InferenceContract, assert_boxes, raw
from tests.services.id_card.image_files import encoded, sample

COMMAND = [sys.executable, "-m", "services.id_card.baselines.litserve_app", "--port", "{port}"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    scratch = tmp_path_factory.mktemp("litserve")
    with servers.start(
        COMMAND, ready="/health", name="litserve", env={"TMPDIR": str(scratch)}
    ) as running:
        yield running


class TestApp(InferenceContract):
    pass


def test_a_file_of_several_megabytes(http: httpx.Client, core: Detector) -> None:
    data = encoded(sample("one_card").resize((1600, 1200)), "BMP")
    assert len(data) > 5_000_000
    assert_boxes(raw(data, "image/bmp").send(http).json(), core, data)


def test_its_own_pages(http: httpx.Client) -> None:
    assert http.get("/health").status_code == 200
    assert "/inference" in http.get("/openapi.json").json()["paths"]


def test_it_listens_on_the_loopback_and_calls_nobody(server: Server) -> None:
    for record in server.processes():
        for connection in psutil.Process(record.pid).connections(kind="inet"):
            assert connection.laddr.ip == "127.0.0.1"
            assert not connection.raddr or connection.raddr.ip == "127.0.0.1"
