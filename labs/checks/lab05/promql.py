"""Lab 05, exercise 5: the value of a PromQL expression over simulated series.

``promql_parser`` reads the expression and checks its types. This module computes as Prometheus does
(``promql/functions.go``, ``promql/quantile.go``): ``rate`` corrects counter resets and extrapolates
to the ends of the window, ``histogram_quantile`` interpolates.
"""

from __future__ import annotations

import math
import operator
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import promql_parser as ast

from labs.checks.lab05.functions import Labels, Vector, divided, over_time, quantiles, unnamed

STALE = 300.0
"""Seconds after its last sample until a series is gone."""

OF_RANGES = ("rate", "increase", "irate", "delta")
COMPARE: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_SETS = ("and", "or", "unless")
_MATCH: dict[str, Callable[[str, str], bool]] = {
    "MatchOp.Equal": operator.eq,
    "MatchOp.NotEqual": operator.ne,
    "MatchOp.Re": lambda value, wanted: re.fullmatch(wanted, value) is not None,
    "MatchOp.NotRe": lambda value, wanted: re.fullmatch(wanted, value) is None,
}


class PromQLError(ValueError):
    """The expression cannot be evaluated; the message says why."""


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


def parse(text: str) -> Any:
    """Return the syntax tree of an expression.

    Raises
    ------
    PromQLError
        If Prometheus would refuse it.
    """
    try:
        return ast.parse(text)
    except ValueError as error:
        raise PromQLError(str(error)) from None


def nodes(tree: Any) -> list[Any]:
    """Return a node and all nodes below it, outermost first; parentheses are left out."""
    found: list[Any] = []
    ast.walk(tree, found.append)
    return [node for node in found if not isinstance(node, ast.ParenExpr)]


def evaluate(tree: Any, series: Iterable[Series], now: float) -> Vector | float:
    """Return the value of an expression at the time *now*, in seconds.

    Raises
    ------
    PromQLError
        If series match in a way that Prometheus refuses, or the expression uses something that
        this module does not compute.
    """
    return _Evaluation(list(series), now).value(tree)


def labels_of(key: Labels) -> dict[str, str]:
    """Return the labels of one element of a vector, without its name."""
    return {name: value for name, value in sorted(key) if name != "__name__"}


def matches(labels: Mapping[str, str], selector: ast.VectorSelector) -> bool:
    """Say whether a series' labels match a selector."""
    named = selector.name is None or selector.name == labels.get("__name__", selector.name)
    return named and all(
        _MATCH[str(matcher.op)](labels.get(matcher.name, ""), matcher.value)
        for matcher in selector.matchers.matchers
    )


def keeps(aggregation: ast.AggregateExpr, label: str) -> bool:
    """Say whether an aggregation keeps a label."""
    modifier = aggregation.modifier
    if modifier is None:
        return False
    return (label in modifier.labels) is (modifier.type == ast.AggModifierType.By)


def filters(node: Any) -> bool:
    """Say whether a node is a comparison that drops series."""
    as_bool = node.modifier is not None and node.modifier.return_bool
    return str(node.op) in COMPARE and not as_bool


_COMPUTE: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": divided,
    "%": lambda a, b: math.fmod(a, b) if b else math.nan,
    "^": math.pow,
}
_AGGREGATE: dict[str, Callable[[list[float]], float]] = {
    "sum": math.fsum,
    "avg": lambda values: math.fsum(values) / len(values),
    "min": min,
    "max": max,
    "count": lambda values: float(len(values)),
}
_CLAMP: dict[str, Callable[[float, float], float]] = {"clamp_min": max, "clamp_max": min}


class _Evaluation:
    """One expression's evaluation at one time; the parser has checked the types."""

    def __init__(self, series: list[Series], now: float) -> None:
        self.series = series
        self.now = now

    def value(self, node: Any) -> Any:
        match node:
            case ast.NumberLiteral():
                return node.val
            case ast.ParenExpr():
                return self.value(node.expr)
            case ast.UnaryExpr():
                value = self.value(node.expr)
                if isinstance(value, float):
                    return -value
                return {unnamed(key): -one for key, one in value.items()}
            case ast.VectorSelector():
                return self.instant(node)
            case ast.AggregateExpr() if str(node.op) in _AGGREGATE:
                return self.aggregated(node)
            case ast.Call():
                return self.called(node)
            case ast.BinaryExpr():
                return self.combined(node)
        raise PromQLError(f"this check cannot compute {str(node)[:60]}")

    def chosen(self, selector: Any) -> Iterator[tuple[Labels, Series, float]]:
        if selector.at is not None or selector.matchers.or_matchers:
            raise PromQLError(f"this check cannot compute {selector}")
        end = self.now - (selector.offset.total_seconds() if selector.offset else 0.0)
        for one in self.series:
            if matches(one.labels, selector):
                yield frozenset(one.labels.items()), one, end

    def instant(self, selector: Any) -> Vector:
        found = ((k, one.window(end - STALE, end)[1]) for k, one, end in self.chosen(selector))
        return {key: values[-1] for key, values in found if values}

    def aggregated(self, node: Any) -> Vector:
        groups: dict[Labels, list[float]] = {}
        for key, value in self.value(node.expr).items():
            kept = frozenset(pair for pair in unnamed(key) if keeps(node, pair[0]))
            groups.setdefault(kept, []).append(value)
        return {key: _AGGREGATE[str(node.op)](values) for key, values in groups.items()}

    def called(self, node: Any) -> Vector:
        name, arguments = node.func.name, node.args
        if name in OF_RANGES and isinstance(arguments[0], ast.MatrixSelector):
            return self.over_range(name, arguments[0])
        if name == "histogram_quantile":
            return quantiles(self.value(arguments[0]), self.value(arguments[1]))
        if name == "vector":
            return {frozenset(): self.value(arguments[0])}
        if name in _CLAMP:
            vector, bound = map(self.value, arguments)
            return {unnamed(key): _CLAMP[name](one, bound) for key, one in vector.items()}
        raise PromQLError(f"this check cannot compute {name}(…)")

    def over_range(self, name: str, node: Any) -> Vector:
        found = {}
        for key, one, end in self.chosen(node.vector_selector):
            start = end - node.range.total_seconds()
            times, values = one.window(start, end)
            if len(values) > 1:
                found[unnamed(key)] = over_time(name, times, values, start, end)
        return found

    def combined(self, node: Any) -> Vector | float:
        sign, left, right = str(node.op), self.value(node.lhs), self.value(node.rhs)
        if sign in _SETS:
            return _joined(sign, node, left, right)
        if isinstance(left, float) and isinstance(right, float):
            return float({**_COMPUTE, **COMPARE}[sign](left, right))
        if isinstance(right, float):
            pairs: Any = ((key, value, value, right) for key, value in left.items())
        elif isinstance(left, float):
            pairs = ((key, value, left, value) for key, value in right.items())
        else:
            pairs = _matched(node, left, right)
        found: Vector = {}
        for key, kept, a, b in pairs:
            if sign in _COMPUTE:
                found[unnamed(key)] = _COMPUTE[sign](a, b)
            elif not filters(node):
                found[unnamed(key)] = float(COMPARE[sign](a, b))
            elif COMPARE[sign](a, b):
                found[key] = kept
        return found


def _on(node: Any) -> tuple[bool, list[str]]:
    """Return whether sides are matched ``on`` labels, and the labels matched or ignored."""
    matching = node.modifier.matching if node.modifier is not None else None
    if matching is None:
        return False, []
    return matching.type == ast.LabelModifierType.Include, matching.labels


def _key(node: Any, labels: Labels) -> Labels:
    on, names = _on(node)
    return frozenset(pair for pair in unnamed(labels) if (pair[0] in names) is on)


def _matched(
    node: Any, left: Vector, right: Vector
) -> Iterator[tuple[Labels, float, float, float]]:
    """Pair the elements of two vectors: labels, the value to keep, and both values."""
    card = node.modifier.card if node.modifier is not None else ast.VectorMatchCardinality.OneToOne
    flipped = card == ast.VectorMatchCardinality.OneToMany
    grouped = flipped or card == ast.VectorMatchCardinality.ManyToOne
    many, one = (right, left) if flipped else (left, right)
    ones = {_key(node, key): key for key in one}
    keys = [_key(node, key) for key in many]
    if len(ones) < len(one) or (
        not grouped and len({*keys} & {*ones}) < sum(k in ones for k in keys)
    ):
        raise PromQLError("several series on one side match one on the other: add sum by (…)")
    for (key, value), common in zip(many.items(), keys, strict=True):
        if common not in ones:
            continue
        other = one[ones[common]]
        labels = common
        if grouped:
            extra = frozenset(p for p in ones[common] if p[0] in (node.modifier.group_labels or ()))
            labels = frozenset(p for p in key if p[0] not in dict(extra)) | extra
        elif filters(node) and not any(_on(node)):
            labels = key
        yield (labels, other, other, value) if flipped else (labels, value, value, other)


def _joined(sign: str, node: Any, left: Vector, right: Vector) -> Vector:
    mine, theirs = ({_key(node, key) for key in side} for side in (left, right))
    if sign == "or":
        more = {key: value for key, value in right.items() if _key(node, key) not in mine}
        return {**left, **more}
    return {key: one for key, one in left.items() if (_key(node, key) in theirs) is (sign == "and")}
