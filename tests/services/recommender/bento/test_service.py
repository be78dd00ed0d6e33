"""The recommender over HTTP with two workers, and a registry that misbehaves while they serve."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from mlflow import MlflowClient

from services.recommender.monitoring import answer_log
from services.recommender.recommender import Recommender
from services.recommender.validation import MAX_BYTES
from services.workbench import servers
from services.workbench.flow import Flow
from services.workbench.servers import Server, prometheus
from tests.services.recommender.hot_swap.between import Between
from tests.services.recommender.served import assert_same, settings

TARGET = "services.recommender.bento.service:Recommender"
NAME = "recommender_service"
USERS = [*range(1, 200, 7), 777_777]


class Running:
    """The server under test, its folders, and who feeds it."""

    def __init__(self, server: Server, folder: Path, between: Between, client: MlflowClient):
        self.server, self.folder, self.between, self.client = server, folder, between, client
        self.url = f"{server.url}/predict"

    def post(self, **request: Any) -> httpx.Response:
        return httpx.post(self.url, timeout=60.0, trust_env=False, **request)

    def ask(self, **question: Any) -> httpx.Response:
        return self.post(json=question)

    def imports(self) -> list[str]:
        lines = (self.folder / "cache" / NAME / "imports.jsonl").read_text().splitlines()
        return [json.loads(line)["number"] for line in lines]

    def serve(self, number: str) -> None:
        """Move the alias, and wait until every worker serves that version."""
        self.client.set_registered_model_alias(NAME, "prod", number)
        deadline = time.monotonic() + 120
        while (serving := self.serving()) != {number: 2}:
            assert time.monotonic() < deadline, serving
            time.sleep(0.1)

    def serving(self) -> dict[str, int]:
        """How many workers serve which version."""
        samples = self.metrics()
        rows = samples[samples.name == "recommender_serving_workers"]
        return {v: int(n) for v, n in zip(rows.version, rows.value, strict=True) if n}

    def metrics(self) -> pd.DataFrame:
        return prometheus.scrape(self.server.url)

    def total(self, name: str, **labels: str) -> float:
        samples = self.metrics()
        found = samples[samples.name == name]
        for label, value in labels.items():
            found = found[found[label] == value]
        return float(found.value.sum())


def environment(folder: Path, url: str, **more: str) -> dict[str, str]:
    return settings(folder, url, NAME, RECOMMENDER_POLL_SECONDS="0.3", **more)


@pytest.fixture(scope="module")
def running(
    between: Between, own_model: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    client = own_model(NAME)
    first = client.get_model_version(NAME, "1")
    client.create_model_version(  # a fourth, never fetched before
        NAME, first.source, run_id=first.run_id, model_id=first.source.removeprefix("models:/")
    )
    folder = tmp_path_factory.mktemp("served")
    env = environment(folder, between.url, RECOMMENDER_WORKERS="2")
    with servers.bentoml(TARGET, env=env) as server:
        running = Running(server, folder, between, client)
        running.serve("1")  # both workers are there
        yield running


@pytest.fixture
def service(running: Running) -> Running:
    """The server with version 1 and a registry that is well."""
    running.between.mood = "fine"
    running.serve("1")
    return running


# ---------------------------------------------------------------- answers


@pytest.mark.parametrize("number", ["1", "2"])
def test_it_answers_as_the_core_does(service: Running, files: dict[str, Path], number: str) -> None:
    service.serve(number)
    core = Recommender.load(files[number], version=number)
    for user in USERS:
        rated = [3, 50, 10**6]
        answer = service.ask(user_id=user, top_k=7, rated=rated)
        assert answer.status_code == 200, answer.text
        assert_same(answer.json(), core, user_id=user, top_k=7, rated=rated)


def test_the_chapters_name_for_rated_and_null(service: Running) -> None:
    first = service.ask(user_id=7).json()
    taken = [item["movie_id"] for item in first["items"][:3]]
    again = service.ask(user_id=7, top_k=7, ranked_movies=taken).json()
    assert again["items"] == first["items"][3:]
    assert service.ask(user_id=7, ranked_movies=None).json() == first
    assert service.ask(user_id=7, rated=None).json() == first


@pytest.mark.parametrize("user", [0, 777_777, 10**30])
def test_an_unknown_user_gets_what_is_popular_and_is_told_so(service: Running, user: int) -> None:
    service.serve("2")
    before = service.total("recommender_fallbacks_total", version="2")
    body = service.ask(user_id=user, top_k=1).json()
    assert (body["fallback"], body["model"], body["user_id"]) == ("popularity", "popularity", user)
    assert service.total("recommender_fallbacks_total", version="2") == before + 1


PICKLE = {"Content-Type": "application/vnd.bentoml+pickle"}
REFUSED = {
    "no JSON": ({"content": b"{"}, 400, "json_invalid", "JSON object such as"),
    "text in latin-1": ({"content": b'{"user_id": "\xe9"}'}, 400, "json_invalid", "JSON object"),
    "null": ({"content": b"null"}, 422, "request_invalid", "JSON object such as"),
    "a pickle": (
        {"content": b"x", "headers": PICKLE}, 415, "content_type", "Content-Type: application/json",
    ),
    "user nan": ({"content": b'{"user_id": NaN}'}, 422, "user_id_invalid", "a whole number"),
    "top_k large": ({"json": {"user_id": 7, "top_k": 9**9}}, 422, "top_k_too_large", "or fewer"),
    "both names": (
        {"json": {"user_id": 7, "rated": [], "ranked_movies": []}},
        422, "field_repeated", "Send 'rated' only",
    ),
    "too many bytes": ({"content": b" " * (MAX_BYTES + 1)}, 413, "body_too_large", "Shorten"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_answered_gets_a_4xx_that_says_what_to_change(
    service: Running, case: str
) -> None:
    request, status, code, hint = REFUSED[case]
    before = service.total("recommender_rejected_inputs_total", reason=code)
    answer = service.post(**request)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert hint in answer.json()["error"]["hint"]
    assert answer.json()["error"]["message"]
    assert service.total("recommender_rejected_inputs_total", reason=code) == before + 1


@pytest.mark.parametrize("kind", ["declared", "chunked"])
def test_a_body_that_stops_halfway(service: Running, kind: str) -> None:
    """The client goes away; the next one is served."""
    head = "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head += (
        "Content-Length: 99\r\n\r\n" if kind == "declared" else "Transfer-Encoding: chunked\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", service.server.port)) as connection:
        connection.sendall(head.encode() + b'4\r\n{"us\r\n')
    assert service.ask(user_id=7).status_code == 200


# ---------------------------------------------------------------- what is seen of it


def test_the_probes_say_that_it_serves_whatever_becomes_of_the_registry(service: Running) -> None:
    for mood in ("fine", "down"):
        service.between.mood = mood
        for probe in ("/livez", "/healthz", "/readyz"):
            assert httpx.get(service.server.url + probe).status_code == 200


def test_the_metrics_know_the_version_and_no_more_than_is_deployed(service: Running) -> None:
    name = "recommender_predictions_total"
    before = service.total(name, model="popularity", version="1")
    for user in range(1, 21):
        service.ask(user_id=user)
    assert service.total(name, model="popularity", version="1") == before + 20
    samples = service.metrics()
    labels = samples[samples.name.str.startswith("recommender_")]["version"]
    assert set(labels) <= {"", "1", "2", "3"}
    assert service.total("recommender_pulls_total", outcome="unchanged") > 0


def test_every_answer_is_in_the_log(service: Running) -> None:
    def rows() -> list[dict[str, Any]]:
        files = answer_log.files(service.folder / "log")
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    before = len(rows())
    body = service.ask(user_id=41, top_k=4).json()
    service.ask(user_id=41, top_k=10**6)
    stranger = service.ask(user_id=888_888, top_k=2).json()
    new = sorted(rows(), key=lambda row: row["timestamp"])[before:]
    assert [(row["user_id"], row["top_k"]) for row in new] == [(41, 4), (888_888, 2)]
    for row, answer in zip(new, (body, stranger), strict=True):
        assert row["movie_ids"] == [item["movie_id"] for item in answer["items"]]
        assert row["scores"] == pytest.approx([item["score"] for item in answer["items"]], abs=1e-5)
        assert row["fallback"] == answer["fallback"]
        assert (row["model"], row["version"]) == (answer["model"], answer["version"])
        assert row["seconds"] >= 0


# ---------------------------------------------------------------- while requests flow


def test_there_and_back_under_load_loses_nothing_and_imports_each_version_once(
    service: Running,
) -> None:
    bodies = [{"user_id": user, "top_k": 5} for user in USERS]
    with Flow(service.url, bodies, concurrency=6) as flow:
        for number in ("2", "1", "2", "3", "1"):
            service.serve(number)
            flow.wait(lambda reply, number=number: reply.body["version"] == number, count=200)
        flow.wait(count=max(1, 2_000 - len(flow.replies)))
    assert len(flow.replies) >= 2_000
    assert flow.failed == []
    assert {reply.body["version"] for reply in flow.replies} == {"1", "2", "3"}
    assert sorted(service.imports()) == ["1", "2", "3"]


@pytest.mark.parametrize("mood", ["down", "garbage", "not json", "nonsense", "slow", "half"])
def test_a_registry_that_misbehaves_is_not_noticed_by_anybody_who_asks(
    service: Running, mood: Any
) -> None:
    trouble = ("unreachable", "damaged", "unregistered")

    def troubles() -> float:
        return sum(service.total("recommender_pulls_total", outcome=one) for one in trouble)

    before, imports = troubles(), service.imports()
    with Flow(service.url, [{"user_id": user} for user in USERS], concurrency=4) as flow:
        flow.wait(count=50)
        service.between.turn(mood)
        # A version that was never fetched: with "half", its file breaks off.
        service.client.set_registered_model_alias(NAME, "prod", FRESH[mood])
        deadline = time.monotonic() + 120
        while troubles() == before:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        flow.wait(count=50)
        assert {reply.body["version"] for reply in flow.replies} == {"1"}
        assert service.imports() == imports, "what breaks is no import"
        service.client.set_registered_model_alias(NAME, "prod", "2")
        service.between.mood = "fine"
        service.serve("2")
        flow.wait(lambda reply: reply.body["version"] == "2", count=20)
    assert flow.failed == []
    assert len(set(service.imports())) == len(service.imports()), "each version once"


FRESH = dict.fromkeys(("down", "garbage", "not json", "nonsense", "slow"), "2") | {"half": "4"}


# ---------------------------------------------------------------- the start


def test_with_mlflow_down_it_starts_with_the_version_that_was_pointed_to(running: Running) -> None:
    running.serve("2")
    env = environment(running.folder, _nobody())
    with servers.bentoml(TARGET, env=env) as server:
        answer = httpx.post(f"{server.url}/predict", json={"user_id": 7}, trust_env=False).json()
        assert (answer["version"], answer["fallback"]) == ("2", None)
        assert "version 2, served last, is served again" in server.log.read_text()


def test_with_nothing_to_serve_it_ends_with_one_line_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(servers.CrashedError) as crash:
        servers.bentoml(TARGET, env=environment(tmp_path, _nobody())).stop()
    assert crash.value.exit_code == 1
    log = Path(str(crash.value.log)).read_text()
    assert f"There is no version of {NAME} to serve: MLflow gave no usable answer:" in log
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("RECOMMENDER_POLL_SECONDS", "soon", "must be a number from 0 up; got 'soon'"),
        ("RECOMMENDER_WORKERS", "0", "must be a whole number from 1 up; got '0'"),
        ("RECOMMENDER_WORKERS", "1.5", "must be a whole number from 1 up; got '1.5'"),
    ],
)
def test_a_setting_without_sense(name: str, value: str, message: str) -> None:
    from services.recommender.settings import Settings

    with pytest.raises(ValueError, match=f"{name} {message}"):
        Settings.from_environment({name: value})


def _nobody() -> str:
    """Return the address of a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"http://127.0.0.1:{closed.getsockname()[1]}"
