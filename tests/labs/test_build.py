"""The generator refuses what a learner must not get."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from labs.build import __main__ as build
from labs.build import source as text
from labs.build.learner import strip
from labs.engine import registry
from services.workbench.notebooks.files import NotebookError

GOOD = text.sources("01")[0].read_text(encoding="utf-8")


def _source(folder: Path, old: str = "", new: str = "") -> Path:
    assert old in GOOD
    path = folder / "lab01_runner.py"
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    ### BEGIN SOLUTION\n    [found]", "    [found]", "lab01.ex1 is already solved"),
        ("Every box, not the first\n", "Another title\n", "the heading '## Exercise 1"),
        ('check("lab01.ex1", boxes_of)', "boxes_of", "and call check"),
        ('check("lab01.ex1", boxes_of)', 'check("lab01.ex9", boxes_of)', "is not declared"),
        ('tags=["exercise"]', 'tags=["task"]', "no such tag: task"),
    ],
)
def test_a_source_that_does_not_fit_is_refused(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    with pytest.raises(text.LabError, match=re.escape(said)):
        text.read(_source(tmp_path, old, new))


def test_an_exercise_that_was_forgotten_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text.read(_source(tmp_path))
    one = registry.find("lab01.ex1")
    more = (*registry.exercises_of("lab01"), dataclasses.replace(one, id="lab01.ex9"))
    monkeypatch.setattr(text, "exercises_of", lambda lab: more)
    with pytest.raises(text.LabError, match=r"declares .*lab01\.ex9"):
        text.read(_source(tmp_path))


def test_a_starter_that_raises_or_passes_is_refused(tmp_path: Path) -> None:
    stays = (
        "    return [d.as_dict() for d in detector.detect([picture])[0]]\n    ### BEGIN SOLUTION\n"
    )
    solved = _source(tmp_path, "    ### BEGIN SOLUTION\n", stays)
    [problem] = build.starter_problems(strip(text.read(solved)), "lab01")
    assert "lab01.ex1 is PASS as it ships" in problem
    broken = _source(tmp_path, "runner = ...\n", "runner = undefined\n")
    problems = build.starter_problems(strip(text.read(broken)), "lab01")
    assert any("NameError" in problem for problem in problems)


def test_a_solution_that_fails_is_refused_and_the_committed_labs_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = _source(tmp_path, "for detection in found]", "for detection in found[:1]]")
    learner, solved = tmp_path / "learner.ipynb", tmp_path / "solved.ipynb"
    learner.write_text("as it was", encoding="utf-8")
    monkeypatch.setattr(build, "learner_path", lambda _: learner)
    monkeypatch.setattr(build, "solved_path", lambda _: solved)
    monkeypatch.setattr(build, "_write", lambda *_, **__: False)
    with pytest.raises(NotebookError, match=r"CheckFailedError: ✗ lab01\.ex1"):
        build.make(wrong)
    assert learner.read_text(encoding="utf-8") == "as it was"
    assert not solved.exists()


def test_an_unknown_lab_is_named() -> None:
    with pytest.raises(text.LabError, match="there are: lab00_models"):
        text.sources("77")
