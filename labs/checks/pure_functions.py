"""Check a pure function with designed inputs.

The answer, the right function and the wrong ones get the same inputs. A mistake is named only if
its function agrees with the answer on every input, and no other mistake's function does.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from labs.engine import Context
from labs.engine import plain as data
from labs.engine.outcome import FailedError

Case = tuple[Any, ...]
"""What is special about an input, in words, and the arguments."""

Wrong = Sequence[tuple[str, Callable[..., Any]]]
"""Pairs of a mistake's name and a function that makes it; one mistake may have several."""


def compare(
    context: Context,
    answer: Callable[..., Any],
    cases: Iterable[Case],
    right: Callable[..., Any],
    *,
    what: str,
    where: Callable[..., str],
    wrong: Wrong = (),
    tolerance: float = 0.0,
) -> None:
    """Fail unless *answer* returns what *right* does, and leaves its arguments as they are.

    Parameters
    ----------
    context : Context
    answer : callable
        The learner's function. It gets the arguments themselves, which are compared afterwards.
    cases : iterable of tuples
        The inputs: words, then the arguments. The first is tried a second time at the end, so
        that a function that remembers its last call is found.
    right : callable
        Returns plain data; it is called before the answer, with a copy.
    what : str
        How a message calls the value: ``"iou(a, b)"``.
    where : callable
        Describes an input, given the words and the arguments.
    wrong : sequence of pairs
        See :data:`Wrong`.
    tolerance : float
        How far two numbers may be apart.
    """
    if unknown := {name for name, _ in wrong} - set(context.exercise.mistakes):
        raise KeyError(f"{context.exercise.id} declares no mistake {sorted(unknown)}")
    cases = list(cases)
    first, changed, seen = None, "", []
    for about, *arguments in [*cases, copy.deepcopy(cases[0])]:
        before = copy.deepcopy(arguments)
        text = where(about, *before)
        want = right(*copy.deepcopy(before))
        try:
            got = context.call(answer, *arguments, where=text)
            got = context.plain(got, what=what, where=text)
            seen.append((before, got))
            _same(context, got, want, what=what, where=text, tolerance=tolerance)
        except FailedError as failure:
            first = first or failure
            if failure.layer != "value":
                seen.append((before, type(failure.__cause__)))
        changed = changed or _changed(right, before, arguments, text)
    if first is not None:
        first.mistake = _only_explanation(wrong, seen, tolerance)
        raise first
    if changed:
        context.fail(
            f"The value is right, but {changed}",
            cause="The caller still needs its data. Work on a copy: `sorted(…)` instead of "
            "`.sort()`, `list(…)` before you remove something.",
        )


def _same(context: Context, got: Any, want: Any, *, what: str, **options: Any) -> None:
    """Compare as ``context.same`` does, but two dictionaries key by key, and show short lists."""
    if isinstance(got, dict) and isinstance(want, dict) and got.keys() == want.keys():
        for key in want:
            _same(context, got[key], want[key], what=f"{what}[{key!r}]", **options)
        return
    lists = isinstance(got, list) and isinstance(want, list) and len(got) != len(want)
    if (lists and len(want) <= 10) or (want is None and got is not None):
        shown = f"{what} is {data.shown(got)}; {data.shown(want)} was expected."
        context.fail(shown, where=options["where"])
    context.same(got, want, what=what, **options)


def _changed(right: Callable[..., Any], before: list[Any], after: list[Any], where: str) -> str:
    """Say which argument is not what it was; empty if none is."""
    names = inspect.signature(right).parameters
    for name, old, new in zip(names, before, after, strict=False):
        if repr(old) != repr(new):
            return f"your function changed the caller's `{name}`. With {where}"
    return ""


def _only_explanation(wrong: Wrong, seen: list[tuple[list[Any], Any]], tolerance: float) -> Any:
    """Return the one mistake that explains every outcome, None if there is none or several."""
    names = {
        name
        for name, function in wrong
        if all(
            data.same(_outcome(function, arguments), outcome, tolerance)
            for arguments, outcome in seen
        )
    }
    return names.pop() if len(names) == 1 else None


def _outcome(function: Callable[..., Any], arguments: list[Any]) -> Any:
    """Return a wrong function's value as plain data, or the type of what it raises."""
    try:
        return data.plain(function(*copy.deepcopy(arguments)))
    except Exception as error:
        return type(error)
