"""A learner's copies: answers are never overwritten, and progress is shown."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from labs import __main__ as command
from labs import cli
from labs.engine import progress
from labs.engine.outcome import Status
from labs.engine.result import Result

OWN = "lab01_runner/lab01_runner.ipynb"


def test_start_never_overwrites(tmp_path: Path) -> None:
    assert "is yours now" in cli.start("lab01", tmp_path)
    (tmp_path / OWN).write_text('{"metadata": {}}', encoding="utf-8")
    said = cli.start("01", tmp_path)
    assert "untouched" in said
    assert "reset lab01" in said, "this copy is of another edition"
    assert (tmp_path / OWN).read_text(encoding="utf-8") == '{"metadata": {}}'


def test_reset_keeps_the_old_copy(tmp_path: Path) -> None:
    cli.start("lab01", tmp_path)
    for text in ("first", "second"):
        (tmp_path / OWN).write_text(text, encoding="utf-8")
        said = cli.reset("lab01", tmp_path)
        assert "your old one is" in said
        assert "You keep your points" in said
    kept = [p.read_text(encoding="utf-8") for p in (tmp_path / "lab01_runner").iterdir()]
    assert {"first", "second"} < set(kept)
    assert len(kept) == 3
    assert "untouched" in cli.start("lab01", tmp_path)


def test_status_shows_points_and_what_is_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(progress.VARIABLE, str(tmp_path / "progress.jsonl"))
    said = cli.status(tmp_path)
    assert "not started" in said
    assert "next: lab00.ex1" in said
    assert "python -m labs start lab00" in said
    progress.append(Result("lab00.ex1", "", Status.PASS, points=1, out_of=1))
    progress.append(Result("lab00.ex2", "", Status.FAIL, out_of=2))
    cli.start("lab00", tmp_path)
    said = cli.status(tmp_path)
    assert "✓✗○○○" in said
    assert " 1 of 11 points" in said
    assert "next: lab00.ex2" in said
    assert f"last worked on: {tmp_path}/lab00_models/lab00_models.ipynb" in said


def test_what_is_next_is_in_the_lab_last_worked_on_then_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(progress.VARIABLE, str(tmp_path / "progress.jsonl"))
    progress.append(Result("lab03.ex2", "", Status.PASS, points=3, out_of=3))
    assert "next: lab03.ex1" in cli.status(tmp_path)
    for n in (1, 3, 4):
        progress.append(Result(f"lab03.ex{n}", "", Status.PASS, points=2, out_of=2))
    assert "next: lab04.ex1" in cli.status(tmp_path)


def test_status_is_fast_because_it_imports_nothing_large() -> None:
    code = "import sys; from labs.__main__ import main; main(['status']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(done.stdout.splitlines()[-1].split())
    assert "labs.cli" in imported
    assert imported & {"IPython", "bentoml", "matplotlib", "mlflow", "numpy", "torch"} == set()


def test_an_unknown_lab_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert command.main(["start", "lab77", "--work", str(tmp_path)]) == 2
    assert "there is no lab 'lab77'; there are lab00" in capsys.readouterr().err
