"""lab13.ex1: A release rule with three reasons to refuse."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from typing import Any

from labs.checks import pure_functions
from labs.engine import Context

Measures = dict[str, float]
GAIN, LOSS = 1 / 64, 1 / 16
"""Exact as floats, as all measures here: multiples of 1/64."""


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Compare the reasons for candidates that each differ in one respect."""
    cases = list(_cases(context))
    pure_functions.compare(
        context,
        answer,
        cases,
        _gate,
        what="gate(…)",
        where=lambda about, candidate, served, canary, gain, loss: (
            f"{about}: candidate={candidate}, served={served}, canary={canary}, "
            f"gain={gain}, loss={loss}"
        ),
        wrong=_WRONG,
    )
    context.note(candidates=len(cases))


def _cases(context: Context) -> Iterator[pure_functions.Case]:
    """Yield cases: words, candidate, served, canary, gain, loss."""
    new, old = (context.random.randint(12, 40) / 64 for _ in range(2))
    served = {"new": new, "old": old}
    requests = 100 * context.random.randint(3, 9)
    good = {"new": new + 4 * GAIN, "old": old}
    canary = {"requests": requests, "failed": 0, "interval": [-0.02, 0.03]}

    def case(
        about: str,
        candidate: Measures,
        users: dict[str, Any] = canary,
        before: Measures = served,
    ) -> tuple[Any, ...]:
        return about, *copy.deepcopy((candidate, before, users)), GAIN, LOSS

    yield case("better, and users like it as much", good)
    yield case("no gain on new ratings", {**good, "new": new})
    yield case("three quarters of the gain", {**good, "new": new + 0.75 * GAIN})
    yield case("exactly the gain", {**good, "new": new + GAIN})
    yield case("exactly the loss on old ratings", {**good, "old": old - LOSS})
    yield case("a little less on old ratings", {**good, "old": old - LOSS / 4})
    yield case("far less on old ratings", {**good, "old": old - 2 * LOSS})
    yield case("exactly 1 % failed", good, {**canary, "failed": requests // 100})
    yield case("more than 1 % failed", good, {**canary, "failed": requests // 100 + 1})
    yield case("users click less", good, {**canary, "interval": [-0.04, -0.01]})
    yield case("the interval ends at 0", good, {**canary, "interval": [-0.04, 0.0]})
    yield case("users click more", good, {**canary, "interval": [0.01, 0.04]})
    yield case("nobody was routed to it", good, {**canary, "requests": 0})
    bad = {"new": new - GAIN, "old": old - 2 * LOSS}
    poor = {**canary, "failed": requests, "interval": [-0.04, -0.01]}
    yield case("worse in every respect", bad, poor)
    useless = {**served, "old": LOSS / 2}
    yield case("old is 0, which is not missing", {**good, "old": 0.0}, before=useless)
    yield case("old is missing, and 0 would do", {"new": good["new"]}, before=useless)
    for name in ("new", "old"):
        yield case(f"{name} is NaN", {**good, name: math.nan})
        rest = {key: value for key, value in good.items() if key != name}
        yield case(f"{name} is missing", rest)


def _gate(
    candidate: Measures, served: Measures, canary: dict[str, Any], gain: float, loss: float
) -> list[str]:
    return _reasons(candidate, served, canary, gain, loss)


def _reasons(
    candidate: Measures,
    served: Measures,
    canary: dict[str, Any],
    gain: float,
    loss: float,
    *,
    interval_end: int = 1,
    without_requests: bool = True,
    at_limit: bool = True,
    nan_is_bad: bool = True,
) -> list[str]:
    """Return the reasons; the switches make the named mistakes."""

    def short(value: float, bar: float) -> bool:
        if math.isnan(value):
            return nan_is_bad
        return value < bar if at_limit else value <= bar

    reasons = []
    if short(candidate.get("new", math.nan), served["new"] + gain):
        reasons.append("new")
    if short(candidate.get("old", math.nan), served["old"] - loss):
        reasons.append("old")
    requests, failed = canary["requests"], canary["failed"]
    if not requests:
        return [*reasons, "users"] if without_requests else reasons
    too_many = 100 * failed > requests if at_limit else 100 * failed >= requests
    if too_many or canary["interval"][interval_end] < 0:
        reasons.append("users")
    return reasons


_WRONG: pure_functions.Wrong = (
    ("first_only", lambda *args: _reasons(*args)[:1]),
    ("strict", lambda *args: _reasons(*args, at_limit=False)),
    ("nan_passes", lambda *args: _reasons(*args, nan_is_bad=False)),
    ("interval_low", lambda *args: _reasons(*args, interval_end=0)),
    ("no_requests", lambda *args: _reasons(*args, without_requests=False)),
    ("old_must_gain", lambda c, s, u, gain, loss: _reasons(c, s, u, gain, -gain)),
    ("old_must_gain", lambda c, s, u, gain, loss: _reasons(c, s, u, gain, 0.0)),
)
