"""Lab 05, exercise 5: PromQL's functions, as Prometheus computes them."""

from __future__ import annotations

import math
from itertools import pairwise

Labels = frozenset[tuple[str, str]]
Vector = dict[Labels, float]


def divided(a: float, b: float) -> float:
    """Divide as IEEE 754 does: a division by 0 gives NaN or an infinity."""
    if b:
        return a / b
    return math.nan if not a or math.isnan(a) else math.copysign(math.inf, a)


def unnamed(key: Labels) -> Labels:
    """Return the labels without the series' name."""
    return frozenset(pair for pair in key if pair[0] != "__name__")


def over_time(
    name: str, times: list[float], values: list[float], start: float, end: float
) -> float:
    """Return ``rate``, ``increase``, ``delta`` or ``irate`` of two or more samples."""
    if name == "irate":
        before, last = values[-2:]
        return (last - before if last >= before else last) / (times[-1] - times[-2])
    total = values[-1] - values[0]
    if name != "delta":
        total += math.fsum(a for a, b in pairwise(values) if b < a)
    sampled = times[-1] - times[0]
    average = sampled / (len(times) - 1)
    before, after = times[0] - start, end - times[-1]
    if name != "delta" and total > 0 and values[0] >= 0:
        before = min(before, sampled * values[0] / total)
    for gap in (before, after):
        sampled += gap if gap < 1.1 * average else average / 2
    factor = sampled / (times[-1] - times[0])
    return total * factor / (end - start if name == "rate" else 1.0)


def quantiles(q: float, buckets: Vector) -> Vector:
    """Return ``histogram_quantile``: series without ``le`` are dropped, as Prometheus does."""
    groups: dict[Labels, list[tuple[float, float]]] = {}
    for key, value in buckets.items():
        bound = dict(key).get("le")
        if bound is not None:
            group = frozenset(pair for pair in unnamed(key) if pair[0] != "le")
            groups.setdefault(group, []).append((float(bound), value))
    return {group: _quantile(q, sorted(found)) for group, found in groups.items()}


def _quantile(q: float, buckets: list[tuple[float, float]]) -> float:
    if not 0 <= q <= 1:
        return math.copysign(math.inf, q - 0.5)
    if len(buckets) < 2 or not math.isinf(buckets[-1][0]) or not buckets[-1][1] > 0:
        return math.nan
    counts = [max(count for _, count in buckets[: n + 1]) for n in range(len(buckets))]
    rank = q * counts[-1]
    n = next(n for n, count in enumerate(counts) if count >= rank)
    if n == len(buckets) - 1:
        return buckets[-2][0]
    lower, below = (buckets[n - 1][0], counts[n - 1]) if n else (0.0, 0.0)
    return lower + (buckets[n][0] - lower) * divided(rank - below, counts[n] - below)
