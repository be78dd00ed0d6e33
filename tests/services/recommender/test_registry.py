"""From a trained model to the version in production, on a real tracking server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import count

import mlflow
import pytest
from mlflow import MlflowClient

from services.recommender import registry
from services.recommender.recommender import Recommender
from services.recommender.registry import Threshold
from services.recommender.registry.promotion import complaints
from services.workbench.servers import Server
from tests.conftest import Registered

NAMES = (f"recommender_test_{number}" for number in count())


@pytest.fixture
def name(tracking_server: Server, registry_versions: list[Registered]) -> str:
    """A registered model with the three versions of the shared one, none of them served."""
    name = next(NAMES)
    for known in registry_versions:
        registry.register(known.version.model_id, name=name, tracking_uri=tracking_server.url)
    return name


@pytest.fixture
def at(name: str, tracking_server: Server) -> dict[str, str]:
    return {"name": name, "tracking_uri": tracking_server.url}


# ---------------------------------------------------------------- what is in the registry


def test_the_folder_holds_code_data_and_exact_packages(registry_versions: list[Registered]) -> None:
    folder = registry_versions[1].folder
    files = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert {"MLmodel", "mlflow_model.py", "artifacts/recommender.npz"} <= files
    assert not [file for file in files if file.endswith((".pkl", ".pt", ".pth"))]
    packages = (folder / "requirements.txt").read_text().splitlines()
    assert all("==" in line for line in packages)
    assert not [line for line in packages if line.startswith(("torch", "bentoml"))]


def test_the_core_reads_the_data_and_mlflow_gives_the_same_answers(
    registry_versions: list[Registered],
) -> None:
    """MLflow in a fresh process that may open no pickle and does not know this repository."""
    folder = registry_versions[1].folder
    code = (
        "import json, sys, mlflow; model = mlflow.pyfunc.load_model(sys.argv[1])\n"
        "asked = [{'user_id': 1, 'rated': [7]}, {'user_id': 99999, 'rated': None}]\n"
        "answers = model.predict(asked, params={'top_k': 3})\n"
        "assert 'torch' not in sys.modules\n"
        "print(json.dumps(answers.to_dict(orient='records')))"
    )
    settings = {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | settings
    done = subprocess.run(
        [sys.executable, "-c", code, folder], env=env, cwd=folder, capture_output=True, check=True
    )
    core = Recommender.load(folder / "artifacts" / "recommender.npz", version="2")
    expected = [core.recommend(1, 3, [7]), core.recommend(99999, 3)]
    assert json.loads(done.stdout) == [answer.as_dict() for answer in expected]


@pytest.mark.parametrize(
    ("row", "top_k", "what"),
    [
        ({"user_id": -1}, 3, r"row 0: 'user_id' is -1.*whole number from 0 up"),
        ({"user_id": 1}, 0, r"row 0: 'top_k' is 0"),
        ({"user_id": 1}, 301, r"row 0: top_k is 301, but \d+ movies are left"),
        ({"user_id": "1"}, 3, r"row 0: 'user_id' is '1', of the type str"),
        ({"user_id": 1, "rated": ["x"]}, 3, r"row 0: 'rated', entry 0, is 'x'"),
        ({"rated": [1]}, 3, r"missing inputs \['user_id'\]"),
    ],
)
def test_a_bad_question_is_the_callers_to_mend(
    registry_versions: list[Registered], row: dict, top_k: int, what: str
) -> None:
    model = mlflow.pyfunc.load_model(str(registry_versions[1].folder))
    with pytest.raises(mlflow.MlflowException, match=what) as caught:
        model.predict([row], params={"top_k": top_k})
    assert caught.value.get_http_status_code() == 400


def test_a_run_tells_how_it_was_trained(
    tracking_server: Server, registry_versions: list[Registered]
) -> None:
    version = registry_versions[1].version
    client = MlflowClient(tracking_server.url)
    run = client.get_run(version.run_id)
    assert run.data.params["kind"] == "mf-bce"
    assert run.data.params["epochs"] == "25"
    losses = [point.value for point in client.get_metric_history(version.run_id, "loss")]
    assert len(losses) == 25
    assert losses[-1] < losses[0]
    sets = {entry.tags[0].value: entry.dataset for entry in run.inputs.dataset_inputs}
    assert set(sets) == {"training", "validation"}
    assert [*version.measured] == [sets["validation"].digest]
    assert "loss.png" in [file.path for file in client.list_artifacts(version.run_id)]


def test_two_things_that_mlflow_does_not_tell(
    tracking_server: Server, registry_versions: list[Registered]
) -> None:
    client = MlflowClient(tracking_server.url)
    raw = client.get_model_version(registry.MODEL, "2")
    assert raw.model_id is None
    [found] = [
        v
        for v in client.search_model_versions(f"name='{registry.MODEL}'")
        if v.version == raw.version
    ]
    assert found.aliases == []
    ours = registry_versions[1].version
    assert client.get_logged_model(ours.model_id).source_run_id == ours.run_id
    assert ours.aliases == ("prod",)


def test_registering_again_makes_no_second_version(at: dict[str, str]) -> None:
    first = registry.versions(**at)
    again = registry.register(first[0].model_id, **at)
    assert again.number == 1
    assert registry.versions(**at) == first


# ---------------------------------------------------------------- promotion


def test_the_first_is_served_a_better_one_takes_its_place_a_worse_one_is_refused(
    at: dict[str, str],
) -> None:
    assert registry.promote(1, **at).outcome == "promoted"
    assert registry.promote(2, **at).outcome == "promoted"
    refused = registry.promote(1, **at)
    assert refused.outcome == "refused"
    assert refused.previous == 2
    assert refused.reasons[0].startswith("ndcg_at_10 is 0.")
    assert refused.reasons[0].endswith("wanted: a gain of 0.002 or more")
    assert registry.version_of("prod", **at).number == 2


def test_doing_it_again_changes_nothing(at: dict[str, str]) -> None:
    registry.promote(1, **at)
    registry.promote(2, **at)
    again = registry.promote(2, **at)
    assert (again.outcome, again.previous) == ("unchanged", 2)
    assert registry.rollback(**at).version == 1


def test_a_rollback_goes_back_once_however_many_ask_for_it(at: dict[str, str]) -> None:
    registry.promote(1, **at)
    registry.promote(2, **at)
    assert registry.rollback(2, reason="slow", **at).version == 1
    assert registry.rollback(2, **at).outcome == "unchanged"
    assert registry.promote(2, **at).reasons == ("it was withdrawn (slow)",)
    assert registry.promote(2, again=True, **at).outcome == "promoted"
    assert registry.version_of(2, **at).withdrawn is None


def test_nothing_to_go_back_to(at: dict[str, str]) -> None:
    with pytest.raises(LookupError, match=r"no version of .* is in production"):
        registry.rollback(**at)
    registry.promote(1, **at)
    with pytest.raises(LookupError, match="is the first in production"):
        registry.rollback(**at)


def test_models_measured_on_different_data_are_not_compared(
    at: dict[str, str], small, models
) -> None:
    from services.recommender.metrics import evaluate
    from services.recommender.splits import at_random

    other = at_random(small.ratings, seed=7)
    model = models["mf-bce"]
    logged = registry.log_candidate(
        Recommender(model, other.train),
        evaluate(model, other.train, other.validation),
        other,
        tracking_uri=at["tracking_uri"],
    )
    version = registry.register(logged.model_id, **at)
    registry.promote(1, **at)
    [reason] = registry.promote(version.number, **at).reasons
    assert reason == "version 1 was not measured on the same data; measure it there first"


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        ({"a": 0.5, "b": 0.50}, {"a": 0.4, "b": 0.55}, 0),
        ({"a": 0.5, "b": 0.50}, {"a": 0.5, "b": 0.50}, 1),
        ({"a": 0.3, "b": 0.10}, {"a": 0.4, "b": 0.55}, 2),
        ({"b": 0.55}, {"a": 0.4, "b": 0.55}, 1),
        ({"a": 0.5, "b": 0.55}, {"b": 0.55}, 1),
    ],
)
def test_every_threshold_has_its_say(new: dict, old: dict, expected: int) -> None:
    rule = (Threshold("a", 0.01), Threshold("b", -0.1))
    assert len(complaints(new, old, rule)) == expected


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda uri: registry.promote(99, tracking_uri=uri), "has no version 99"),
        (lambda uri: registry.promote(1, name="none", tracking_uri=uri), "none has no version 1"),
        (lambda uri: registry.version_of("blue", tracking_uri=uri), "the alias 'blue'"),
        (lambda uri: registry.register("m-0", tracking_uri=uri), "no logged model 'm-0'"),
        (lambda uri: registry.rollback(name="none", tracking_uri=uri), "no registered model"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_named(tracking_server: Server, registry_versions, call, what) -> None:
    with pytest.raises(LookupError, match=what):
        call(tracking_server.url)


def test_no_registered_model_has_no_versions(tracking_server: Server) -> None:
    assert registry.versions(name="none", tracking_uri=tracking_server.url) == []
