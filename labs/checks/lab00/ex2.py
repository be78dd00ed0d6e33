"""lab00.ex2: which boxes are right."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from labs.checks import pure_functions
from labs.engine import Context
from services.id_card.detector import Detection
from services.id_card.training.metrics import overlaps

Box = tuple[float, float, float, float]


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Compare ``judge(found, cards)`` on scenes; in each, another property of the rule matters."""
    cases = list(_scenes(context))
    pure_functions.compare(
        context,
        answer,
        cases,
        _judge,
        what="judge(found, cards)",
        where=_described,
        wrong=_WRONG,
        tolerance=1e-6,
    )
    context.note(images=len(cases))


# Cards, then boxes as (rank of the confidence, place) or (rank, place, width); places and widths in
# card widths. A box that is r card widths beside a card overlaps it by (1 - r) / (1 + r).
_SCENES: list[tuple[str, list[float], list[tuple[float, ...]]]] = [
    ("four boxes on one card, one on another, none on the third", [0, 4, 8],
     [(3, 0.08), (5, 0.15), (2, -0.05), (1, 0.12), (4, 4.1)]),
    ("two boxes with the same edges", [0, 4], [(1, 0.05), (2, 0.05)]),
    ("two cards that overlap", [0, 0.4], [(1, 0.04), (2, 0.28)]),
    ("two cards that overlap", [0, 0.4], [(1, 0.28), (2, 0.38)]),
    ("two cards that overlap", [0, 0.5], [(1, -0.1), (2, 0.2)]),
    ("a box on less than half a card, with more confidence than the right one", [0, 4],
     [(1, 0.1), (2, 0.45)]),
    ("a box of exactly half a card, and two of a little less", [0, 4, 8],
     [(1, 0, 0.5), (3, 4, 0.496), (2, 8, 0.48)]),
    ("many cards, two of them nearly the same, few boxes", [0, 0.2, 8, 12, 16, 20, 24],
     [(3, 8.1), (1, 0.04), (2, 30), (4, 0.2)]),
    ("an image without boxes", [0, 4], []),
    ("an image without cards", [], [(1, 0), (2, 4)]),
    ("an image without boxes and without cards", [], []),
]  # fmt: skip


def _scenes(context: Context) -> Iterator[pure_functions.Case]:
    draw = context.random
    scenes = [*_SCENES, *[("several cards", *_several(context)) for _ in range(3)]]
    for number, (about, cards, boxes) in enumerate(scenes):
        width, height = 100.0 * draw.randint(1, 3), float(draw.randint(60, 200))
        left, top = float(draw.randint(5, 90)), float(draw.randint(5, 90))

        def box(place: float, wide: float = 1.0) -> Box:
            x = left + place * width  # noqa: B023
            return x, top, x + wide * width, top + height  # noqa: B023

        # Every other scene: so near to each other that rounding would exchange them.
        lowest, parts = ((0.07, 10_000), (0.02, 50), (0.9, 10_000), (0.2, 50))[number % 4]
        sure = sorted(draw.sample(range(1, 40), len(boxes)))
        found = [
            Detection("id_card", 0, lowest + sure[int(rank) - 1] / parts, box(*place))
            for rank, *place in boxes
        ]
        yield about, found, [box(place) for place in cards]


def _several(context: Context) -> tuple[list[float], list[tuple[float, ...]]]:
    """Return random cards, two of which overlap, and boxes that fit more or less."""
    draw = context.random
    columns = draw.randint(2, 4)
    cards = [4.0 * column for column in range(columns)] + [0.35]
    places = [
        4 * column + draw.uniform(-0.45, 0.45)
        for column in range(columns + 1)  # the last of them has no card
        for _ in range(draw.randint(1, 3))
    ]
    ranks = draw.sample(range(1, len(places) + 1), len(places))
    return draw.sample(cards, len(cards)), list(zip(ranks, places, strict=True))


def _described(about: str, found: Sequence[Detection], cards: Sequence[Box]) -> str:
    """Return the confidences and overlaps: all that the answer depends on."""
    if not found or not cards:
        return about
    rows = []
    for one in found:
        shared = ", ".join(f"{_overlap(one.box, card):.3f}" for card in cards)
        rows.append(f"{one.confidence:.4f} with [{shared}]")
    return f"{about}; each box's confidence and its overlaps with the cards: {', '.join(rows)}"


def _overlap(box: Box, card: Box) -> float:
    return float(overlaps(np.array([box], float), np.array([card], float))[0, 0])


def _judge(
    found: Sequence[Detection],
    cards: Sequence[Box],
    *,
    order: Callable[[Detection], float] = lambda one: -one.confidence,
    least: float = 0.5,
    claims: bool = True,
    in_order: bool = False,
    without: float | None = 1.0,
) -> dict[str, Any]:
    """Return what ``judge`` should; each option makes a mistake."""
    free, right = list(cards), [False] * len(found)
    chosen = sorted(range(len(found)), key=lambda n: order(found[n]))
    for n in chosen:
        shared = [_overlap(found[n].box, card) for card in free]
        if shared and max(shared) >= least:
            right[n] = True
            if claims:
                free.pop(shared.index(max(shared)))

    def share(total: int) -> float:
        return sum(right) / total if total or without is None else without

    return {
        "right": [right[n] for n in chosen] if in_order else right,
        "precision": share(len(found)),
        "recall": share(len(cards)),
    }


_WRONG: pure_functions.Wrong = [
    ("twice", partial(_judge, claims=False)),
    ("order", partial(_judge, order=lambda one: 0)),
    ("other_order", partial(_judge, in_order=True)),
    ("strict", partial(_judge, least=math.nextafter(0.5, 1))),
    ("empty", partial(_judge, without=None)),
    ("empty", partial(_judge, without=0.0)),
]
