"""Plain FastAPI: ``services.id_card.baselines.fastapi_app``, in-process and served."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from services.workbench import servers
from services.workbench.servers import Server
from tests.services.id_card.adapter_contract import (
    AdapterContract,
    HttpContract,
    assert_ends_when_asked,
    in_process,
)

COMMAND = [sys.executable, "-m", "uvicorn", "services.id_card.baselines.fastapi_app:app"]
COMMAND += ["--host", "127.0.0.1", "--port", "{port}", "--log-level", "warning"]


@pytest.fixture(scope="session")
def app_client() -> Iterator[httpx.Client]:
    from services.id_card.baselines.fastapi_app import app

    yield from in_process(lambda: app)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server puts its temporary files."""
    return tmp_path_factory.mktemp("fastapi")


@pytest.fixture(scope="module")
def server(scratch: Path) -> Iterator[Server]:
    with servers.start(COMMAND, name="fastapi", env={"TMPDIR": str(scratch)}) as running:
        yield running


class TestApp(AdapterContract):
    pass


class TestServer(HttpContract):
    def test_it_ends_when_asked(self) -> None:
        with servers.start(COMMAND, name="fastapi") as own:
            assert_ends_when_asked(own)
