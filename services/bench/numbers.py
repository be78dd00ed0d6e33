"""The statistics of the comparison."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np


class Spread(TypedDict):
    """A quantity that was measured several times."""

    median: float
    min: float
    max: float
    n: int


def spread(values: Sequence[float]) -> Spread:
    """Return the median and the range of *values*; ValueError if there are none."""
    if not values:
        raise ValueError("nothing was measured")
    return {
        "median": round(statistics.median(values), 3),
        "min": round(min(values), 3),
        "max": round(max(values), 3),
        "n": len(values),
    }


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest of *values* that *percent* percent (0 to 100) of them do not exceed.

    Values are not interpolated ("inverted_cdf" of Hyndman and Fan, 1996). Raises ValueError if
    there are none.
    """
    if not values:
        raise ValueError("nothing was measured")
    return float(np.percentile(np.asarray(values), percent, method="inverted_cdf"))


def rotated(names: Sequence[str], turn: int) -> list[str]:
    """Return *names* rotated by *turn*, so that each round begins with another one."""
    first = turn % max(1, len(names))
    return [*names[first:], *names[:first]]


@dataclass(frozen=True)
class Round:
    """What one round of requests to one server gave."""

    rate: float  # answers per second
    latencies: list[float]  # seconds until each answer
    cpu: float  # processor time per answer, in seconds, of all the server's processes together


def figures(rounds: Sequence[Round]) -> dict[str, Spread]:
    """Return the figures of one server at one concurrency, from its rounds.

    ``rate`` is in answers per second; ``p50``, ``p99`` and ``cpu``, the processor time per answer,
    are in milliseconds. Each is computed per round, and the median over the rounds is reported.
    """
    milliseconds = [[1000 * seconds for seconds in each.latencies] for each in rounds]
    return {
        "rate": spread([each.rate for each in rounds]),
        "p50": spread([percentile(each, 50) for each in milliseconds]),
        "p99": spread([percentile(each, 99) for each in milliseconds]),
        "cpu": spread([1000 * each.cpu for each in rounds]),
    }
