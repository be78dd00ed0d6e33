"""From a trained model to the version in production, on a real tracking server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from itertools import count

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

from services.recommender import registry
from services.recommender.model.ids import IdMap
from services.recommender.model.metrics import evaluate
from services.recommender.model.ratings import Movies
from services.recommender.recommender import Recommender
from services.recommender.registry import Threshold, learning
from services.recommender.registry.__main__ import main
from services.recommender.training.cross_dataset import CrossDatasetModel
from services.recommender.training.splits import at_random
from services.registry import complaints
from services.workbench.servers import Server, free_port
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
    assert {"MLmodel", "model.py", "artifacts/recommender.npz"} <= files
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
        ({"user_id": 1}, 301, r"row 0: top_k is 301, but \d+ movies are left"),
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
    assert refused.reasons[0].endswith("required: a gain of 0.002 or more")
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
    back = registry.rollback(2, reason="slow", **at)
    assert (back.version, back.previous, back.outcome) == (1, 2, "restored")
    assert back.reasons == ("version 2 was withdrawn (slow)",)
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


def test_an_alias_set_by_hand_is_what_counts(at: dict[str, str]) -> None:
    registry.promote(1, **at)
    MlflowClient(at["tracking_uri"]).set_registered_model_alias(at["name"], "prod", "3")
    refused = registry.promote(1, **at)
    assert (refused.previous, refused.outcome) == (3, "refused")
    assert registry.rollback(**at).version == 1


def test_a_promotion_that_was_cut_off_is_no_promotion(at: dict[str, str]) -> None:
    """The history was written, the alias was not."""
    registry.promote(1, **at)
    registry.promote(2, **at)
    client = MlflowClient(at["tracking_uri"])
    client.set_registered_model_tag(at["name"], "prod_history", "[1, 2, 3]")
    assert registry.version_of("prod", **at).number == 2
    assert registry.rollback(**at).version == 1


def test_models_measured_on_different_data_are_not_compared(
    at: dict[str, str], small, models
) -> None:
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


# ---------------------------------------------------------------- continuous learning


def test_new_ratings_lead_to_a_new_version(tracking_server: Server, small) -> None:
    """The first half of the year, then all of it; then nothing new."""
    at = {"name": next(NAMES), "tracking_uri": tracking_server.url, "progress": False}
    half = len(small.ratings) // 2
    old = small.ratings.take(np.arange(len(small.ratings)) < half)
    assert registry.learn(old, **at).outcome == "promoted"
    decision = registry.learn(small.ratings, **at)
    assert (decision.version, decision.previous, decision.outcome) == (2, 1, "promoted")
    again = registry.learn(small.ratings, **at)
    assert (again.version, again.outcome) == (3, "refused")
    del at["progress"]
    served = registry.version_of("prod", **at)
    metrics = MlflowClient(tracking_server.url).get_logged_model(served.model_id).metrics
    assert {metric.dataset_name for metric in metrics if metric.key == "ndcg_at_10"} == {
        "validation",
        "test",
    }


def test_ratings_that_production_was_trained_on_decide_nothing(
    at: dict[str, str], small, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.promote(2, **at)
    version = registry.version_of(2, **at)
    leaky = small.split._replace(train=small.split.validation, validation=small.split.train)
    with pytest.raises(ValueError, match=r"was trained on \d+ of these \d+ ratings; measure it on"):
        registry.measure(version, leaky, tracking_uri=at["tracking_uri"])
    monkeypatch.setattr(learning, "by_time", lambda ratings: leaky)
    with pytest.raises(ValueError, match="nothing to learn before new ratings come in"):
        registry.learn(small.ratings, progress=False, **at)


def test_a_model_is_measured_on_another_table_by_raw_ids(small, models) -> None:
    """Half of the users and movies are new; the indexes of the others have changed."""
    known = small.split.train
    here = Recommender(models["mf-bce"], small.split.development)
    movies = Movies(IdMap(known.movies.ids.ids + 150), known.movies.titles, known.movies.genres)
    there = replace(known, user_ids=IdMap(known.user_ids.ids + 100), movies=movies)
    model = CrossDatasetModel(here, there)
    scores = model.scores(np.array([0, 199]))
    own = here.scores([101, 300])
    assert here.user_ids.get(300) is None
    np.testing.assert_array_equal(scores[:, :150], own[:, 150:])
    assert (scores[:, 150:] == -np.inf).all()
    assert 0 < evaluate(model, there, there).coverage <= 0.5


# ---------------------------------------------------------------- the rule


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


# ---------------------------------------------------------------- the command


def test_the_command_shows_versions_and_refuses_with_a_reason(
    tracking_server: Server, registry_versions: list[Registered], capsys: pytest.CaptureFixture
) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        status = main(["--tracking-uri", tracking_server.url, *arguments])
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    status, shown = run("show")
    assert status == 0
    assert shown.splitlines()[1].startswith("recommender_production   2  hr_at_10 0.")
    assert shown.splitlines()[1].endswith(", @prod")
    status, said = run("promote", "1")
    assert status == 1
    assert "version 1 refused: ndcg_at_10 is" in said
    assert run("promote", "2") == (
        0,
        "recommender_production version 2 unchanged: it is in production\n",
    )
    assert run("promote", "77") == (1, "recommender_production has no version 77\n")
    status, said = run("train", "--ratings-dir", "no/such/folder")
    assert (status, said.startswith("no/such/folder: no such folder")) == (1, True)


def test_the_command_says_which_server_does_not_answer(capsys: pytest.CaptureFixture) -> None:
    uri = f"http://127.0.0.1:{free_port()}"
    assert main(["--tracking-uri", uri, "show"]) == 1
    assert capsys.readouterr().err.startswith(f"the tracking server at {uri} failed")
