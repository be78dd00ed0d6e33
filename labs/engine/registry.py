"""What an exercise is, and how a lab's module declares one."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labs.engine.context import Context

CHECKS = Path(__file__).resolve().parent.parent / "checks"

CheckFunction = Callable[..., None]

_ID = re.compile(r"(lab\d\d)\.ex\d")
_SCALE = range(1, 6)


class UnknownExerciseError(KeyError):
    """There is no such exercise; the message lists those that there are."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Exercise:
    """One exercise and its check.

    Attributes
    ----------
    id : str
        ``"lab01.ex2"``.
    title : str
        A few words.
    check : callable
        ``check(context, *answers)``. It returns if the answer is right, and otherwise uses the
        context to say what differs.
    points, minutes : int
        What it is worth, and how long a learner takes.
    difficulty, importance : int
        1 to 5.
    hints : tuple of three str
        The idea; where to look in the API; nearly there.
    help : tuple of two pairs of str
        The two most likely errors: what the learner sees, what to do about it.
    mistakes : mapping of str to str
        Named wrong answers and, for each, the likely cause as the learner reads it.
    seconds : float
        The time limit of the check.
    figure : str
        Of an open challenge: the name of the fact, a number, by which a class is ranked; more is
        better. Empty for the other exercises.
    """

    id: str
    title: str
    check: CheckFunction
    points: int
    minutes: int
    difficulty: int
    importance: int
    hints: tuple[str, str, str]
    help: tuple[tuple[str, str], tuple[str, str]]
    mistakes: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 60.0
    figure: str = ""

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ValueError(f"an id is like 'lab01.ex2'; got {self.id!r}")
        if self.points < 1 or self.minutes < 1:
            raise ValueError(f"{self.id}: points and minutes are 1 or more")
        if self.difficulty not in _SCALE or self.importance not in _SCALE:
            raise ValueError(f"{self.id}: difficulty and importance go from 1 to 5")
        if len(self.hints) != 3 or not all(hint.strip() for hint in self.hints):
            raise ValueError(f"{self.id}: three hints are needed")
        if len(self.help) != 2 or not all(a.strip() and b.strip() for a, b in self.help):
            raise ValueError(f"{self.id}: help for the two most likely errors is needed")

    @property
    def lab(self) -> str:
        """The lab's name, ``"lab01"``."""
        return self.id.partition(".")[0]

    def run(self, context: Context, *answers: Any) -> None:
        """Check *answers*."""
        self.check(context, *answers)


_exercises: dict[str, Exercise] = {}


def exercise(
    id: str,
    title: str,
    *,
    points: int,
    minutes: int,
    difficulty: int,
    importance: int,
    hints: tuple[str, str, str],
    help: tuple[tuple[str, str], tuple[str, str]],
    mistakes: Mapping[str, str],
    seconds: float = 60.0,
    figure: str = "",
) -> Callable[[CheckFunction], CheckFunction]:
    """Declare the decorated function to be an exercise's check; see :class:`Exercise`."""

    def declare(check: CheckFunction) -> CheckFunction:
        _exercises[id] = Exercise(
            id=id,
            title=title,
            check=check,
            points=points,
            minutes=minutes,
            difficulty=difficulty,
            importance=importance,
            hints=hints,
            help=help,
            mistakes=mistakes,
            seconds=seconds,
            figure=figure,
        )
        return check

    return declare


def lab_names() -> list[str]:
    """Return the labs that have checks: ``["lab01", "lab02", …]``."""
    return sorted(path.stem for path in CHECKS.glob("lab[0-9][0-9].py"))


def exercises_of(lab: str) -> list[Exercise]:
    """Return a lab's exercises in order.

    Raises
    ------
    UnknownExerciseError
        If there is no such lab.
    """
    if lab not in lab_names():
        raise UnknownExerciseError(f"there is no {lab!r}; there are {', '.join(lab_names())}")
    importlib.import_module(f"labs.checks.{lab}")
    return sorted((e for e in _exercises.values() if e.lab == lab), key=lambda e: e.id)


def find(id: str) -> Exercise:
    """Return the exercise of this id.

    Raises
    ------
    UnknownExerciseError
        If there is none.
    """
    lab = str(id).partition(".")[0]
    found = exercises_of(lab)
    for candidate in found:
        if candidate.id == id:
            return candidate
    raise UnknownExerciseError(
        f"{lab} has no exercise {id!r}; it has {', '.join(e.id for e in found)}"
    )
