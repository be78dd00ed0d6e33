"""Fixtures that are made once a session: loading a network takes seconds."""

from __future__ import annotations

import errno
import http.server
import os
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import httpx
import pytest

from services.id_card.detector import Detector
from services.id_card.model.backends import BackendName
from services.workbench import servers
from services.workbench.servers import Server
from tests.services.id_card.image_files import sample_bytes

pytest.register_assert_rewrite("tests.services.id_card.adapter_contract")

BACKENDS: tuple[BackendName, ...] = tuple(n for n in get_args(BackendName) if n != "int8")
"""Those that compute the same to the last digits that count; test_quantise.py holds the other."""


@pytest.fixture(scope="session")
def detectors() -> dict[str, Detector]:
    """One detector for each backend, with the parameters that a server has."""
    return {backend: Detector(backend=backend) for backend in BACKENDS}


@pytest.fixture(scope="session")
def core(detectors: dict[str, Detector]) -> Detector:
    """The detector that the servers offer: ONNX Runtime's."""
    return detectors["onnx"]


@pytest.fixture(scope="session", params=BACKENDS)
def detector(request: pytest.FixtureRequest, detectors: dict[str, Detector]) -> Detector:
    """Each of the three in turn."""
    return detectors[request.param]


# What every adapter's module shares. It names what is served in TARGET, and gives the fixtures
# "scratch" (a folder for the server's temporary files) and "app_client" (the service in-process).


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, scratch: Path) -> Iterator[Server]:
    # Two API workers for the legacy service; one of today's states its own number and ignores this.
    with servers.bentoml(
        request.module.TARGET, api_workers=2, env={"TMPDIR": str(scratch)}
    ) as running:
        yield running


@pytest.fixture(scope="module", name="http")
def http_client(server: Server) -> Iterator[httpx.Client]:
    """A client of the module's server, for up to 16 requests at a time."""
    limits = httpx.Limits(max_connections=16, max_keepalive_connections=16)
    with httpx.Client(
        base_url=server.url, timeout=60.0, trust_env=False, limits=limits
    ) as over_http:
        yield over_http


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no temporary file be made."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for name in ("NamedTemporaryFile", "TemporaryFile", "mkstemp", "mkdtemp"):
        monkeypatch.setattr(tempfile, name, refuse)


@dataclass
class Listener:
    """A little web server that notes who asks it."""

    url: str
    requests: list[str]


@pytest.fixture
def listener() -> Iterator[Listener]:
    asked: list[str] = []
    card = sample_bytes("one_card")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(card)

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{httpd.server_port}/card.jpg"
        with urllib.request.urlopen(url, timeout=5) as answer:
            assert answer.read() == card, "it would answer"
        asked.clear()
        yield Listener(url, asked)
        httpd.shutdown()
        thread.join(5)
