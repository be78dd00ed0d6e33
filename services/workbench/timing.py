"""Compare how long several ways of doing something take, fairly enough to print a ratio."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping


def interleaved(
    ways: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Time each of *ways* once a round, in an order that rotates from round to round.

    A machine's speed varies over time. Taking turns spreads this over all ways, and rotating the
    order spreads the after-effects of one way (a warm cache, for instance) over the others. One
    warm-up round is not counted.

    *clock* returns seconds: ``time.process_time`` counts only this process's processor time, which
    other programs on the machine hardly affect. Return the seconds of each round by the way's name.
    Raises ValueError if there is nothing to time.
    """
    if rounds < 1 or not ways:
        raise ValueError(f"at least one way and one round are needed; got {len(ways)} and {rounds}")
    for call in ways.values():
        call()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            start = clock()
            ways[name]()
            seconds[name].append(clock() - start)
    return seconds


def ratios(seconds: Mapping[str, list[float]], reference: str) -> dict[str, float]:
    """Return each way's median time as a multiple of the reference's; KeyError without it."""
    unit = statistics.median(seconds[reference])
    return {name: statistics.median(times) / unit for name, times in seconds.items()}
