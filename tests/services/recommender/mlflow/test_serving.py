"""MLflow's scoring server answers as the core does; what it does with bad input is on record."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import mlflow
import pytest
from click.testing import CliRunner, Result
from mlflow.cli import server as tracking_command
from mlflow.models import validate_serving_input
from mlflow.models.cli import commands
from mlflow.pyfunc import scoring_server
from starlette.testclient import TestClient

from services.errors import shown
from services.recommender.mlflow import scoring_app
from services.recommender.recommender import Recommender
from services.workbench import servers
from services.workbench.servers import Server, scoring
from services.workbench.servers.scoring_requests import Sent, bad_questions, same_question
from tests.services.recommender.served import assert_same

PROD = "models:/recommender_production@prod"


@pytest.fixture(scope="module")
def folder(registry_versions: list[Any]) -> Path:
    """The model folder of the version that has the alias prod."""
    [found] = [each for each in registry_versions if each.version.number == 2]
    return Path(found.folder)


@pytest.fixture(scope="module")
def core(folder: Path) -> Recommender:
    return Recommender.load(folder / "artifacts" / "recommender.npz", version="2")


@pytest.fixture(scope="module")
def user(core: Recommender) -> int:
    return int(core.user_ids.ids[0])


@pytest.fixture(scope="module")
def server(tracking_server: Server, registry_versions: list[Any]) -> Iterator[Server]:
    with scoring.server(PROD, tracking_server.url) as running:
        yield running


@pytest.fixture(scope="module")
def wrapped(folder: Path) -> Iterator[TestClient]:
    """The same application behind our middleware, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODEL", str(folder))
        with TestClient(scoring_app.create_app(), raise_server_exceptions=False) as client:
            yield client


def through(wrapped: TestClient, sent: Sent) -> scoring.Outcome:
    raw = sent.body if isinstance(sent.body, str) else json.dumps(sent.body)
    headers = {"content-type": sent.content_type} if sent.content_type else {}
    return scoring.outcome(wrapped.post("/invocations", content=raw, headers=headers))


# ------------------------------------------------------------ what works


@pytest.mark.parametrize(
    ("path", "status"),
    [("ping", 200), ("health", 200), ("metrics", 404), ("readyz", 404), ("v2/health/ready", 404)],
)
def test_it_has_two_probes_and_nothing_that_others_have(
    server: Server, path: str, status: int
) -> None:
    assert httpx.get(f"{server.url}/{path}").status_code == status


def test_the_answers_are_the_cores(server: Server, core: Recommender) -> None:
    users = [int(one) for one in core.user_ids.ids[:20]] + [10**9]
    answers = scoring.ask(server.url, [{"user_id": one} for one in users], top_k=7)
    for one, answer in zip(users, answers, strict=True):
        assert_same(answer, core, user_id=one, top_k=7)


def test_rows_with_and_without_rated_go_together(
    server: Server, core: Recommender, user: int
) -> None:
    rows = [{"user_id": user, "rated": [1]}, {"user_id": user}, {"user_id": user, "rated": None}]
    answers = scoring.ask(server.url, rows, top_k=2)
    for answer, rated in zip(answers, ([1], None, None), strict=True):
        assert_same(answer, core, user_id=user, top_k=2, rated=rated)


def test_an_error_of_ask_is_raised(server: Server) -> None:
    with pytest.raises(scoring.ScoringError, match=r"^400: .*user_id"):
        scoring.ask(server.url, [{"user_id": -1}])


def test_a_version_stays_until_the_server_is_started_anew(server: Server) -> None:
    # The model was fetched once: nothing in the running command knows the alias any more.
    command = " ".join(server.processes()[-1].command)
    assert "prod" not in command
    assert "uvicorn" in command


def test_mlflow_predict_reads_a_file(folder: Path, core: Recommender, tmp_path: Path) -> None:
    user = int(core.user_ids.ids[0])
    asked, answered = tmp_path / "asked.json", tmp_path / "answered.json"
    asked.write_text(json.dumps({"dataframe_records": [{"user_id": user}], "params": {"top_k": 4}}))
    mlflow_models("predict", "-m", folder, "--env-manager", "local", "-i", asked, "-o", answered)
    [answer] = json.loads(answered.read_text())["predictions"]
    assert_same(answer, core, user_id=user, top_k=4)


def test_a_payload_can_be_tried_without_a_server(
    folder: Path, core: Recommender, user: int
) -> None:
    payload = json.dumps({"dataframe_records": [{"user_id": user}], "params": {"top_k": 4}})
    with pytest.warns(FutureWarning, match="Use ``mlflow.models.predict`` instead"):
        table = validate_serving_input(str(folder), payload)
    [answer] = table.to_dict("records")
    assert_same(answer, core, user_id=user, top_k=4)


# ------------------------------------------------------------ payloads


@pytest.mark.parametrize("number", range(7))
def test_every_form_of_a_question_is_answered_alike_or_refused(
    server: Server, core: Recommender, user: int, number: int
) -> None:
    sent = same_question(user, [1])[number]
    found = scoring.send(server.url, sent.body, content_type=sent.content_type)
    if sent.name in {"the question alone", "CSV"}:
        assert (found.status, found.predictions) == (400, [])
    else:
        assert found.status == 200, found
        assert_same(found.predictions[0], core, user_id=user, top_k=3, rated=[1])


SILENT = {"topk, misspelt", "top_k in the row"}
"""Bad questions that MLflow answers all the same: it drops what the signature does not name."""

BAD = [sent.name for sent in bad_questions(1)]


@pytest.mark.parametrize("name", BAD)
def test_bad_input_at_mlflows_own_door(server: Server, user: int, name: str) -> None:
    [sent] = [each for each in bad_questions(user) if each.name == name]
    found = scoring.send(server.url, sent.body, content_type=sent.content_type)
    if name in SILENT:
        assert (found.status, len(found.predictions[0]["items"])) == (200, 10)
    elif name == "no content type":
        assert found.status == 500  # ours is 415: see below
    else:
        assert 400 <= found.status <= 499, found
        assert not found.trace


@pytest.mark.parametrize("name", BAD)
def test_bad_input_at_our_middleware(wrapped: TestClient, user: int, name: str) -> None:
    [sent] = [each for each in bad_questions(user) if each.name == name]
    found = through(wrapped, sent)
    if name in SILENT:
        assert found.status == 200
        return
    assert 400 <= found.status <= 499, found
    assert not found.trace
    assert found.code
    assert found.message


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("user_id is 5.5", "user_id_invalid", "'user_id' is 5.5, a decimal number."),
        ("top_k is 0", "top_k_invalid", "'top_k' is 0."),
        ("rated is 3", "rated_invalid", "'rated' is 3."),
        ("no content type", "content_type_unknown", "The header Content-Type is missing."),
        ("user_id is missing", "request_invalid", "Model is missing inputs ['user_id']."),
    ],
)
def test_our_middleware_says_what_is_wrong(
    wrapped: TestClient, user: int, name: str, code: str, told: str
) -> None:
    [sent] = [each for each in bad_questions(user) if each.name == name]
    found = through(wrapped, sent)
    assert (found.code, found.message) == (code, told)


def rows_in_every_form(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    columns = {"user_id": [row["user_id"] for row in rows]}
    table = {"columns": ["user_id"], "data": [[row["user_id"]] for row in rows]}
    return [
        {"dataframe_records": rows},
        {"dataframe_split": table},
        {"inputs": rows},
        {"inputs": columns},
        {"instances": rows},
    ]


@pytest.mark.parametrize("wrong", [None, 5.5, 7.0, "5", True])
@pytest.mark.parametrize("form", range(5))
def test_our_middleware_blames_the_row_that_is_wrong_with_the_value_as_it_was_sent(
    wrapped: TestClient, user: int, wrong: object, form: int
) -> None:
    rows = [{"user_id": user}, {"user_id": wrong}, {"user_id": user}]
    found = through(wrapped, Sent("", rows_in_every_form(rows)[form]))
    assert (found.status, found.code) == (400, "user_id_invalid")
    assert found.message.startswith(f"Row 1 (of 3, counted from 0): 'user_id' is {shown(wrong)}")


def test_the_row_that_only_the_model_can_refuse_is_named_too(
    wrapped: TestClient, user: int
) -> None:
    rows = [{"user_id": user}, {"user_id": user, "rated": list(range(300))}]
    found = through(wrapped, Sent("", {"dataframe_records": rows, "params": {"top_k": 200}}))
    assert (found.status, found.code) == (400, "top_k_too_large")
    assert found.message.startswith("Row 1 (of 2, counted from 0): ")


@pytest.mark.parametrize("depth", [20, 900, 3000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_json_nested_deep_is_a_400_in_our_shape(
    wrapped: TestClient, depth: int, opening: str, closing: str
) -> None:
    deep = opening * depth + "1" + closing * depth
    for body in (deep, f'{{"dataframe_records": [{{"user_id": {deep}}}]}}'):
        found = through(wrapped, Sent("", body))
        assert (found.status, found.code) == (400, "json_invalid"), found


def test_the_415_offers_only_what_works(wrapped: TestClient, user: int) -> None:
    response = wrapped.post("/invocations", content=b"<x/>", headers={"content-type": "text/xml"})
    hint = response.json()["error"]["hint"]
    assert response.status_code == 415
    assert "application/json" in hint
    assert "csv" not in hint.lower()
    assert "parquet" not in hint.lower()


def test_a_body_that_is_too_large(wrapped: TestClient) -> None:
    found = through(wrapped, Sent("", " " * (scoring_app.MAX_BYTES + 1)))
    assert (found.status, found.code) == (413, "body_too_large")


def test_more_requests_than_it_answers_at_a_time_come_back_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def ask() -> list[int]:
        may_end = asyncio.Event()

        async def slow(scope: Any, receive: Any, send: Any) -> None:
            await may_end.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"{}"})

        transport = httpx.ASGITransport(scoring_app.ScoringMiddleware(slow))
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as http:
            asked = [
                asyncio.create_task(http.post("/invocations", json={"dataframe_records": []}))
                for _ in range(scoring_app.MAX_CONCURRENCY)
            ]
            refused = None
            while refused is None or refused.status_code == 200:
                await asyncio.sleep(0.05)
                async with asyncio.timeout(10):
                    refused = await http.post("/invocations", json={"dataframe_records": []})
            assert refused.headers["retry-after"] == "1"
            may_end.set()
            return [refused.status_code, *[one.status_code for one in await asyncio.gather(*asked)]]

    assert asyncio.run(ask()) == [429, *[200] * scoring_app.MAX_CONCURRENCY]


def test_a_body_that_does_not_arrive_is_a_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring_app, "MAX_SECONDS", 0.05)
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(10)

    async def send(message: Any) -> None:
        sent.append(message)

    async def never(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "path": "/invocations", "method": "POST", "headers": headers}
    asyncio.run(scoring_app.ScoringMiddleware(never)(scope, receive, send))
    assert sent[0]["status"] == 408


def test_a_fault_of_the_model_is_no_fault_of_the_client(folder: Path, user: int) -> None:
    broken = mlflow.pyfunc.load_model(str(folder))
    del broken.unwrap_python_model().recommender
    application = scoring_server.init(broken)
    body = {"dataframe_records": [{"user_id": user}]}
    found = scoring.outcome(TestClient(application).post("/invocations", json=body))
    assert (found.status, found.trace) == (400, True)
    behind = TestClient(scoring_app.ScoringMiddleware(application)).post("/invocations", json=body)
    assert behind.status_code == 500
    assert behind.json()["error"]["code"] == "model_failed"
    assert "Traceback" not in behind.text


# ------------------------------------------------------------ the command


def test_its_default_port_is_the_tracking_servers() -> None:
    ports = [
        option.default
        for command in (tracking_command, commands.commands["serve"])
        for option in command.params
        if option.name == "port"
    ]
    assert ports == [5000, 5000]


def test_a_port_that_is_taken_is_said(server: Server, tracking_server: Server) -> None:
    with pytest.raises(servers.PortTakenError, match="is in use"):
        scoring.server(PROD, tracking_server.url, port=server.port)


def mlflow_models(*arguments: object) -> Result:
    """Run ``mlflow models`` with these arguments, in this process."""
    return CliRunner().invoke(commands, [str(argument) for argument in arguments])


def test_the_chapters_option_is_gone() -> None:
    done = mlflow_models("build-docker", "--model-uri", PROD, "--enable-mlserver")
    assert done.exit_code == 2
    assert "No such option '--enable-mlserver'" in done.output


# ------------------------------------------------------------ the Dockerfile


def dockerfile(folder: Path, out: Path, *options: str) -> str:
    done = mlflow_models("generate-dockerfile", "--model-uri", folder, "-d", out, *options)
    assert done.exit_code == 0, done.output
    return (out / "Dockerfile").read_text(encoding="utf-8")


def test_the_dockerfile_for_local_is_slim_and_runs_nginx(folder: Path, tmp_path: Path) -> None:
    text = dockerfile(folder, tmp_path / "out", "--env-manager", "local")
    assert "FROM python:3.11" in text
    assert "-slim" in text
    assert "nginx" in text
    assert "USER" not in text  # root
    assert "github" not in text
    assert text == dockerfile(folder, tmp_path / "again")  # which is the default


def test_the_dockerfile_for_virtualenv_needs_github_and_java(folder: Path, tmp_path: Path) -> None:
    # build-docker's default. Its help says that Java is not installed for such a model.
    text = dockerfile(folder, tmp_path / "out", "--env-manager", "virtualenv")
    assert "FROM ubuntu:24.04" in text
    assert "github.com/pyenv/pyenv" in text
    assert "openjdk" in text
    [default] = [
        option.default
        for option in commands.commands["build-docker"].params
        if option.name == "env_manager"
    ]
    assert default == "virtualenv"
    assert "does **not install Java**" in (commands.commands["build-docker"].help or "")
