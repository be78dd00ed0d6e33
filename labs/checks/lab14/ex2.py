"""lab14.ex2: How long a CPU limit makes you wait."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from labs.checks import pure_functions
from labs.engine import Context


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Compare ``milliseconds(work, cpus, threads)`` below, at and above the quota."""
    cases = list(_cases(context))
    pure_functions.compare(
        context,
        answer,
        cases,
        _milliseconds,
        what="milliseconds(work, cpus, threads)",
        where=lambda about, work, cpus, threads: (
            f"{about}: {work} ms of work, a limit of {cpus} cpus, {threads} threads"
        ),
        wrong=_WRONG,
        tolerance=1e-6,
    )
    context.note(limits=len(cases))


def _cases(context: Context) -> Iterator[pure_functions.Case]:
    draw = context.random
    # Quotas of whole ms, so that a multiple of one is exact.
    for cpus, threads in ((0.25, 1), (0.5, 2), (0.75, 4), (1.0, 2), (1.5, 4), (2.0, 3)):
        quota = round(100 * cpus)
        yield "less than the quota", draw.randint(5, quota - 1), cpus, threads
        yield "exactly the quota", quota, cpus, threads
        yield "several times the quota", draw.randint(2, 5) * quota, cpus, threads
        yield "more than the quota", draw.randint(1, 4) * quota + draw.randint(1, 20), cpus, threads
    # 100 times these is just below a whole number of ms, which int() would cut off.
    for cpus, threads in ((0.29, 1), (0.57, 2), (1.13, 3)):
        quota = round(100 * cpus)
        yield "less than the quota", draw.randint(5, quota - 1), cpus, threads
        yield "more than the quota", draw.randint(1, 4) * quota + draw.randint(1, 20), cpus, threads
    for cpus, threads in ((1.0, 1), (2.0, 1), (2.0, 2), (4.0, 2)):
        work = 2 * draw.randint(250, 450) + 1  # not a whole number of ms for two threads
        yield "the quota is never reached", work, cpus, threads


def _milliseconds(
    work: float,
    cpus: float,
    threads: int,
    *,
    periods: Callable[[float], float] = lambda quotas: math.ceil(quotas) - 1,
    always: bool = False,
) -> float:
    """Return what ``milliseconds`` should; each option makes a mistake."""
    if cpus >= threads and not always:
        return work / threads
    quota = 100 * cpus
    full = periods(work / quota)
    return 100 * full + (work - full * quota) / threads


def _slower_core(work: float, cpus: float, threads: int) -> float:
    return work / min(cpus, threads)


def _one_thread(work: float, cpus: float, threads: int) -> float:
    return work if cpus >= threads else _milliseconds(work, cpus, 1, always=True)


def _one_thread_throughout(work: float, cpus: float, threads: int) -> float:
    return _milliseconds(work, cpus, 1)


_WRONG: pure_functions.Wrong = [
    ("slower_core", _slower_core),
    ("slower_core", lambda work, cpus, threads: work / cpus),
    ("one_thread", _one_thread),
    ("one_thread", _one_thread_throughout),
    (
        "waits_once_more",
        lambda work, cpus, threads: _milliseconds(work, cpus, threads, periods=math.floor),
    ),
    ("never", lambda work, cpus, threads: work / threads),
    ("always", lambda work, cpus, threads: _milliseconds(work, cpus, threads, always=True)),
]
