"""The answers on which the checks are tested, and the workspaces in which they run.

``tests/labs/answers/labNN.py`` holds them, one cell each::

    # %% lab01.ex1 right: a loop
    # %% lab01.ex1 wrong: first_box

A cell takes the place of the exercise's cell. A wrong one bears the name of the mistake that its
check has to recognise.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from labs.engine.registry import Exercise, exercises_of
from labs.engine.result import Result
from labs.engine.workspace import Workspace
from labs.making import source as text

ANSWERS = Path(__file__).parent / "answers"
SNAPSHOTS = Path(__file__).parent / "snapshots"

_HEADER = re.compile(
    r"^# %% (?P<exercise>lab\d\d\.ex\d) (?P<kind>right|wrong): (?P<name>.+)$", re.M
)


@dataclass(frozen=True)
class Answer:
    """One answer: which exercise, ``right`` or ``wrong``, its name and its code."""

    exercise: str
    kind: str
    name: str
    code: str

    def __str__(self) -> str:
        return f"{self.exercise} {self.kind}: {self.name}"


def answers_of(lab: str) -> list[Answer]:
    path = ANSWERS / f"{lab}.py"
    if not path.exists():
        return []
    parts = _HEADER.split(path.read_text(encoding="utf-8"))[1:]
    rows = zip(*[iter(parts)] * 4, strict=True)
    return [Answer(exercise, kind, name, code.strip("\n")) for exercise, kind, name, code in rows]


@functools.cache
def _source(lab: str) -> Path:
    return text.sources(lab)[0]


@dataclass(frozen=True)
class Solved:
    """A lab whose cells ran up to an exercise, with the code of that exercise and its check."""

    workspace: Workspace
    solution: str
    check: str

    def examine(self, code: str) -> Result:
        """Return what the check says when *code* stands in the exercise's cell."""
        workspace = self.workspace.copy()
        workspace.run(code, "answer")
        result = workspace.run(self.check)
        assert isinstance(result, Result)
        return result


@functools.cache
def solved(lab: str) -> dict[str, Solved]:
    """Run a lab's cells, its checks left out, and return the state before each exercise."""
    workspace = Workspace()
    found: dict[str, Solved] = {}
    cells = [cell for cell in text.read(_source(lab)).cells if cell.cell_type == "code"]
    for n, cell in enumerate(cells):
        tags = set(cell.metadata.get("tags", []))
        if tags & {"check", "hint", "volatile", "teardown"}:
            continue
        if "exercise" in tags:
            name = cell.metadata.nbgrader.grade_id.replace("-", ".", 1)
            found[name] = Solved(workspace.copy(), cell.source, cells[n + 1].source)
        workspace.run(cell.source, cell.id)
    return found


def declared(lab: str) -> list[Exercise]:
    return exercises_of(lab)
