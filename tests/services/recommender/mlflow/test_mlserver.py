"""MLServer, from its own environment, answers as the core does; ours refuses bad input, too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.recommender.recommender import Recommender
from services.setup import preflight
from services.workbench.servers import Server, mlserver, scoring
from tests.services.recommender.served import assert_same

USER = {"name": "user_id", "datatype": "INT64", "shape": [1, 1], "data": [7]}


def test_without_the_environment_it_says_what_makes_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    missing = preflight.Tool("mlserver", [[str(tmp_path / "mlserver")]], "make mlserver-env")
    monkeypatch.setitem(preflight.TOOLS, "mlserver", missing)
    with pytest.raises(mlserver.NoEnvironmentError, match=r"^NOT RUN HERE: .*make mlserver-env$"):
        mlserver.server(tmp_path)


def test_its_fastapi_is_older_than_ours() -> None:
    def pinned(lock: Path) -> str:
        lines = lock.read_text(encoding="utf-8").splitlines()
        return next(line.partition("==")[2] for line in lines if line.startswith("fastapi=="))

    ours = pinned(mlserver.LOCK.parents[2] / "requirements.txt")
    older, newer = (
        tuple(map(int, version.split("."))) for version in (pinned(mlserver.LOCK), ours)
    )
    assert older < newer


@pytest.fixture(scope="module")
def folder(registry_versions: list[Any]) -> Path:
    [found] = [each for each in registry_versions if each.version.number == 2]
    return Path(found.folder)


@pytest.fixture(scope="module")
def core(folder: Path) -> Recommender:
    return Recommender.load(folder / "artifacts" / "recommender.npz", version="2")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    mlserver.install()  # as make mlserver-env does
    with mlserver.server(folder, version="2") as running:
        yield running


def infer(server: Server, *tensors: dict[str, Any], model: str = "recommender") -> httpx.Response:
    url = f"{server.url}/v2/models/{model}/infer"
    return httpx.post(url, json={"inputs": list(tensors)}, timeout=60)


@pytest.mark.system
def test_the_answers_are_the_cores(server: Server, core: Recommender) -> None:
    users = [int(one) for one in core.user_ids.ids[:10]] + [10**9]
    shape = [len(users), 1]
    response = infer(
        server,
        {**USER, "shape": shape, "data": users},
        {"name": "top_k", "datatype": "INT64", "shape": shape, "data": [4] * len(users)},
    )
    [output] = response.json()["outputs"]
    assert response.json()["model_version"] == "2"
    for user, text in zip(users, output["data"], strict=True):
        assert_same(json.loads(text), core, user_id=user, top_k=4)


@pytest.mark.system
def test_rated_is_a_list_in_json(server: Server, core: Recommender) -> None:
    user = int(core.user_ids.ids[0])
    best = [item.movie_id for item in core.recommend(user, top_k=2).items]
    rated = {
        "name": "rated",
        "datatype": "BYTES",
        "shape": [1, 1],
        "data": [json.dumps(best)],
        "parameters": {"content_type": "pd_json"},
    }
    [output] = infer(server, {**USER, "data": [user]}, rated).json()["outputs"]
    assert_same(json.loads(output["data"][0]), core, user_id=user, rated=best)


@pytest.mark.system
@pytest.mark.parametrize(
    ("tensors", "status", "told"),
    [
        ([{**USER, "data": [-1]}], 422, "user_id_invalid: row 0: 'user_id' is -1"),
        ([{**USER, "datatype": "FP64", "data": [5.5]}], 422, "user_id_invalid: row 0"),
        ([{**USER, "name": "user"}], 422, "Did you mean 'user_id'?"),
        ([], 400, "tensors_invalid"),
        ([{**USER, "shape": [2, 1]}], 400, "1 values, where the shapes say 2"),
        ([{**USER, "shape": [0, 1], "data": []}], 400, "one row per user"),
        (
            [
                {**USER, "shape": [2, 1], "data": [1, 2]},
                {"name": "top_k", "datatype": "INT64", "shape": [1, 1], "data": [2]},
            ],
            400,
            "rows by tensor: {'user_id': 2, 'top_k': 1}",
        ),
    ],
)
def test_bad_input_is_refused_with_what_to_change(
    server: Server, tensors: list[dict[str, Any]], status: int, told: str
) -> None:
    response = infer(server, *tensors)
    assert response.status_code == status
    assert told in response.json()["error"]


@pytest.mark.system
def test_mlservers_own_runtime_speaks_mlflows_protocol_but_not_v2(
    server: Server, core: Recommender
) -> None:
    user = int(core.user_ids.ids[0])
    [answer] = scoring.ask(server.url, [{"user_id": user}], top_k=3)
    assert_same(answer, core, user_id=user, top_k=3)
    # Our answer has a null ("fallback"), and its table of tensors cannot hold one.
    assert infer(server, {**USER, "data": [user]}, model="recommender_mlflow").status_code == 500
