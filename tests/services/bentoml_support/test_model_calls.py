"""How the models' processes are asked, and what of BentoML makes that necessary."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp
import httpx
import pytest
from _bentoml_impl.client.proxy2 import SessionManager
from _bentoml_impl.worker import service as worker
from bentoml.exceptions import BentoMLException, RemoteException

from services.bentoml_support import connections
from services.bentoml_support.model_calls import (
    MAX_CONNECTION_USE,
    asking_models,
    attempt,
    value_of,
)
from services.errors import ModelError
from services.workbench import servers
from services.workbench.servers import Server

REQUESTS = 150

_TWO_SERVICES = f"""
import asyncio
import bentoml

@bentoml.service(name="as_it_comes")
class AsItComes:
    @bentoml.api
    async def ask(self, number: int) -> int:
        await asyncio.sleep(0.2)
        return number

@bentoml.service(name="as_ours", runner_connection={MAX_CONNECTION_USE})
class AsOurs:
    @bentoml.api
    async def ask(self, number: int) -> int:
        await asyncio.sleep(0.2)
        return number

@bentoml.service(name="asking")
class Asking:
    as_it_comes = bentoml.depends(AsItComes)
    as_ours = bentoml.depends(AsOurs)

    @bentoml.api
    async def through_defaults(self, number: int) -> int:
        return await self.as_it_comes.to_async.ask(number)

    @bentoml.api
    async def through_ours(self, number: int) -> int:
        return await self.as_ours.to_async.ask(number)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("two-services")
    (folder / "two_services.py").write_text(_TWO_SERVICES)
    with servers.bentoml("two_services:Asking", working_dir=folder) as running:
        yield running


def lost(server: Server, path: str) -> int:
    """Send requests, sixteen at a time, and return how many are not answered with their number."""
    with (
        httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client,
        ThreadPoolExecutor(16) as pool,
    ):
        answers = list(pool.map(lambda i: client.post(path, json={"number": i}), range(REQUESTS)))
    return sum(answer.status_code != 200 or answer.json() != i for i, answer in enumerate(answers))


def test_bentomls_default_loses_requests(server: Server) -> None:
    """When this fails, BentoML is mended: drop MAX_CONNECTION_USE, and say so in notebook 04."""
    assert lost(server, "/through_defaults") > 0


def test_our_setting_loses_none(server: Server) -> None:
    assert lost(server, "/through_ours") == 0


def test_every_service_has_our_setting() -> None:
    from services.id_card.bento.ab_service import AbTest
    from services.id_card.bento.ensemble import Ensemble

    for service in (*Ensemble.all_services().values(), *AbTest.all_services().values()):
        assert service.config["runner_connection"] == MAX_CONNECTION_USE, service.name


def idle_seconds() -> float:
    """Return how long a caller keeps an idle connection."""

    async def make() -> float:
        manager = SessionManager("tcp://127.0.0.1:1", 1, {})
        session = await manager.get_session()
        try:
            return float(session.connector._keepalive_timeout)
        finally:
            await manager.close()

    return asyncio.run(make())


def test_a_caller_drops_an_idle_connection_before_the_service_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    [option] = [one for one in worker.main.params if one.name == "timeout_keep_alive"]
    monkeypatch.setattr(SessionManager, "_make_client", connections._make_client)
    # When this fails, BentoML has learnt it: drop connections.py, and say so in notebook 04.
    assert idle_seconds() > option.default
    connections.drop_idle_connections()
    assert idle_seconds() < option.default / 2


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (aiohttp.ServerDisconnectedError(), 503, "model_unavailable"),
        (RemoteException("Failed to connect to runner server."), 503, "model_unavailable"),
        (aiohttp.ClientPayloadError("half an answer"), 503, "model_unavailable"),
        (TimeoutError(), 504, "model_timeout"),
        (aiohttp.ServerTimeoutError(), 504, "model_timeout"),
        (BentoMLException("a secret"), 500, "model_failed"),
        (ValueError("a secret"), 500, "model_failed"),
    ],
    ids=str,
)
def test_what_becomes_of_an_error(error: Exception, status: int, code: str) -> None:
    async def raise_it() -> None:
        async with asking_models():
            raise error

    with pytest.raises(ModelError) as caught:
        asyncio.run(raise_it())
    assert (caught.value.status, caught.value.code) == (status, code)
    assert "secret" not in str(caught.value.as_dict())
    assert set(caught.value.as_dict()["error"]) == {"code", "message", "hint"}


def test_the_models_have_so_much_time_and_no_more() -> None:
    async def wait() -> None:
        async with asking_models(0.05):
            await asyncio.sleep(30)

    with pytest.raises(ModelError, match=r"within 0\.05 seconds") as caught:
        asyncio.run(asyncio.wait_for(wait(), 5))
    assert caught.value.status == 504


def test_an_exception_as_a_value() -> None:
    def divide(a: int, b: int) -> float:
        return a / b

    assert value_of(attempt(divide, 6, b=3)) == 2
    failure = attempt(divide, 6, b=0)
    assert failure == {"failed": "ZeroDivisionError"}
    with pytest.raises(ModelError) as caught:
        value_of(failure)
    assert caught.value.status == 500


def test_a_model_error_is_the_servers() -> None:
    with pytest.raises(ValueError, match="500 to 599; got 400"):
        ModelError("message", code="code", status=400, hint="hint")
