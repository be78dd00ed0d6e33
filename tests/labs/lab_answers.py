"""The answers on which the checks are tested, and the workspaces in which they run.

``tests/labs/answers/labNN.py`` holds them, one cell each::

    # %% lab01.ex1 right: a loop
    # %% lab01.ex1 wrong: first_box

A cell takes the place of the exercise's cell. One that consists of edits changes the solution: a
text after ``# - ``, which occurs once in the solution, becomes the text after ``# + ``; several
such lines in a row are one text. ``<- NAME`` at the end of the first line says that the edits
change an earlier answer of the exercise instead. A wrong answer bears the name of the mistake
that its check has to recognise; a name that begins with ``-`` only describes an answer that has
to fail without a named cause.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from PIL import ImageFile

from labs.build import source as text
from labs.engine.result import Result
from labs.engine.workspace import Workspace

ANSWERS = Path(__file__).parent / "answers"
SNAPSHOTS = Path(__file__).parent / "snapshots"

_HEADER = re.compile(
    r"^# %% (?P<exercise>lab\d\d\.ex\d) (?P<kind>right|wrong): (?P<name>.+?)(?: <- (?P<base>.+))?$",
    re.M,
)
_EDIT = re.compile(r"((?:^# -(?: .*)?\n?)+)((?:^# \+.*\n?)*)", re.M)


@dataclass(frozen=True)
class Answer:
    """One answer: which exercise, ``right`` or ``wrong``, its name and its code."""

    exercise: str
    kind: str
    name: str
    code: str

    @property
    def is_named(self) -> bool:
        """Whether its check has to recognise it as one of the exercise's mistakes."""
        return self.kind == "wrong" and not self.name.startswith("-")

    def __str__(self) -> str:
        return f"{self.exercise} {self.kind}: {self.name}"


def answers_of(lab: str) -> list[Answer]:
    path = ANSWERS / f"{lab}.py"
    if not path.exists():
        return []
    parts = _HEADER.split(path.read_text(encoding="utf-8"))[1:]
    codes: dict[tuple[str, str], str] = {}
    found = []
    for exercise, kind, name, base, code in zip(*[iter(parts)] * 5, strict=True):
        code = code.strip("\n")
        codes[exercise, name] = edited(codes[exercise, base], code) if base else code
        found.append(Answer(exercise, kind, name, codes[exercise, name]))
    return found


def edited(solution: str, code: str) -> str:
    """Return *code*; if it consists of edits, the solution after them."""
    if not code.startswith("# - "):
        return code
    for old, new in _EDIT.findall(code):
        old, new = ("\n".join(line[4:] for line in text.splitlines()) for text in (old, new))
        if solution.count(old) != 1:
            raise ValueError(f"{old!r} occurs {solution.count(old)} times in the solution")
        solution = solution.replace(old, new)
    return solution


@dataclass(frozen=True)
class Solved:
    """A lab whose cells ran up to an exercise, with the code of that exercise and its check."""

    workspace: Workspace
    solution: str
    check: str

    def examine(self, code: str) -> Result:
        """Return what the check says when *code* stands in the exercise's cell."""
        workspace = self.workspace.copy()
        # An answer may set it for the whole process, where other answers' images are read, too.
        with patch.object(ImageFile, "LOAD_TRUNCATED_IMAGES", False):
            workspace.run(edited(self.solution, code), "answer")
            result = workspace.run(self.check)
        assert isinstance(result, Result)
        return result


@functools.cache
def solved(lab: str) -> dict[str, Solved]:
    """Run a lab's cells, its checks left out, and return the state before each exercise."""
    workspace = Workspace()
    found: dict[str, Solved] = {}
    cells = [cell for cell in text.read(text.sources(lab)[0]).cells if cell.cell_type == "code"]
    for n, cell in enumerate(cells):
        tags = set(cell.metadata.get("tags", []))
        if tags & {"check", "hint", "volatile", "teardown"}:
            continue
        if "exercise" in tags:
            name = cell.metadata.nbgrader.grade_id.replace("-", ".", 1)
            found[name] = Solved(workspace.copy(), cell.source, cells[n + 1].source)
        workspace.run(cell.source, cell.id)
    return found
