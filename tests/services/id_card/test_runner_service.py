"""The chapter's API: ``services.id_card.runner_service``, in-process and served."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from services.id_card.detector import Detector
from services.workbench import servers
from services.workbench.servers import Server

from .adapter_contract import (
    AdapterContract,
    HttpContract,
    assert_boxes,
    assert_ends_when_asked,
    in_process,
    listener,  # noqa: F401
)
from .pictures import sample

TARGET = "services.id_card.runner_service:svc"

pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated since BentoML")


@pytest.fixture(scope="session")
def app_client() -> Iterator[httpx.Client]:
    from services.id_card.runner_service import svc

    yield from in_process(lambda: svc.asgi_app)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server puts its temporary files."""
    return tmp_path_factory.mktemp("runner-service")


class TestService(AdapterContract):
    pass


class TestServer(HttpContract):
    def test_model_and_web_server_are_different_processes(self, server: Server) -> None:
        commands = [" ".join(record.command) for record in server.processes()]

        assert any("runner" in command for command in commands), commands
        assert sum("http_api_server" in command for command in commands) >= 1, commands

    def test_it_ends_when_asked(self) -> None:
        with servers.bentoml(TARGET, api_workers=1) as own:
            assert_ends_when_asked(own)


def test_the_runner_works_without_a_server(app_client: httpx.Client, core: Detector) -> None:
    """``init_local``, which the application in this process has called."""
    from services.id_card.runner_service import yolo_v8_runner

    pixels = np.asarray(sample("one_card"))

    boxes = yolo_v8_runner.inference.run(pixels)
    later = asyncio.run(yolo_v8_runner.inference.async_run(pixels))
    drawing = yolo_v8_runner.render.run(pixels)

    assert_boxes(boxes, core)
    assert later == boxes
    assert np.array_equal(drawing, core.render(sample("one_card")))


def test_the_names_are_those_of_the_design() -> None:
    from services.id_card.runner_service import svc, yolo_v8_runner

    assert svc.name == "yolo_v8"
    assert yolo_v8_runner.name == "yolov8_runnable"
