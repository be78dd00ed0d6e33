"""The four calls of a lab: ``check``, ``hint``, ``solution``, ``preflight``."""

from __future__ import annotations

import contextlib
import html
import io
import os
import secrets
import time
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from PIL import Image

from labs.engine import cards, frames, progress, texts
from labs.engine.attempted import LABS, answers_of, require_attempt
from labs.engine.cards import Note
from labs.engine.context import Context
from labs.engine.limit import TimeIsUpError, nothing_left_behind, within
from labs.engine.outcome import FailedError, NotAttemptedError, NotRunError, OutOfTimeError, Status
from labs.engine.registry import Exercise, UnknownExerciseError, find
from labs.engine.result import CheckFailedError, Result
from services.id_card.model.opening import original_open
from services.setup import preflight as machine
from services.workbench.show import Display, one_line

STRICT = "LAB_STRICT"
SEED = "LAB_SEED"
_PRINTED = 400
"""How many characters of an answer's printed output are shown."""

_NO_CAUSE = {
    True: "This is none of the usual mistakes. Compare the value with the task's text.",
    False: "This is none of the usual mistakes. Read the error's text and the lines it names.",
}

_hints_given: dict[str, int] = {}


def check(exercise: str = "", *answers: Any, seed: int | None = None) -> Result:
    """Check an answer and say how it differs from what it should be.

    Parameters
    ----------
    exercise : str
        For instance ``"lab01.ex2"``.
    *answers : object
        What the exercise asks for: a function, a class, a service or a value.
    seed : int, optional
        The seed of an earlier check, to repeat it with the same inputs; fresh inputs if not given.

    Returns
    -------
    Result
        A notebook shows it as a card.

    Raises
    ------
    CheckFailedError
        If the status is not ``PASS``, and only if the environment variable ``LAB_STRICT`` is 1, as
        for graders.
    """
    result = examine(exercise, *answers, seed=seed)
    if result.out_of:
        progress.append(result)
    if os.environ.get(STRICT) == "1" and not result.passed:
        raise CheckFailedError(str(result))
    cards.remember(result)
    return result


def examine(exercise: str, *answers: Any, seed: int | None = None) -> Result:
    """Do what :func:`check` does, but do not record the result and never raise."""
    try:
        declared = find(exercise)
    except UnknownExerciseError as error:
        return _miscalled(str(exercise)[:60], "no such exercise", str(error))
    if problem := _wrong_count(declared, answers):
        right = ", ".join([f'check("{declared.id}"', *answers_of(declared.id)])
        return _miscalled(declared.id, declared.title, problem, declared.points, f"{right})")
    if seed is None:
        seed = int(os.environ.get(SEED) or secrets.randbelow(10**6))
    start = time.perf_counter()
    printed = _Tail()
    context = Context(declared, seed)
    with nothing_left_behind():
        result = _outcome(declared, context, answers, printed)
    return replace(
        result,
        facts=dict(context.facts),
        printed=printed.text(),
        seed=seed,
        seconds=time.perf_counter() - start,
        history=progress.history(exercise),
    )


def _miscalled(id: str, title: str, problem: str, out_of: int = 0, next: str = "") -> Result:
    """Return the result of a call of ``check`` with an unknown exercise or the wrong answers."""
    return Result(id, title, Status.FAIL, out_of=out_of, differs=problem, layer="call", next=next)


def _wrong_count(declared: Exercise, answers: tuple[Any, ...]) -> str:
    """Return a message if the number of answers is wrong, else an empty text."""
    names = answers_of(declared.id)
    wanted = len(names)
    if not names or len(answers) == wanted:
        return ""
    given = {0: "none was", 1: "1 was"}.get(len(answers), f"{len(answers)} were")
    count = "one answer" if wanted == 1 else f"{wanted} answers"
    return f"{declared.id} takes {count} ({', '.join(names)}); {given} given."


def _outcome(
    declared: Exercise, context: Context, answers: tuple[Any, ...], printed: _Tail
) -> Result:
    """Run the check and turn its outcome, whatever it is, into a result."""
    base = Result(declared.id, declared.title, Status.PASS, out_of=declared.points)
    another = f'hint("{declared.id}")'

    def run() -> None:
        require_attempt(declared.id, answers)
        declared.run(context, *answers)

    try:
        with _captured(printed):
            within(declared.seconds, run)
    except NotAttemptedError as nothing:
        text = f"Write your answer in the cell above: {nothing}."
        return replace(base, status=Status.NOT_ATTEMPTED, next=f"{text} Stuck? {another}")
    except NotRunError as missing:
        return replace(base, status=Status.NOT_RUN, differs=f"NOT RUN HERE: {missing}")
    except FailedError as failure:
        cause = declared.mistakes.get(failure.mistake or "", failure.cause)
        return replace(
            base,
            status=Status.FAIL,
            differs=failure.differs,
            where=failure.where,
            layer=failure.layer,
            mistake=failure.mistake,
            cause=cause or _NO_CAUSE[failure.layer == "value" or failure.layer == "schema"],
            frames=failure.frames,
            next=f"{another} · check(…, seed={context.seed}) repeats this check",
        )
    except TimeIsUpError as late:
        return replace(
            base,
            status=Status.FAIL,
            differs=f"Your code did not finish within {late.seconds:g} seconds.",
            layer="request",
            cause="A loop or a wait that never ends, or code that is too slow.",
            frames=frames.own_lines(late.stack),
            next=another,
        )
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return _unexpected(base, error, another)
    return replace(base, points=declared.points)


def _unexpected(base: Result, error: BaseException, another: str) -> Result:
    """Return the result for an exception that the check did not expect."""
    own = frames.own_lines_of(error)
    said = one_line(error)
    if isinstance(error, SystemExit | OutOfTimeError) or own:
        return replace(
            base,
            status=Status.FAIL,
            differs=f"Your code raised {said}",
            layer="request",
            frames=own,
            cause="The line above raised it. Try that line alone in a new cell.",
            next=another,
        )
    where = traceback.extract_tb(error.__traceback__)
    last = f"{Path(where[-1].filename).name}, line {where[-1].lineno}" if where else ""
    return replace(
        base,
        status=Status.ERROR,
        differs=said,
        where=last,
        next="Restart the kernel and run all cells. If it happens again, tell your instructor.",
    )


class _Tail(io.TextIOBase):
    """A text file that keeps only the end of what is written to it."""

    def __init__(self) -> None:
        self._kept = ""

    def write(self, text: str) -> int:
        self._kept = (self._kept + text[-_PRINTED:])[-2 * _PRINTED :]
        return len(text)

    def text(self) -> str:
        kept = self._kept.strip()
        return kept if len(kept) <= _PRINTED else "… " + kept[-_PRINTED:]


@contextlib.contextmanager
def _captured(printed: _Tail) -> Iterator[None]:
    """Keep the answer's printed output for the card, and its warnings out of the notebook.

    Also restore Pillow's own ``Image.open``: ultralytics replaces it at import, and for a file that
    is not an image an answer would then get an exception that does not match the task.
    """
    with (
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
        warnings.catch_warnings(),
        patch.object(Image, "open", original_open()),
    ):
        warnings.simplefilter("ignore")
        yield


def hint(exercise: str = "", number: int | None = None) -> Display:
    """Return a hint: the idea, then where to look, then nearly the answer.

    Parameters
    ----------
    exercise : str
        For instance ``"lab01.ex2"``.
    number : int, optional
        1, 2 or 3; the next one if not given.
    """
    try:
        declared = find(exercise)
    except UnknownExerciseError as error:
        return _shown(Note(str(error)))
    if number is None:
        number = min(_hints_given.get(exercise, 0) + 1, 3)
    if number not in (1, 2, 3):
        return _shown(Note(f"{exercise} has three hints: 1, 2 and 3; {number!r} is none of them."))
    _hints_given[exercise] = int(number)
    return _shown(texts.hint_text(exercise, declared.hints, int(number)))


def _shown(note: Note) -> Note:
    cards.remember(note)
    return note


def solution(exercise: str = "") -> Display:
    """Return one right answer, read from ``solutions/``, as a card."""
    try:
        find(exercise)
    except UnknownExerciseError as error:
        return _shown(Note(str(error)))
    return _shown(texts.solution_text(exercise, answers_of(exercise)))


def preflight() -> Display:
    """Return what this machine has, what is missing, and how to get it.

    A notebook folds away the tools that only some exercises use.
    """
    rows = [*_own_copy(), *machine.report()]
    shown, tools = (
        html.escape("\n".join(str(row) for row in rows if (row.name in machine.TOOLS) is tool))
        for tool in (False, True)
    )
    folded = (
        f"<details><summary>tools that some exercises use</summary><pre>{tools}</pre></details>"
    )
    return Display("\n".join(map(str, rows)), html=f"<pre>{shown}</pre>{folded}")


def _own_copy() -> list[machine.Row]:
    """Return a row if this notebook is the shipped lab, in which git would track the answers."""
    here = Path.cwd().resolve()
    if here.parent != LABS:
        return []
    shipped = "this is the shipped lab, which git tracks, not your own copy; in a terminal"
    return [machine.Row("copy", machine.MISSING, shipped, f"make lab N={here.name[3:5]}")]
