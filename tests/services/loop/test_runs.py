"""A run goes on where it stopped, fails without harm, and is alone. The steps here are toys."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from filelock import FileLock
from mlflow.exceptions import MlflowException

from services.environment import ROOT
from services.loop import runs
from services.loop.runs import Run, start
from services.workbench.notebooks.files import NotebookError

STEPS = ("01_one", "02_two", "03_three")
HEAD = '# %% tags=["parameters"]\n'
ONE = HEAD + "kind = 'a'\n# %%\nfrom IPython.display import JSON\nJSON({'number': 7})\n"
TWO = (
    HEAD
    + "number, gate = 0, ''\n# %%\nfrom pathlib import Path\nfrom IPython.display import JSON\n"
    + "if gate:\n    Path(gate, 'started').touch()\n    assert Path(gate, 'open').exists()\n"
    + "# %%\nJSON({'twice': 2 * number})\n"
)
THREE = (
    HEAD
    + "twice = 0\n# %%\nfrom IPython.display import JSON\n"
    + ("JSON({'outcome': 'healthy', 'reasons': [twice]})\n")
)


@pytest.fixture
def settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Toy steps, and a registry that only notes what happens to it."""
    sources = tmp_path / "loop"
    sources.mkdir()
    for name, text in zip(STEPS, (ONE, TWO, THREE), strict=True):
        (sources / f"{name}.py").write_text(text, encoding="utf-8")
    done: list[str] = []
    monkeypatch.setattr(runs, "SOURCES", sources)
    monkeypatch.setattr(runs, "_settle", lambda: done.append("settled"))
    monkeypatch.setattr(runs, "_log", lambda run, place: done.append(f"logged {run.outcome}"))
    return done


def go(folder: Path, name: str | None = None, **parameters: object) -> Run:
    return start(parameters, name=name, steps=STEPS, folder=folder, say=lambda line: None)


def test_a_failed_run_goes_on_where_it_failed(tmp_path: Path, settled: list[str]) -> None:
    folder, gate = tmp_path / "runs", tmp_path / "gate"
    gate.mkdir()
    failed = go(folder, gate=str(gate))
    assert (failed.name, failed.outcome, failed.step) == ("001", "failed", "02_two")
    assert failed.reasons[0].startswith("cell 3 of 4 (02_two)"), "it says which cell"
    assert any("AssertionError" in line for line in failed.reasons)
    assert settled == ["settled", "settled", "logged failed"], "the canary ends at a failure, too"
    names = {path.name for path in (folder / "001").iterdir()}
    assert names == {"01_one.ipynb", "02_two.unfinished.ipynb", "outcome.json"}

    (gate / "open").touch()
    run = go(folder, gate=str(gate))
    assert (run.name, run.kept, run.ran) == ("001", ["01_one"], ["02_two", "03_three"])
    assert (run.outcome, run.reasons) == ("healthy", ["14"]), "results reach the later steps"
    # What is complete is not repeated; another parameter repeats its step and what depends on it.
    assert go(folder, "001", gate=str(gate)).kept == list(STEPS)
    changed = go(folder, "001", gate=str(gate), kind="b")
    assert (changed.ran, changed.kept) == (["01_one"], ["02_two", "03_three"])
    done = nbformat.read(folder / "001" / "01_one.ipynb", as_version=4)
    assert done.metadata.papermill.parameters == {"kind": "b"}


def test_a_killed_start_is_not_taken_for_complete(tmp_path: Path, settled: list[str]) -> None:
    """SIGKILL in the middle of a step: the driver, not the step, is gone."""
    gate = tmp_path / "gate"
    gate.mkdir()
    hang = TWO.replace("    assert", "    import time\n    time.sleep(60)\n    assert")
    (runs.SOURCES / "02_two.py").write_text(hang, encoding="utf-8")
    code = (
        "from pathlib import Path; from services.loop import runs\n"
        f"runs.SOURCES = Path({str(runs.SOURCES)!r})\n"
        "runs._settle = lambda: None\n"
        f"runs.start({{'gate': {str(gate)!r}}}, steps={STEPS}, folder=Path({str(tmp_path)!r}, 'r'))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, cwd=ROOT)
    deadline = time.monotonic() + 200
    while not (gate / "started").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()

    place = tmp_path / "r" / "001"
    names = {path.name for path in place.iterdir()}
    assert names == {"01_one.ipynb", "02_two.unfinished.ipynb", "outcome.json"}
    (runs.SOURCES / "02_two.py").write_text(TWO, encoding="utf-8")
    (gate / "open").touch()
    run = go(tmp_path / "r")
    assert (run.name, run.kept, run.outcome) == ("001", ["01_one"], "healthy")
    assert run.parameters == {"gate": str(gate)}, "it remembers those of the killed start"


def test_without_mlflow_nothing_is_run(
    tmp_path: Path, settled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> None:
        raise MlflowException("API request failed: connection refused")

    monkeypatch.setattr(runs, "_settle", gone)
    said: list[str] = []
    run = start({}, steps=STEPS, folder=tmp_path, say=said.append)
    assert (run.outcome, run.ran) == ("failed", [])
    assert "connection refused" in run.reasons[0]
    assert said == ["not logged, MLflow does not answer: API request failed: connection refused"]


def test_a_finished_run_is_followed_by_a_new_one(tmp_path: Path) -> None:
    assert runs._next(tmp_path) == "001"
    (tmp_path / "001").mkdir()
    assert runs._next(tmp_path) == "001", "it was killed"
    state = tmp_path / "001" / "outcome.json"
    for outcome in ("failed", "unfinished", "complete", "refused", "healthy"):
        state.write_text(json.dumps({"outcome": outcome}))
        assert runs._next(tmp_path) == ("002" if outcome in ("refused", "healthy") else "001")
    state.write_text('{"outc')  # killed while it was written
    assert runs._next(tmp_path) == "001"


def test_only_the_latest_runs_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "KEEP", 2)
    for name in ("998", "999", "1000"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "outcome.json").write_text('{"outcome": "healthy"}')
    (tmp_path / "world").mkdir()
    assert runs._next(tmp_path) == "1001"
    assert {path.name for path in tmp_path.iterdir()} == {"999", "1000", "world"}


def test_one_start_at_a_time_and_no_unknown_parameter(tmp_path: Path, settled: list[str]) -> None:
    with FileLock(tmp_path / "lock"), pytest.raises(NotebookError, match="another start"):
        go(tmp_path)
    with pytest.raises(NotebookError, match="no step has a parameter knd; the parameters are"):
        go(tmp_path, knd="a")
    assert settled == []


def test_a_step_has_to_show_its_result(tmp_path: Path, settled: list[str]) -> None:
    (runs.SOURCES / "01_one.py").write_text(HEAD + "kind = 'a'\n# %%\nkind\n", encoding="utf-8")
    run = go(tmp_path / "runs")
    assert run.reasons == ["the last cell of a step must show its result: JSON({...})"]
    assert not (tmp_path / "runs" / "001" / "01_one.ipynb").exists()
