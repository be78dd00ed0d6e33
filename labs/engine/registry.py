"""Find an exercise: its texts in ``exercises.toml``, its check in the module of the same name.

``lab03.ex2`` is the table ``[ex2]`` of ``labs/checks/lab03/exercises.toml`` and the function
``check`` of ``labs/checks/lab03/ex2.py``, which is imported only when an answer is checked.
"""

from __future__ import annotations

import importlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labs.engine.context import Context

CHECKS = Path(__file__).resolve().parent.parent / "checks"

_ID = re.compile(r"(lab\d\d)\.ex\d")
_SCALE = range(1, 6)


class UnknownExerciseError(KeyError):
    """There is no such exercise; the message lists the exercises that exist."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Exercise:
    """One exercise: everything but the code of its check.

    Attributes
    ----------
    id : str
        ``"lab01.ex2"``.
    title : str
        A few words.
    points, minutes : int
        Its points, and how many minutes a learner takes.
    difficulty, importance : int
        1 to 5.
    hints : tuple of three str
        The idea; where to look in the API; nearly there.
    help : tuple of two pairs of str
        The two most likely errors: what the learner sees, what to do about it.
    mistakes : mapping of str to str
        Named wrong answers, each with the cause that the learner reads.
    seconds : float
        The time limit of the check.
    figure : str
        For an open challenge: the name of the measured number that ranks a class; more is better.
        Empty for the other exercises.
    apart : bool
        Whether the answer is a function from plain data to plain data. The grader then leaves it in
        the process of the learner's cells and calls it from the check's process, so that the answer
        never sees its check.
    """

    id: str
    title: str
    points: int
    minutes: int
    difficulty: int
    importance: int
    hints: tuple[str, str, str]
    help: tuple[tuple[str, str], tuple[str, str]]
    mistakes: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 60.0
    figure: str = ""
    apart: bool = False

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ValueError(f"an id is like 'lab01.ex2'; got {self.id!r}")
        if self.points < 1 or self.minutes < 1:
            raise ValueError(f"{self.id}: points and minutes must be 1 or more")
        if self.difficulty not in _SCALE or self.importance not in _SCALE:
            raise ValueError(f"{self.id}: difficulty and importance must be 1 to 5")
        if len(self.hints) != 3 or not all(hint.strip() for hint in self.hints):
            raise ValueError(f"{self.id}: three hints are needed")
        if len(self.help) != 2 or not all(a.strip() and b.strip() for a, b in self.help):
            raise ValueError(f"{self.id}: help for the two most likely errors is needed")

    @property
    def lab(self) -> str:
        """The lab's name, ``"lab01"``."""
        return self.id.partition(".")[0]

    def run(self, context: Context, *answers: Any) -> None:
        """Check *answers*: import the exercise's module and call its ``check``."""
        module = importlib.import_module(f"labs.checks.{self.id}")
        module.check(context, *answers)


def lab_names() -> list[str]:
    """Return the labs that have checks: ``["lab01", "lab02", …]``."""
    return sorted(path.parent.name for path in CHECKS.glob("lab[0-9][0-9]/exercises.toml"))


@cache
def exercises_of(lab: str) -> tuple[Exercise, ...]:
    """Return a lab's exercises in order, without importing their checks.

    Raises
    ------
    UnknownExerciseError
        If there is no such lab.
    """
    if lab not in lab_names():
        raise UnknownExerciseError(f"there is no {lab!r}; there are {', '.join(lab_names())}")
    data = tomllib.loads((CHECKS / lab / "exercises.toml").read_text(encoding="utf-8"))
    return tuple(_exercise(f"{lab}.{name}", table) for name, table in sorted(data.items()))


def _exercise(id: str, table: dict[str, Any]) -> Exercise:
    hints, help = tuple(table.pop("hints")), tuple(tuple(pair) for pair in table.pop("help"))
    return Exercise(id=id, hints=hints, help=help, **table)  # type: ignore[arg-type]


def find(id: str) -> Exercise:
    """Return the exercise with this id.

    Raises
    ------
    UnknownExerciseError
        If there is none.
    """
    lab = str(id).partition(".")[0]
    exercises = exercises_of(lab)
    for candidate in exercises:
        if candidate.id == id:
            return candidate
    raise UnknownExerciseError(
        f"{lab} has no exercise {id!r}; it has {', '.join(e.id for e in exercises)}"
    )
