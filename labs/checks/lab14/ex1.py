"""lab14.ex1: Eight bits by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from labs.checks import pure_functions
from labs.engine import Context


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Compare ``quantise(values, low, high)`` for values within and outside several ranges."""
    cases = list(_cases(context))
    pure_functions.compare(
        context,
        answer,
        cases,
        _quantise,
        what="quantise(values, low, high)",
        where=lambda about, values, low, high: f"{about}; the range is {low} to {high}",
        wrong=_WRONG,
        tolerance=1e-12,
    )
    numbers = context.plain(answer(*cases[0][1:]))
    for n in (numbers[1], *numbers[2]):
        said = f"a {type(n).__name__}; an integer was expected"
        context.expect(type(n) is int, f"{n} among the zero point and the values is {said}.")
    context.note(ranges=len(cases))


def _cases(context: Context) -> Iterator[pure_functions.Case]:
    draw = context.random
    for _ in range(2):
        for about, low, high in (
            ("a range around 0", draw.uniform(-9, -1), draw.uniform(2, 9)),
            ("only positive values", 0.0, draw.uniform(1, 9)),
            ("a range above 0", draw.uniform(1, 2), draw.uniform(3, 9)),
            ("a range below 0", draw.uniform(-9, -3), draw.uniform(-2, -1)),
            ("a narrow range", draw.uniform(-0.02, -0.01), draw.uniform(0.01, 0.02)),
        ):
            low, high = round(low, 3), round(high, 3)
            width = high - low
            inside = [draw.uniform(low, high) for _ in range(6)]
            yield about, [0.0, low, high, *inside], low, high
            far = [low - 2 * width, high + draw.uniform(0.3, 0.6) * width, high + 3 * width]
            yield f"{about}, values outside it", [*inside, *far], low, high
    for width in (1.0, 2.0, 4.0, 8.0):  # the rounded zero point and the rounded end sum to 256
        yield "a range that is symmetric", [-width, 0.0, width, 2 * width], -width, width
    ties = [n + 0.5 for n in range(-5, 9)]
    for low in (0.0, -1.0):
        yield "a scale of 1, values halfway between two integers", ties, low, low + 255


def _quantise(
    values: list[float],
    low: float,
    high: float,
    *,
    widen: bool = True,
    wrap: bool = False,
    to_integer: Callable[[float], int] = round,
    steps: int = 255,
    first: int = 0,
) -> list[Any]:
    """Return what ``quantise`` should; each option makes a mistake."""
    if widen:
        low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / steps
    zero = to_integer(-low / scale) + first
    numbers = [to_integer(value / scale) + zero for value in values]
    last = first + 255
    integers = [n % 256 if wrap else min(max(n, first), last) for n in numbers]
    return [scale, zero, integers]


_WRONG: pure_functions.Wrong = [
    ("no_zero", partial(_quantise, widen=False)),
    ("wraps", partial(_quantise, wrap=True)),
    ("truncates", partial(_quantise, to_integer=int)),
    ("truncates", partial(_quantise, to_integer=math.floor)),
    ("steps", partial(_quantise, steps=256)),
    ("signed", partial(_quantise, first=-128)),
]
