"""lab10.ex2: who is faster, on a machine that changes."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from collections.abc import Callable
from typing import Any

from labs.checks.lab10.clock import Machine
from labs.engine import Context

_WHAT = "ratio(a, b, clock, rounds)"


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Call ``ratio(a, b, clock, rounds)`` on fake machines that get slower."""
    draw = context.random.uniform
    machines = [(8, draw(1.2, 1.5)), (6, draw(0.012, 0.018)), (12, draw(0.9, 1.9)), (4, 1.2)]
    for rounds, true_ratio in machines:
        machine = Machine(context.random, rounds, true_ratio)
        where = f"a machine that gets slower; {rounds} rounds"
        got = context.call(
            answer, machine.turn("a"), machine.turn("b"), machine.clock, rounds, where=where
        )
        got = context.plain(got, what=_WHAT, where=where)
        _turns(context, machine, got, rounds, where)
        _value(context, machine, got, where)
    context.note(machines=len(machines))


def _turns(context: Context, machine: Machine, got: Any, rounds: int, where: str) -> None:
    """Fail unless the turns are one of each server, then rounds that begin with each in turn."""
    context.expect(machine.reads > 0, "`clock` was never called; time the turns with it.",
                   where=where)  # fmt: skip
    names = [name for name, _ in machine.turns]
    switches = sum(one != other for one, other in itertools.pairwise(names))
    if switches <= 3 < len(names):
        context.fail(f"All turns of {names[-1]} came after those of {names[0]}.",
                     where=where, mistake="blocks")  # fmt: skip
    counts = Counter(names)
    if counts != {"a": rounds + 1, "b": rounds + 1}:
        context.fail(
            f"a was called {counts['a']} times and b {counts['b']} times; {rounds + 1} times each "
            "was expected: once to warm up, and once in each round.",
            where=where,
            mistake="warm_up" if _is(got, _with_warm_up(machine)) else None,
        )
    pairs = [names[n : n + 2] for n in range(0, len(names), 2)]
    context.expect(
        all(set(pair) == {"a", "b"} for pair in pairs),
        f"The turns were {' '.join(names)}; each server has one turn to warm up, and one in each "
        "round.",
        where=where,
    )
    first = [pair[0] for pair in pairs[1:]]
    if len(set(first)) == 1:
        context.fail(f"All {rounds} rounds began with {first[0]}.",
                     where=where, mistake="same_order")  # fmt: skip
    context.expect(
        all(one != other for one, other in itertools.pairwise(first)),
        f"The rounds began with {' '.join(first)}; a and b in turn was expected.",
        where=where,
    )


def _value(context: Context, machine: Machine, got: Any, where: str) -> None:
    """Fail unless the value is the median of the rounds' ratios, as the turns were measured."""
    want = _medians(machine, 1)[0]
    if isinstance(got, bool) or not isinstance(got, int | float):
        context.same(got, want, what=_WHAT, where=where)
    if abs(got / want - 1) <= 0.005:  # another way to take the middle of two ratios is right, too
        return
    times = [dict(machine.turns[n : n + 2]) for n in range(2, len(machine.turns), 2)]
    ratios = [each["a"] / each["b"] for each in times]
    total = sum(each["a"] for each in times) / sum(each["b"] for each in times)
    wrong = {
        "warm_up": _with_warm_up(machine),
        "swapped": [statistics.median(1 / each for each in ratios), 1 / want],
        "means": [statistics.fmean(ratios), total],
    }
    names = [name for name, values in wrong.items() if _is(got, values)]
    context.fail(
        f"{_WHAT} is {got:.5g}; the median of a's time by b's over the rounds is {want:.5g}.",
        where=where,
        mistake=names[0] if len(names) == 1 else None,
    )


def _medians(machine: Machine, skip: int) -> list[float]:
    """Return the median of the rounds' ratios, the first *skip* pairs of turns left out."""
    times = [dict(machine.turns[n : n + 2]) for n in range(2 * skip, len(machine.turns), 2)]
    pairs = [each for each in times if len(each) == 2]
    return [statistics.median(each["a"] / each["b"] for each in pairs)] if pairs else []


def _with_warm_up(machine: Machine) -> list[float]:
    """Return the median of all ratios, if the first turns were timed at all.

    Other mistakes give it, too: with one large ratio more, it is the upper of the middle two.
    """
    return _medians(machine, 0) if machine.timed_warm_up else []


def _is(got: Any, values: list[float]) -> bool:
    number = isinstance(got, int | float) and not isinstance(got, bool)
    return number and any(abs(got / value - 1) < 1e-9 for value in values)
