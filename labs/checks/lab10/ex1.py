"""lab10.ex1: A percentile that hides nothing."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from labs.checks import pure_functions
from labs.engine import Context

Column = Sequence[str]


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Compare ``percentile(column, percent)`` for columns of a load generator's CSV file."""
    cases = list(_cases(context))
    pure_functions.compare(
        context,
        answer,
        cases,
        _percentile,
        what="percentile(column, percent)",
        where=_described,
        wrong=_WRONG,
        tolerance=1e-9,
    )
    context.note(columns=len(cases))


# Requests, how many of them failed, and the percentile; at each limit and one below it.
_COLUMNS = [
    (200, 0, 50), (300, 0, 99), (240, 0, 95), (300, 2, 99), (301, 0, 99), (120, 4, 99),
    (71, 5, 90), (33, 3, 50), (20, 11, 50), (21, 10, 50), (100, 0, 99), (100, 1, 99), (99, 0, 99),
    (50, 0, 99), (11, 0, 90), (10, 0, 90), (9, 0, 90), (20, 0, 95), (19, 1, 95), (20, 1, 95),
    (40, 40, 50), (2, 0, 50), (2, 1, 50), (1, 0, 50), (0, 0, 50),
]  # fmt: skip


def _cases(context: Context) -> Iterator[pure_functions.Case]:
    draw = context.random
    for count, failed, percent in _COLUMNS:
        # From 0.5 to 4000 ms, so that texts sort in another order than numbers.
        times = [f"{tenths / 10:.1f}" for tenths in draw.sample(range(5, 40_000), count - failed)]
        column = [*times, *[""] * failed]
        yield "different times", draw.sample(column, count), percent
    yield "a time of 0", ["3.5", "0.0"], 50
    column = ["3.5"] * 60 + ["20.0"] * 35 + ["100.5"] * 3 + [""] * 2
    for percent in (50, 90, 95, 99):
        yield "times that occur often", draw.sample(column, 100), percent


def _described(about: str, column: Column, percent: int) -> str:
    return f"{len(column)} requests, {column.count('')} of which failed; p{percent}; {about}"


def _times(column: Column) -> list[float]:
    return sorted(float(text or "inf") for text in column)


def _rank(count: int, percent: int) -> int:
    return -(-count * percent // 100) - 1


def _percentile(
    column: Column,
    percent: int,
    *,
    least: Callable[[int], float] = lambda percent: 100 / (100 - percent),
    times: Callable[[Column], Sequence[Any]] = _times,
    pick: Callable[[Sequence[Any], int], Any] = lambda times, percent: times[
        _rank(len(times), percent)
    ],
) -> Any:
    """Return what ``percentile`` should; each option makes a mistake."""
    return pick(times(column), percent) if len(column) >= least(percent) else None


def _answered(column: Column) -> list[float]:
    return sorted(float(text) for text in column if text)


def _dropped_first(column: Column, percent: int) -> Any:
    return _percentile([text for text in column if text], percent)


def _by_quantiles(times: Sequence[float], percent: int) -> float:
    return statistics.quantiles(times, n=100)[percent - 1]


def _as_numbers(pick: Sequence[str], percent: int) -> float:
    return float(pick[_rank(len(pick), percent)])


_WRONG: pure_functions.Wrong = [
    ("as_text", partial(_percentile, times=sorted)),
    ("as_text", partial(_percentile, times=sorted, pick=_as_numbers)),
    ("dropped", partial(_percentile, times=_answered)),
    ("dropped", _dropped_first),
    ("too_few", partial(_percentile, least=lambda percent: 0)),
    ("too_few", partial(_percentile, least=lambda percent: 1)),
    ("interpolated", partial(_percentile, pick=np.percentile)),
    ("interpolated", partial(_percentile, pick=_by_quantiles)),
    ("off_by_one", partial(_percentile, pick=lambda times, p: times[len(times) * p // 100])),
    ("off_by_one", partial(_percentile, pick=lambda times, p: times[_rank(len(times), p) + 1])),
]
