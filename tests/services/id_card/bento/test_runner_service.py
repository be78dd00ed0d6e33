"""The chapter's API: ``services.id_card.bento.runner_service``, in-process and served."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from bentoml.exceptions import RemoteException

from services.workbench import servers
from services.workbench.servers import Server
from tests.services.id_card.adapter_contract import (
    GOOD,
    TIMEOUT,
    AdapterContract,
    HttpContract,
    assert_ends_when_asked,
    in_process,
    raw,
)

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


@pytest.mark.parametrize("path", ["/inference", "/render"])
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RemoteException("Failed to connect to runner server."), 503, "model_unavailable"),
        (RuntimeError("secret"), 500, "model_failed"),
    ],
)
def test_a_runner_that_fails_is_answered_in_our_shape(
    app_client: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    error: Exception,
    status: int,
    code: str,
) -> None:
    from services.id_card.bento import runner_service

    async def fail(*_: object) -> None:
        raise error

    runner = SimpleNamespace(inference=SimpleNamespace(async_run=fail))
    monkeypatch.setattr(runner_service, "yolo_v8_runner", runner)
    response = raw(GOOD).send(app_client, path)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert ("retry-after" in response.headers) == (status == 503)
    assert "secret" not in response.text
