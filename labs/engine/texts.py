"""Hints and the text of solutions. Solutions are never imported."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from labs.engine.cards import Note
from services.environment import ROOT

SOLUTIONS = ROOT / "solutions"

_MARK = re.compile(r"^\s*### (BEGIN|END) SOLUTION\s*$")
_CELL = re.compile(r"^# %%(?P<rest>.*)$", re.M)


def source_of(lab: str) -> Path | None:
    """Return the path of a lab's text source, with its solutions, if it exists."""
    return next(iter(sorted(SOLUTIONS.glob(f"{lab}_*/{lab}_*.py"))), None)


def _cells(text: str) -> list[tuple[str, str]]:
    """Split a ``py:percent`` text into pairs of a header and a body."""
    parts = _CELL.split(text)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def solution_cell(exercise: str) -> str | None:
    """Return the cell that solves an exercise, markers included; None if there is none."""
    path = source_of(exercise.partition(".")[0])
    if path is None:
        return None
    latest = ""
    for header, body in _cells(path.read_text(encoding="utf-8")):
        if '"exercise"' in header:
            latest = body
        if '"check"' in header and f'check("{exercise}"' in body:
            return latest.strip("\n")
    return None


def without_marks(cell: str) -> str:
    """Return a solution cell without the lines that mark the solution."""
    return "\n".join(line for line in cell.splitlines() if not _MARK.match(line))


def solution_text(exercise: str, answers: Sequence[str]) -> Note:
    """Return a solution as a card, or a card that says it is not available.

    *answers* are the names of what the exercise asks for.
    """
    cell = solution_cell(exercise)
    if cell is None:
        return Note(f"NOT_RUN: there is no solution to {exercise} here; ask your instructor.")
    code = without_marks(cell)
    count = "one answer" if len(answers) == 1 else f"{len(answers)} answers"
    names = ", ".join(f"`{name}`" for name in answers)
    head = f"One right answer to `{exercise}`:"
    if answers:
        head = f"`{exercise}` takes {count}: {names}. One right way to write it:"
    return Note(
        text=f"{head.replace('`', '')}\n\n{code}", markdown=f"{head}\n\n```python\n{code}\n```"
    )


def hint_text(exercise: str, hints: tuple[str, str, str], number: int) -> Note:
    """Return one hint as a card; *number* is 1 to 3."""
    text = hints[number - 1]
    more = (
        f'Call `hint("{exercise}")` again for the next hint.'
        if number < 3
        else f'That was the last hint; `solution("{exercise}")` shows one right answer.'
    )
    return Note(
        text=f"Hint {number} of 3: {text}\n{more.replace('`', '')}",
        markdown=f"**Hint {number} of 3.** {text}\n\n{more}",
    )
