"""Lab 05, the evaluation: the value of a PromQL expression over made-up series.

It computes as Prometheus does (``promql/functions.go``, ``promql/quantile.go``): ``rate`` mends the
resets of a counter and extrapolates to the ends of the window, ``histogram_quantile`` interpolates.
"""

from __future__ import annotations

import math
import operator
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from labs.checks.lab05_promql import (
    COMPARISONS,
    OF_RANGES,
    SETS,
    Aggregation,
    Binary,
    Call,
    Node,
    Number,
    PromQLError,
    Selector,
)

Labels = frozenset[tuple[str, str]]
Vector = dict[Labels, float]
STALE = 300.0
"""So many seconds after its last sample a series is gone."""


@dataclass(frozen=True)
class Series:
    """One time series.

    Attributes
    ----------
    labels : mapping of str to str
        With its name as ``__name__``.
    times, values : list of float
        Seconds, ascending, and the samples.
    """

    labels: Mapping[str, str]
    times: list[float]
    values: list[float]

    def window(self, start: float, end: float) -> tuple[list[float], list[float]]:
        """Return the samples from *start* to *end*, both included."""
        part = slice(bisect_left(self.times, start), bisect_right(self.times, end))
        return self.times[part], self.values[part]


def evaluate(node: Node, series: Iterable[Series], now: float) -> Vector | float:
    """Return the value of an expression at the time *now*.

    Raises
    ------
    PromQLError
        If series match in a way that Prometheus refuses.
    """
    return _Evaluation(list(series), now).value(node)


def labels_of(key: Labels) -> dict[str, str]:
    """Return the labels of one element of a vector, without its name."""
    return {name: value for name, value in sorted(key) if name != "__name__"}


_MATCH: dict[str, Callable[[str, str], bool]] = {
    "=": lambda value, wanted: value == wanted,
    "!=": lambda value, wanted: value != wanted,
    "=~": lambda value, wanted: re.fullmatch(wanted, value) is not None,
    "!~": lambda value, wanted: re.fullmatch(wanted, value) is None,
}


def matches(labels: Mapping[str, str], matchers: Iterable[tuple[str, str, str]]) -> bool:
    """Say whether a series' labels fit a selector's matchers."""
    return all(_MATCH[sign](labels.get(name, ""), wanted) for name, sign, wanted in matchers)


def _divided(a: float, b: float) -> float:
    if b:
        return a / b
    return math.nan if not a or math.isnan(a) else math.copysign(math.inf, a)


_COMPUTE: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divided,
    "%": lambda a, b: math.fmod(a, b) if b else math.nan,
    "^": math.pow,
}
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_COLLECT: dict[str, Callable[[list[float]], float]] = {
    "sum": math.fsum,
    "avg": lambda values: math.fsum(values) / len(values),
    "min": min,
    "max": max,
    "count": lambda values: float(len(values)),
    "group": lambda values: 1.0,
}
_EACH: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "ceil": lambda value: float(math.ceil(value)) if math.isfinite(value) else value,
    "floor": lambda value: float(math.floor(value)) if math.isfinite(value) else value,
    "round": lambda value: math.floor(value + 0.5) if math.isfinite(value) else value,
}


def _unnamed(key: Labels) -> Labels:
    return frozenset(pair for pair in key if pair[0] != "__name__")


def _named_in(node: Node) -> Labels:
    """Return the labels that ``absent`` gives: those that a selector wants to be equal."""
    matchers = node.matchers if isinstance(node, Selector) else ()
    return _unnamed(frozenset((label, text) for label, sign, text in matchers if sign == "="))


class _Evaluation:
    """One expression's evaluation at one time."""

    def __init__(self, series: list[Series], now: float) -> None:
        self.series = series
        self.now = now

    def value(self, node: Node) -> Vector | float:
        if isinstance(node, Number):
            return node.value
        if isinstance(node, Selector):
            return self.instant(node)
        if isinstance(node, Aggregation):
            return self.aggregated(node)
        if isinstance(node, Call):
            return self.called(node)
        return self.combined(node)

    def vector(self, node: Node) -> Vector:
        value = self.value(node)
        if isinstance(value, float):
            raise PromQLError("series were expected here, not a number")
        return value

    def scalar(self, node: Node) -> float:
        value = self.value(node)
        if not isinstance(value, float):
            raise PromQLError("a number was expected here, not series")
        return value

    def chosen(self, node: Selector) -> list[Series]:
        return [one for one in self.series if matches(one.labels, node.matchers)]

    def instant(self, node: Selector) -> Vector:
        at = self.now - node.offset
        found: Vector = {}
        for one in self.chosen(node):
            _, values = one.window(at - STALE, at)
            if values:
                found[frozenset(one.labels.items())] = values[-1]
        return found

    def aggregated(self, node: Aggregation) -> Vector:
        groups: dict[Labels, list[float]] = {}
        for key, value in self.vector(node.of).items():
            kept = frozenset(
                pair
                for pair in key
                if ((pair[0] in node.labels) if node.by else (pair[0] not in node.labels))
                and pair[0] != "__name__"
            )
            groups.setdefault(kept, []).append(value)
        return {key: _COLLECT[node.name](values) for key, values in groups.items()}

    def called(self, node: Call) -> Vector:
        if node.name in OF_RANGES:
            [selector] = node.arguments
            assert isinstance(selector, Selector)
            return self.over_range(node.name, selector)
        if node.name == "histogram_quantile":
            return _quantiles(self.scalar(node.arguments[0]), self.vector(node.arguments[1]))
        if node.name == "vector":
            return {frozenset(): self.scalar(node.arguments[0])}
        vector = self.vector(node.arguments[0])
        if node.name == "absent":
            return {} if vector else {_named_in(node.arguments[0]): 1.0}
        if node.name.startswith("clamp"):
            bound, pick = self.scalar(node.arguments[1]), max if node.name == "clamp_min" else min
            return {_unnamed(key): pick(value, bound) for key, value in vector.items()}
        each = _EACH.get(node.name)
        return {_unnamed(k): each(v) for k, v in vector.items()} if each else vector

    def over_range(self, name: str, node: Selector) -> Vector:
        end = self.now - node.offset
        start = end - (node.seconds or 0.0)
        found: Vector = {}
        for one in self.chosen(node):
            times, values = one.window(start, end)
            result = _over_time(name, times, values, start, end)
            if result is not None:
                found[_unnamed(frozenset(one.labels.items()))] = result
        return found

    def combined(self, node: Binary) -> Vector | float:
        left, right = self.value(node.left), self.value(node.right)
        if node.sign in SETS:
            return _joined(node, left, right)
        if isinstance(left, float) and isinstance(right, float):
            if node.sign in COMPARISONS:
                if not node.as_bool:
                    raise PromQLError("two numbers are compared with bool: 1 > bool 2")
                return float(_COMPARE[node.sign](left, right))
            return _COMPUTE[node.sign](left, right)
        if isinstance(right, float):
            assert isinstance(left, dict)
            return _each(node, ((key, value, value, right) for key, value in left.items()))
        if isinstance(left, float):
            return _each(node, ((key, value, left, value) for key, value in right.items()))
        return _each(node, _matched(node, left, right))


def _each(node: Binary, pairs: Iterable[tuple[Labels, float, float, float]]) -> Vector:
    """Apply an operator to pairs of labels, the value to keep, and both sides."""
    found: Vector = {}
    for key, kept, left, right in pairs:
        if node.sign not in COMPARISONS:
            found[_unnamed(key)] = _COMPUTE[node.sign](left, right)
        elif node.as_bool:
            found[_unnamed(key)] = float(_COMPARE[node.sign](left, right))
        elif _COMPARE[node.sign](left, right):
            found[key] = kept
    return found


def _key(node: Binary, labels: Labels) -> Labels:
    """Return the labels by which two sides are matched."""
    if node.on:
        return frozenset(pair for pair in labels if pair[0] in node.labels)
    return frozenset(p for p in labels if p[0] not in node.labels and p[0] != "__name__")


def _matched(
    node: Binary, left: Vector, right: Vector
) -> Iterable[tuple[Labels, float, float, float]]:
    """Pair the elements of two vectors as Prometheus does."""
    flipped = node.many == "right"
    many, one = (right, left) if flipped else (left, right)
    ones: dict[Labels, Labels] = {}
    for key in one:
        if _key(node, key) in ones:
            raise PromQLError("several series on one side match one on the other: add sum by (…)")
        ones[_key(node, key)] = key
    taken: set[Labels] = set()
    for key, value in many.items():
        common = _key(node, key)
        if common not in ones:
            continue
        if not node.many and common in taken:
            raise PromQLError("several series on one side match one on the other: add sum by (…)")
        taken.add(common)
        other = one[ones[common]]
        labels = common if not node.many else _with(key, ones[common], node.included)
        if node.sign in COMPARISONS and not node.as_bool and not node.many and not node.on:
            labels = key if not node.labels else common
        pair = (other, value) if flipped else (value, other)
        yield labels, pair[0], *pair


def _with(key: Labels, other: Labels, included: frozenset[str]) -> Labels:
    extra = frozenset(pair for pair in other if pair[0] in included)
    return frozenset(pair for pair in key if pair[0] not in included) | extra


def _joined(node: Binary, left: Vector | float, right: Vector | float) -> Vector:
    if isinstance(left, float) or isinstance(right, float):
        raise PromQLError(f"{node.sign} stands between series, not numbers")
    mine, theirs = ({_key(node, key) for key in side} for side in (left, right))
    if node.sign == "and":
        return {key: value for key, value in left.items() if _key(node, key) in theirs}
    if node.sign == "unless":
        return {key: value for key, value in left.items() if _key(node, key) not in theirs}
    more = {key: value for key, value in right.items() if _key(node, key) not in mine}
    return {**left, **more}


def _over_time(
    name: str, times: list[float], values: list[float], start: float, end: float
) -> float | None:
    if name == "avg_over_time":
        return math.fsum(values) / len(values) if values else None
    if name == "max_over_time":
        return max(values, default=None)
    if len(values) < 2:
        return None
    if name == "irate":
        before, last = values[-2:]
        return (last - before if last >= before else last) / (times[-1] - times[-2])
    return _extrapolated(name, times, values, start, end)


def _extrapolated(
    name: str, times: list[float], values: list[float], start: float, end: float
) -> float:
    """Return ``rate``, ``increase`` or ``delta`` over a window, as ``extrapolatedRate`` does."""
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


def _quantiles(q: float, buckets: Vector) -> Vector:
    """Return ``histogram_quantile``: series without ``le`` are dropped, as Prometheus does."""
    groups: dict[Labels, list[tuple[float, float]]] = {}
    for key, value in buckets.items():
        bound = dict(key).get("le")
        if bound is None:
            continue
        group = frozenset(pair for pair in key if pair[0] not in ("le", "__name__"))
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
    upper = buckets[n][0]
    if n == 0 and upper <= 0:
        return upper
    lower, below = (buckets[n - 1][0], counts[n - 1]) if n else (0.0, 0.0)
    inside = counts[n] - below
    return lower + (upper - lower) * _divided(rank - below, inside)
