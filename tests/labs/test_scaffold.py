"""``make new-lab`` writes an exercise that works, in a lab that is new and in one that is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from labs.build.scaffold import scaffold
from labs.build.source import LabError
from services.environment import ROOT


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the repository, with one lab in place of all."""
    for name in ("labs", "services", "tests"):
        ignored = shutil.ignore_patterns(
            "__pycache__", "*.ipynb", "weights", "lab0*", "lab1*", "data"
        )
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def _run(copy: Path, *command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(copy), "SERVING_LABS_BUILD": str(copy / "build")}
    environment["LAB_SNAPSHOTS"] = "write"
    done = subprocess.run(
        [sys.executable, *command], cwd=copy, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.system
@pytest.mark.timeout(600)
def test_what_it_writes_works(copy: Path) -> None:
    _run(copy, "-m", "labs.build.scaffold", "77", "own_model")
    said = _run(copy, "-m", "labs.build.scaffold", "77")
    assert "labs/checks/lab77/ex2.py" in said
    assert "next: make labs ONLY=77" in said
    _run(copy, "-m", "labs.build", "--only", "77", "--unsolved-only")
    pytest_options = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-k"]
    # The snapshots are written when all answers were tried.
    pytest_options.append("lab77 and not message_of_its_own")
    said = _run(copy, "-m", "pytest", *pytest_options, "tests/labs/test_answers.py")
    assert " passed" in said
    assert (copy / "tests" / "labs" / "snapshots" / "lab77.txt").exists()


@pytest.mark.parametrize(
    ("number", "name"), [("7", "x"), ("lab77", "x"), ("77", ""), ("77", "a b")]
)
def test_a_lab_needs_a_number_and_a_name(tmp_path: Path, number: str, name: str) -> None:
    with pytest.raises(LabError):
        scaffold(number, name, tmp_path)
