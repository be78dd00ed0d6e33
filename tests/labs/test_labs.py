"""Every lab: made from its source, solved, unsolved, and nothing given away."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from labs.build import source as text
from labs.build.__main__ import learner_path, solved_path, starter_problems
from labs.build.learner import strip
from labs.build.solved import run
from labs.engine.registry import lab_names
from services.workbench.notebooks import checks
from services.workbench.notebooks.provenance import STAMP, source_hash
from tests.notebooks.comparison import differences

SOURCES = [pytest.param(source, id=source.stem) for source in text.sources()]

# A lab needs no plot, and an answer may be longer than a cell of the chapter.
COMMITTED = (checks.executed, checks.machine_traces)


def _committed(path: Path, source: Path) -> nbformat.NotebookNode:
    assert path.exists(), f"make labs ONLY={source.stem[3:5]}"
    return nbformat.read(path, as_version=4)


def test_every_lab_with_checks_has_a_source() -> None:
    assert [source.stem[:5] for source in text.sources()] == lab_names()


@pytest.mark.parametrize("source", SOURCES)
def test_the_learners_notebook_is_made_from_the_source(source: Path) -> None:
    again = f"make labs ONLY={source.stem[3:5]}"
    assert _committed(learner_path(source), source) == strip(text.read(source)), again


@pytest.mark.parametrize("source", SOURCES)
def test_unsolved_it_runs_and_every_exercise_is_not_attempted(source: Path) -> None:
    notebook = _committed(learner_path(source), source)
    assert starter_problems(notebook, source.stem[:5]) == []


@pytest.mark.parametrize("source", SOURCES)
def test_no_solution_is_given_away(source: Path) -> None:
    whole = source.read_text(encoding="utf-8")
    region = re.compile(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", re.S)
    solutions, meant = region.findall(whole), region.sub("", whole)
    learner = "\n".join(cell.source for cell in _committed(learner_path(source), source).cells)
    lines = {line.strip() for solution in solutions for line in solution.splitlines()}
    given = [line for line in lines if len(line) > 24 and line in learner and line not in meant]
    assert given == []
    assert "SOLUTION" not in learner


@pytest.mark.timeout(600)
@pytest.mark.parametrize("source", SOURCES)
def test_solved_it_passes_and_says_what_is_committed(
    source: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The servers of a lab must not share the metrics folder of in-process tests.
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    committed = _committed(solved_path(source), source)
    assert committed.metadata[STAMP]["sha256"] == source_hash(source), "make labs"
    if account := differences(request.node, run(source), committed):
        pytest.fail(f"{account}\nif this is meant: make labs ONLY={source.stem[3:5]}")


@pytest.mark.parametrize("check", COMMITTED, ids=lambda check: check.__name__)
@pytest.mark.parametrize("source", SOURCES)
def test_the_solved_notebook(source: Path, check: checks.Check) -> None:
    assert check(_committed(solved_path(source), source)) == []
