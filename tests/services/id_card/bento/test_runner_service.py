"""The chapter's API: ``services.id_card.bento.runner_service``, in-process and served."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
from bentoml.exceptions import RemoteException

from services.id_card.detector import Detector
from services.workbench import servers
from services.workbench.servers import Server
from tests.services.id_card.adapter_contract import (
    GOOD,
    TIMEOUT,
    AdapterContract,
    HttpContract,
    assert_boxes,
    assert_ends_when_asked,
    in_process,
    raw,
)
from tests.services.id_card.image_files import sample

TARGET = "services.id_card.bento.runner_service:svc"

pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated since BentoML")


@pytest.fixture(scope="session")
def app_client() -> Iterator[httpx.Client]:
    from services.id_card.bento.runner_service import svc

    yield from in_process(lambda: svc.asgi_app)


@pytest.fixture(scope="module")
def scratch() -> Path:
    """Where the server puts its temporary files; a short path, since sockets are among them."""
    return Path(tempfile.mkdtemp())


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

    @pytest.mark.parametrize("path", ["/inference", "/render"])
    def test_no_request_is_a_500_when_the_runner_is_killed(self, path: str) -> None:
        with (
            servers.bentoml(TARGET, api_workers=1) as own,
            httpx.Client(base_url=own.url, timeout=TIMEOUT, trust_env=False) as http,
            ThreadPoolExecutor(8) as pool,
        ):
            answered = [pool.submit(raw(GOOD).send, http, path) for _ in range(64)]
            answered[3].result()
            for record in own.processes():
                if "worker.runner" in " ".join(record.command):
                    os.kill(record.pid, signal.SIGKILL)
            outcomes = [one.result() for one in answered]
            for outcome in outcomes:
                if outcome.status_code != 200:
                    assert outcome.status_code in (503, 504), outcome.text
                    error = outcome.json()["error"]
                    assert error["code"] in ("model_unavailable", "model_timeout")
            deadline = time.monotonic() + 60
            while raw(GOOD).send(http, path).status_code != 200:
                assert time.monotonic() < deadline, own.tail()


def runner_of(method: Callable[..., Any]) -> SimpleNamespace:
    """Return what stands in for the Runner: one whose method does that."""
    return SimpleNamespace(inference=SimpleNamespace(async_run=method))


@pytest.mark.parametrize("path", ["/inference", "/render"])
def test_a_runner_that_cannot_be_reached_is_a_503_in_our_shape(
    app_client: httpx.Client, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.id_card.bento import runner_service

    async def unreachable(*_: object) -> None:
        raise RemoteException("Failed to connect to runner server.")

    monkeypatch.setattr(runner_service, "yolo_v8_runner", runner_of(unreachable))
    response = raw(GOOD).send(app_client, path)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "model_unavailable")
    assert response.headers["retry-after"] == "1"


@pytest.mark.parametrize("path", ["/inference", "/render"])
def test_a_runner_that_fails_is_a_500_in_our_shape(
    app_client: httpx.Client, core: Detector, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(Detector, "detect", broken)
    response = raw(GOOD).send(app_client, path)
    assert (response.status_code, response.json()["error"]["code"]) == (500, "model_failed")
    assert "secret" not in response.text


def test_the_runner_works_without_a_server(app_client: httpx.Client, core: Detector) -> None:
    """``init_local``, which the application in this process has called."""
    from services.id_card.bento.runner_service import yolo_v8_runner

    pixels = np.asarray(sample("one_card"))

    boxes = yolo_v8_runner.inference.run(pixels)
    later = asyncio.run(yolo_v8_runner.inference.async_run(pixels))

    assert_boxes(boxes, core)
    assert later == boxes
