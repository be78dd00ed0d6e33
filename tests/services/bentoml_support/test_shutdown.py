"""How a BentoML server ends on SIGTERM: its port first, then what has been accepted."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
import types
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from services.bentoml_support import shutdown
from services.workbench import servers
from services.workbench.servers import Server

_SLOW = """
import asyncio
import bentoml

@bentoml.service(name="model")
class Model:
    @bentoml.api
    async def ask(self, number: int) -> int:
        await asyncio.sleep(6)
        return number

@bentoml.service(name="asking", workers=2)
class Asking:
    model = bentoml.depends(Model)

    @bentoml.api
    async def slow(self, number: int) -> int:
        return await self.model.to_async.ask(number)
"""

_OURS = """
from services.bentoml_support.shutdown import end_in_order

end_in_order()
"""


@pytest.fixture(params=["bentoml", "ours"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    text = _SLOW if request.param == "bentoml" else _OURS + _SLOW
    (tmp_path / f"ending_{request.param}.py").write_text(text)
    target = f"ending_{request.param}:Asking"
    with servers.bentoml(target, working_dir=tmp_path) as running:
        yield running


def connects(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return False
    return True


def test_the_port_is_closed_while_what_was_accepted_is_answered(
    server: Server, request: pytest.FixtureRequest
) -> None:
    with (
        httpx.Client(base_url=server.url, timeout=30, trust_env=False) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        asked = [pool.submit(client.post, "/slow", json={"number": i}) for i in range(8)]
        time.sleep(2)
        os.kill(server.pid, signal.SIGTERM)
        time.sleep(1)
        open_while_ending = [connects(server.port) for _ in range(5)]
        outcomes = [one.exception() or one.result().status_code for one in asked]
    if "ours" in request.node.name:
        assert open_while_ending == [False] * 5
        assert outcomes == [200] * 8
    else:  # when this fails, BentoML ends in order by itself: drop the patch
        assert any(open_while_ending)


def test_workers_end_with_a_supervisor_that_is_killed(
    server: Server, request: pytest.FixtureRequest
) -> None:
    workers = [psutil.Process(record.pid) for record in server.processes()]
    workers = [worker for worker in workers if worker.pid != server.pid]
    assert len(workers) >= 3
    os.kill(server.pid, signal.SIGKILL)
    _, left = psutil.wait_procs(workers, timeout=10)
    if "ours" in request.node.name:
        assert left == []
        assert not connects(server.port)
    else:  # when this fails, BentoML does so by itself: drop the patch
        assert left


@pytest.fixture
def port() -> Iterator[socket.socket]:
    """A listening socket to which three clients have connected."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        clients = [socket.create_connection(listening.getsockname()) for _ in range(3)]
        yield listening
        for client in clients:
            client.close()


linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")


@linux
def test_clients_that_connected_are_accepted_first(port: socket.socket) -> None:
    def accept() -> None:
        for _ in range(3):
            time.sleep(0.1)
            port.accept()[0].close()

    with ThreadPoolExecutor(1) as threads:
        threads.submit(accept)
        shutdown._let_accept(port)
        port.setblocking(False)
        with pytest.raises(BlockingIOError):
            port.accept()  # nobody is left


@linux
def test_a_web_server_that_accepts_nobody_does_not_hold_up_the_end(
    port: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutdown, "_ACCEPT_SECONDS", 0.2)
    begun = time.monotonic()
    shutdown._let_accept(port)
    assert 0.2 <= time.monotonic() - begun < 5


def test_a_supervisor_that_is_process_1_is_no_orphan(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container the supervisor is process 1; its workers have to stay."""
    ended = []
    monkeypatch.setattr(os, "getppid", lambda: 1)
    monkeypatch.setattr(os, "kill", lambda *_: ended.append(1))
    monkeypatch.setattr(shutdown.ctypes, "CDLL", lambda _: types.SimpleNamespace(prctl=print))
    shutdown._end_with_parent()
    assert not ended
