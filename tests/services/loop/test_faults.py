"""Each real step meets a full disk, a SIGKILL and a dead MLflow: users are served all the while."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import nbformat
import pytest
from nbformat import NotebookNode

from services.environment import ROOT
from services.loop import world
from services.loop.playground import Playground, playground
from services.loop.runs import STEPS, Run, start
from services.recommender import registry
from services.recommender.model.models import Popularity
from services.recommender.recommender import Recommender
from services.workbench.flow import Flow

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(2400)]

BODIES = [{"user_id": user, "top_k": 5} for user in range(1, 50)]


def on_a_full_disk(here: Playground, folder: Path, step: str) -> Run:
    """Start with a disk that has no room for this step's notebook."""
    write = nbformat.write

    def no_room(notebook: NotebookNode, path: Path, **more: object) -> None:
        if Path(path).name == f"{step}.unfinished.ipynb":
            raise OSError(errno.ENOSPC, "No space left on device")
        write(notebook, path, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nbformat, "write", no_room)
        return start(here.parameters, name="001", folder=folder, say=lambda line: None)


def killed(here: Playground, folder: Path, step: str, log: Path) -> None:
    """Start in a process of its own, and end it by SIGKILL in the middle of a step."""
    code = (
        "from functools import partial\nfrom pathlib import Path\nfrom services.loop import runs\n"
        f"runs.start({here.parameters!r}, name='001', folder=Path({str(folder)!r}),"
        " say=partial(print, flush=True))"
    )
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    deadline = time.monotonic() + 300
    while f"{step}: {{" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    time.sleep(2)  # the kernel is up, or nearly; no step takes less
    assert process.poll() is None, "it was to be killed before its end"
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_full_disk_and_a_kill_in_each_step(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    with playground(tmp_path / "world") as here, Flow(
        f"{here.service.url}/predict", BODIES, concurrency=2, pause=0.2
    ) as flow:  # fmt: skip
        for number, step in enumerate(STEPS):
            run = on_a_full_disk(here, folder, step)
            assert (run.outcome, run.step) == ("failed", step)
            assert "No space left on device" in run.reasons[0], str(run)
            assert (run.kept + run.ran)[:number] == list(STEPS[:number])
            prod, staging = registry.version_of("prod"), registry.version_of("staging")
            assert prod.number == staging.number, "a canary ends with its start"
            if number < STEPS.index("06_release"):
                assert prod.number == 1
            killed(here, folder, step, tmp_path / "killed.log")
        run = start({}, name="001", folder=folder, say=lambda line: None)
        assert (run.outcome, run.step) == ("healthy", STEPS[-1]), str(run)
        assert run.kept == list(STEPS[:-1])
        assert registry.version_of("prod").number == run.results["released"]
        world.wait_for(here.service.url, "prod", run.results["released"])
        answered = {reply.body["version"] for reply in flow.replies if reply.ok}
        assert not flow.failed
    assert answered <= {"1", str(run.results["released"])}


def test_a_canary_that_answers_nobody_is_refused(tmp_path: Path) -> None:
    """It has eight movies and is asked for ten; each failed answer says no version."""
    with playground(tmp_path / "world"):
        place = registry.fetch("prod", tmp_path / "fetched")
        few = world.most_rated(Recommender.load(place / "artifacts/recommender.npz").ratings, 8)
        with mlflow.start_run():
            logged = registry.packaging.log(Recommender(Popularity.fit(few), few))
        number = registry.register(logged.model_id).number
        run = start(
            {"accepted": number, "seed": 1}, steps=["05_canary"], folder=tmp_path / "runs", say=len
        )
        assert (run.outcome, run.step) == ("refused by users", "05_canary"), str(run)
        assert re.fullmatch(r"\d+ requests failed; the candidate answered 0", run.reasons[0])
        assert registry.version_of("staging").number == registry.version_of("prod").number == 1


@pytest.mark.parametrize("step", STEPS)
def test_mlflow_ends_in_a_step(tmp_path: Path, step: str) -> None:
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if line.startswith(f"{step}: {{"):
            here.mlflow.stop()

    with playground(tmp_path / "world") as here:
        run = start(here.parameters, folder=tmp_path / "runs", say=say)
        answers = world.visit(here.service.url, changed=True)
    assert (answers.status == 200).all()
    assert run.outcome == "failed", str(run)
    assert said[-1].startswith("not logged, MLflow does not answer")
    released = run.results.get("released")
    assert set(answers.version) <= {"1", str(run.results.get("accepted"))}
    assert released is None or step == STEPS[-1]

    with playground(tmp_path / "world") as here:  # MLflow is back, with what it had
        again = start(here.parameters, folder=tmp_path / "runs", say=said.append)
        assert (again.name, again.outcome) == (run.name, "healthy"), str(again)
        assert again.kept == run.ran[:-1], "it goes on where it stopped"
