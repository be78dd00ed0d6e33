"""Which confidence serves: the one whose mistakes cost least on the validation split.

A threshold trades cards that are missed for boxes where no card is. What that trade is worth is a
decision, not a measurement; it is made here, in one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.id_card.training.metrics import ImageScore

FALSE_ALARM_COST = 1.0
"""Cost of a box on an image without a card, in missed cards: as much as one.

Images with a card and without are taken to be equally common. A service in which people
check every box would set it lower, one that acts on every box higher.
"""
CANDIDATES = tuple(round(float(c), 2) for c in np.arange(0.2, 0.901, 0.05))
"""Confidences to choose from; finer steps would only fit these scenes' noise."""


@dataclass(frozen=True)
class Operating:
    """What one threshold does."""

    conf: float  # boxes of a higher confidence are served, 0 to 1
    missed: float  # share of the cards that no served box finds
    alarms: float  # share of the images without a card that get a box

    @property
    def cost(self) -> float:
        """Mean cost per image, in missed cards a card, of equally many images of both kinds."""
        return self.missed + FALSE_ALARM_COST * self.alarms


def choose(
    with_cards: Sequence[ImageScore], without: Sequence[ImageScore]
) -> tuple[Operating, list[Operating]]:
    """Choose the threshold with the lowest cost.

    Of equally cheap ones it is the highest, which has fewer false alarms. Return it and all of
    :data:`CANDIDATES`. Raises ValueError if there is no card, or no image without one, or a card in
    an image that is to have none.
    """
    truths = sum(image.truths for image in with_cards)
    if not truths or not without or any(image.truths for image in without):
        raise ValueError("choosing a threshold takes images with cards, and images without any")
    points = [
        Operating(
            conf,
            sum(image.misses(conf) for image in with_cards) / truths,
            sum(image.false_alarms(conf) > 0 for image in without) / len(without),
        )
        for conf in CANDIDATES
    ]
    return min(points, key=lambda point: (round(point.cost, 9), -point.conf)), points


def table(chosen: tuple[Operating, list[Operating]]) -> str:
    """Write the curve and the choice as text."""
    best, points = chosen
    rows = [
        f"{point.conf:<12.2f}{point.missed:<16.1%}{point.alarms:<16.1%}{point.cost:.3f}"
        + ("  <- least cost" if point == best else "")
        for point in points
    ]
    return "\n".join(
        [
            f"{'confidence':<12}{'cards missed':<16}{'false alarms':<16}cost",
            *rows,
            f"A false alarm costs as much as {FALSE_ALARM_COST:g} missed card(s).",
        ]
    )
