"""lab00.ex1: How much two boxes overlap."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from labs.checks import pure_functions
from labs.engine import Context

Box = tuple[float, float, float, float]


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Compare ``iou(a, b)`` for every way in which two boxes can lie, in four units."""
    cases = list(_pairs(context))
    pure_functions.compare(
        context,
        answer,
        cases,
        _iou,
        what="iou(a, b)",
        where=lambda about, a, b: f"{about}: a = {a}, b = {b}",
        wrong=_WRONG,
        tolerance=3e-6,
    )
    context.note(pairs_of_boxes=len(cases))


def _pairs(context: Context) -> list[pure_functions.Case]:
    """Return pairs of boxes: each relation of two intervals in x with each in y.

    There are 13: before, touching, overlapping, inside, the same, and so on (Allen's relations).
    Where the last line is far from the others, a small box can lie inside a very large one.
    """
    relations: dict[tuple[bool, ...], tuple[tuple[int, int], tuple[int, int]]] = {}
    intervals = list(itertools.combinations(range(4), 2))
    for pair in itertools.product(intervals, intervals):
        order = [(p > q, p == q) for p in pair[0] for q in pair[1]]
        relations.setdefault(tuple(itertools.chain(*order)), pair)
    # The plainest overlap first: its message is the easiest to read.
    ways = sorted(
        relations.values(), key=lambda pair: (_gap(*pair) >= 0, -len({*pair[0], *pair[1]}))
    )
    grids = {
        "in pixels": _lines(context, (4, 900, 1800, 3300), 600, 1),
        "in quarters of a pixel, partly outside the image": _lines(
            context, (-90, -9, 5, 60), 10, 4
        ),
        "in fractions of the image size": _lines(
            context, (0.002, 0.012, 0.022, 0.93), 0.004, 10_000
        ),
        "in pixels of a very large image": _lines(context, (4, 900, 1800, 70_000), 600, 1),
    }
    cases = []
    for unit, (xs, ys) in grids.items():
        for (a, b), (c, d) in itertools.product(ways, ways):
            one: Box = (xs[a[0]], ys[c[0]], xs[a[1]], ys[c[1]])
            other: Box = (xs[b[0]], ys[d[0]], xs[b[1]], ys[d[1]])
            cases.append((f"{_relation(one, other)}, {unit}", one, other))
    return cases


def _gap(one: tuple[int, int], other: tuple[int, int]) -> int:
    """Return the distance between two intervals; below 0 if they overlap."""
    return max(one[0], other[0]) - min(one[1], other[1])


def _lines(
    context: Context, starts: tuple[float, ...], spread: float, parts: int
) -> tuple[list[float], list[float]]:
    """Return four lines for x and for y, each up to *spread* above its start."""

    def near(start: float) -> float:
        value = round(start * parts) + context.random.randrange(round(spread * parts))
        return value if parts == 1 else value / parts

    return [near(start) for start in starts], [near(start) for start in starts]


def _relation(a: Box, b: Box) -> str:
    width, height = _sides(a, b)
    if width > 0 and height > 0:
        return "overlapping"
    return "touching" if min(width, height) == 0 else "apart"


def _sides(a: Box, b: Box) -> tuple[float, float]:
    """Return the width and height of the intersection; below 0 where the boxes lie apart."""
    return min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _iou(a: Box, b: Box) -> float:
    width, height = _sides(a, b)
    return _share(max(width, 0) * max(height, 0), a, b)


def _share(shared: float, a: Box, b: Box) -> float:
    return shared / (_area(a) + _area(b) - shared)


def _plus_one(a: Box, b: Box) -> float:
    a, b = (*a[:2], a[2] + 1, a[3] + 1), (*b[:2], b[2] + 1, b[3] + 1)
    return _iou(a, b)


def _divided_by(area: Callable[[Box, Box], float]) -> Callable[[Box, Box], float]:
    """Return a function that divides the intersection by something other than the union."""

    def wrong(a: Box, b: Box) -> float:
        width, height = _sides(a, b)
        return max(width, 0) * max(height, 0) / area(a, b)

    return wrong


def _corner_and_sides(a: Box, b: Box) -> float:
    """Read the last two numbers of a box as its width and height."""
    a, b = ((x, y, x + width, y + height) for x, y, width, height in (a, b))
    return _iou(a, b)


def _not_cut(a: Box, b: Box) -> float:
    width, height = _sides(a, b)
    return _share(width * height, a, b)


def _cut_late(a: Box, b: Box) -> float:
    width, height = _sides(a, b)
    return _share(max(width * height, 0), a, b)


_WRONG: pure_functions.Wrong = [
    ("plus_one", _plus_one),
    ("sum", _divided_by(lambda a, b: _area(a) + _area(b))),
    ("one_box", _divided_by(lambda a, b: min(_area(a), _area(b)))),
    ("one_box", _divided_by(lambda a, b: max(_area(a), _area(b)))),
    ("one_box", _divided_by(lambda a, b: _area(a))),
    ("one_box", _divided_by(lambda a, b: _area(b))),
    ("sides", _corner_and_sides),
    ("negative", _not_cut),
    ("negative", _cut_late),
]
