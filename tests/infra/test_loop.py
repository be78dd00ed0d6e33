"""Continuous learning on a schedule: a valid, hardened CronJob and a workflow, same command."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import yaml

from services.environment import ROOT
from services.loop import __main__ as command
from services.loop.runs import Run
from services.manifests import check_paths, parse
from tests.infra.manifests import hardened

FOLDER = ROOT / "infra" / "kubernetes" / "loop"


@pytest.fixture(scope="module")
def job() -> dict[str, Any]:
    [document] = parse((FOLDER / "cronjob.yaml").read_text("utf-8"), "cronjob.yaml")
    return dict(document.body["spec"])


def test_the_manifests_are_valid_and_hardened(job: dict[str, Any]) -> None:
    report = check_paths([str(FOLDER / "cronjob.yaml"), str(FOLDER / "volume.yaml")])
    assert (report.findings, report.unread) == ([], [])
    pod = job["jobTemplate"]["spec"]["template"]["spec"]
    hardened(pod)
    [claim] = [v["persistentVolumeClaim"] for v in pod["volumes"] if v["name"] == "data"]
    assert claim["claimName"] == check_paths([str(FOLDER / "volume.yaml")]).documents[0].name


def test_only_one_runs_and_it_ends(job: dict[str, Any]) -> None:
    assert job["concurrencyPolicy"] == "Forbid"
    spec = job["jobTemplate"]["spec"]
    assert spec["activeDeadlineSeconds"] < 24 * 3600, "shorter than until the next one"
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def _arguments(job: dict[str, Any]) -> list[str]:
    [container] = job["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert 'ENTRYPOINT ["python", "-m", "services.loop"]' in (FOLDER / "Dockerfile").read_text()
    return list(container["args"])


def test_both_commands_are_ones_that_the_loop_takes(
    job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow = (ROOT / "infra" / "github" / "loop.yml").read_text("utf-8")
    [line] = re.findall(r"python -m services\.loop (start.*)", workflow)
    arguments = shlex.split(line.replace("$RATINGS", "/ratings").replace("$SINCE", "17"))
    seen: list[dict[str, Any]] = []

    def start(parameters: dict[str, Any], **_: Any) -> Run:
        seen.append(parameters)
        return Run("001", "healthy")

    monkeypatch.setattr(command, "start", start)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    monkeypatch.setenv("RECOMMENDER_URL", "http://recommender:3000")
    assert command.main(_arguments(job)) == 0
    assert command.main(arguments) == 0
    assert seen == [
        {"data": "/data/ratings", "since": 1735689600},
        {"data": "/ratings", "since": 17},
    ]


def test_the_workflow_pins_its_actions_and_promotes_alone() -> None:
    workflow = yaml.safe_load((ROOT / "infra" / "github" / "loop.yml").read_text("utf-8"))
    assert workflow["concurrency"]["cancel-in-progress"] is False
    [job] = workflow["jobs"].values()
    uses = [step["uses"] for step in job["steps"] if "uses" in step]
    assert uses
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", one) for one in uses)
    known = {path.name: path.read_text() for path in (ROOT / ".github/workflows").glob("*.yml")}
    assert all(any(one in text for text in known.values()) for one in uses), "as in our own"


def test_without_servers_it_says_which_variable_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("RECOMMENDER_URL", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    with pytest.raises(SystemExit):
        command.main(["start"])
    assert "RECOMMENDER_URL must be the http:// address" in capsys.readouterr().err
