"""From a layout to a finished card: printed, worn and cut out."""

from __future__ import annotations

from services.id_card.training.synth.cards.layouts import TRAINING_LAYOUTS, Layout
from services.id_card.training.synth.cards.layouts_held_out import HELD_OUT_LAYOUTS
from services.id_card.training.synth.cards.parts import random_style
from services.id_card.training.synth.cards.people import random_person
from services.id_card.training.synth.cards.random_layout import RANDOM_LAYOUTS
from services.id_card.training.synth.drawing import Canvas, Rng, chance, noise, pick
from services.id_card.training.synth.stickers import Sticker

LAYOUTS: dict[str, Layout] = {**TRAINING_LAYOUTS, **RANDOM_LAYOUTS, **HELD_OUT_LAYOUTS}


def draw_card(rng: Rng, name: str, pixels: int) -> Sticker:
    """Draw an identity card of the layout *name*, with rounded, transparent corners.

    *pixels* is the length of its long side, at least 16 (else ValueError). *rng* decides on the
    holder, the colours and everything that a layout leaves open.
    """
    layout = LAYOUTS[name]
    if pixels < 16:
        raise ValueError(f"a card needs at least 16 pixels, got {pixels}")
    card = Canvas(rng, pixels, layout.portrait, layout.ratio)
    # A portrait takes about a third of the card, so finer drawing would be thrown away.
    layout.draw(card, random_person(rng, int(pixels * 0.36)), random_style(rng))
    _wear(card)
    _bevel(card, layout.corner)
    return Sticker(card.finish(layout.corner), thick_mm=0.8, gloss=float(rng.uniform(0.3, 1.0)))


def _wear(card: Canvas) -> None:
    """Fade the print a little and scratch the surface."""
    rng = card.rng
    if chance(rng, 0.35):
        faded = pick(rng, ((255, 255, 255), (225, 220, 205), (120, 120, 120)))
        card.blend(faded, rng.uniform(0.03, 0.2))
    if chance(rng, 0.2):
        for _ in range(int(rng.integers(1, 6))):
            x, y = rng.uniform(0, card.width), rng.uniform(0, card.height)
            reach = rng.uniform(-160, 160, 2)
            card.line([(x, y), (x + reach[0], y + reach[1])], (235, 235, 238), 1)
    if chance(rng, 0.25):
        height, width = card.shape
        dirt = noise(rng, height, width, max(height, width) / 3)
        card.blend((60, 52, 40), 0.3 * dirt * rng.random())


def _bevel(card: Canvas, corner: float) -> None:
    """Draw the cut edge of the plastic: a pale rim, or a printed border."""
    rng = card.rng
    rim = 2.0 / card.unit if card.unit > 0.25 else 1.0 / card.unit
    if chance(rng, 0.45):
        tone = int(rng.integers(190, 252))
        card.rect(0, 0, card.width - 1, card.height - 1, None, (tone, tone, tone), rim, corner)
    elif chance(rng, 0.25):
        inset = rng.uniform(10, 26)
        card.rect(inset, inset, card.width - inset, card.height - inset, None, (240, 240, 240),
                  rng.uniform(4, 14), corner * 0.6)  # fmt: skip
