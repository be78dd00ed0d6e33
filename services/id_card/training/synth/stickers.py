"""The flat things that lie in a scene, as cut-out pictures with a real size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from services.id_card.training.synth.drawing import Array, Rng

Draw = Callable[[Rng, int], "Sticker"]


@dataclass(frozen=True)
class Sticker:
    """A cut-out picture of a thing."""

    pixels: Array  # shape (h, w, 4), uint8: colour and opacity, not premultiplied
    thick_mm: float = 0.3  # how far the thing rises over the table; sets the length of its shadow
    gloss: float = 0.0  # how strongly it mirrors a lamp, 0 (paper) to 1 (a laminated card)


@dataclass(frozen=True)
class Thing:
    """A kind of object: how to draw it, and the real length of its long side."""

    draw: Draw
    long_mm: float


def things(sizes: dict[Draw, float]) -> dict[str, Thing]:
    """Return things by the names of the functions that draw them, given their long sides in mm."""
    return {draw.__name__: Thing(draw, long_mm) for draw, long_mm in sizes.items()}
