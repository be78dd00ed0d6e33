"""Card designs that nobody drew: bands, a photo, data and symbols wherever they fit.

With a dozen fixed designs a detector learns those by heart and leaves out, say, a dark
stripe it has never met. Most training cards therefore come from here: what all of them
share is what makes something an identity card.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from services.id_card.training.synth.cards import holder, parts
from services.id_card.training.synth.cards.layouts import Layout
from services.id_card.training.synth.cards.parts import RED, Style
from services.id_card.training.synth.cards.people import Person
from services.id_card.training.synth.drawing import (
    WHITE,
    Canvas,
    any_colour,
    chance,
    hsv,
    pick,
    readable_on,
    scaled,
)
from services.id_card.training.synth.fonts import SANS

Box = tuple[float, float, float, float]  # left, top, right, bottom


def random_card(card: Canvas, person: Person, style: Style) -> None:
    """Print a design made up on the spot."""
    style = _sometimes_dark(card, style)
    _ground(card, style)
    area = _blank_margin(card, _bands(card, person, style))
    plan = _Plan(card, area)
    _portrait(card, person, plan)
    _data(card, person, style, plan)
    _symbols(card, person, style, plan)


class _Plan:
    """Keeps track of which parts of an area are taken."""

    def __init__(self, card: Canvas, area: Box) -> None:
        self.rng = card.rng
        self.area = area
        self.taken: list[Box] = []

    @property
    def size(self) -> tuple[float, float]:
        return self.area[2] - self.area[0], self.area[3] - self.area[1]

    def claim(self, x: float, y: float, width: float, height: float) -> None:
        self.taken.append((x, y, x + width, y + height))

    def place(self, width: float, height: float) -> tuple[float, float] | None:
        """Find a free spot for a box, or None after a few tries."""
        left, top, right, bottom = self.area
        if width > right - left - 20 or height > bottom - top - 16:
            return None
        for _ in range(18):
            x = float(self.rng.uniform(left + 10, right - width - 10))
            y = float(self.rng.uniform(top + 8, bottom - height - 8))
            if not any(
                x < x1 and x0 < x + width and y < y1 and y0 < y + height
                for x0, y0, x1, y1 in self.taken
            ):
                self.claim(x, y, width, height)
                return x, y
        return None


def _sometimes_dark(card: Canvas, style: Style) -> Style:
    if not chance(card.rng, 0.1):
        return style
    deep, deeper = scaled(style.dark, 0.8), hsv(style.hue, 0.5, 0.35)
    return replace(style, dark=style.light, light=deep, light2=deeper, ink=(240, 240, 236))


def _ground(card: Canvas, style: Style) -> None:
    rng = card.rng
    if chance(rng, 0.75):
        parts.backdrop(card, style)
    else:
        card.gradient(WHITE, style.light)
    if chance(rng, 0.25):
        place = (card.width * rng.uniform(0.3, 0.8), card.height * rng.uniform(0.3, 0.7))
        parts.emblem(card, *place, rng.uniform(100, 260), parts.tinted(style, 0.12))


def _bands(card: Canvas, person: Person, style: Style) -> Box:
    """Print zero to three bands along the edges; return what is left in the middle."""
    rng = card.rng
    left_over = [0.0, 0.0, card.width, card.height]
    count = int(rng.choice(4, p=[0.12, 0.4, 0.35, 0.13]))
    for side in rng.permutation(4)[:count]:  # left, top, right, bottom
        low, high = (0.08, 0.34) if side % 2 else (0.05, 0.26)
        thick = (card.height if side % 2 else card.width) * rng.uniform(low, high)
        inner = left_over[side] + (thick if side < 2 else -thick)
        band = left_over.copy()
        band[(side + 2) % 4] = inner
        _print_band(card, person, style, band, level=bool(side % 2))
        left_over[side] = inner
    left, top, right, bottom = left_over
    return left, top, right, bottom


def _blank_margin(card: Canvas, area: Box) -> Box:
    """Leave one side of the middle unprinted now and then: the card does not end at its print."""
    rng = card.rng
    if not chance(rng, 0.2):
        return area
    x0, y0, x1, y1 = area
    across, down = (rng.uniform(0.1, 0.3) * side for side in (x1 - x0, y1 - y0))
    return pick(rng, ((x0 + across, y0, x1, y1), (x0, y0 + down, x1, y1),
                      (x0, y0, x1 - across, y1), (x0, y0, x1, y1 - down)))  # fmt: skip


def _print_band(
    card: Canvas, person: Person, style: Style, band: Sequence[float], level: bool
) -> None:
    rng = card.rng
    x0, y0, x1, y1 = band
    width, height = x1 - x0, y1 - y0
    fill = pick(rng, (style.dark, style.dark, any_colour(rng), (247, 247, 245)))
    ink = readable_on(fill)
    if chance(rng, 0.85):
        card.rect(x0, y0, x1, y1, fill)
    else:
        ink = style.dark  # no band after all, only its words
    if chance(rng, 0.2):
        return  # a plain band is a part of the card too
    text = pick(rng, (style.country, style.country, style.title, person.number, person.surname))
    if not level:
        if chance(rng, 0.7):
            size = min(width * 0.6, 70)
            card.upright_text(x0 + width * 0.2, y0 + 20, height - 40, text, size, ink, style.bold)
        return
    if height > 95 and chance(rng, 0.4):
        holder.machine_readable_zone(card, person, x0 + 30, y0 + height * 0.45, width - 60, 2, ink)
        return
    indent = rng.uniform(20, 0.3 * width)
    card.text(x0 + indent, y0 + 0.7 * height, text, 0.56 * height, ink, style.bold, width * 0.6)
    if chance(rng, 0.4):
        card.text(x1 - 25, y0 + 0.7 * height, style.title, 0.34 * height, ink, style.face,
                  max(60.0, width * 0.36 - indent * 0.4), "rs")  # fmt: skip
    if indent > 150 and height > 70 and chance(rng, 0.7):
        parts.flag(card, x0 + 20, y0 + height * 0.15, min(indent - 40, height), height * 0.7)


def _portrait(card: Canvas, person: Person, plan: _Plan) -> None:
    rng = card.rng
    x0, y0, _, _ = plan.area
    area_width, area_height = plan.size
    flush = chance(rng, 0.12)  # printed to the very edge
    gap = 0.0 if flush else rng.uniform(14, 40)
    largest = area_height if card.width > card.height else 0.55 * area_height
    height = min(rng.uniform(0.52, 1.0) * largest, largest - 2 * gap, 440.0)
    width = min(height * rng.uniform(0.7, 0.92), 0.6 * area_width)
    across = pick(rng, (0.0, 0.0, 0.0, 1.0, 1.0, float(rng.random())))
    down = pick(rng, (0.0, 1.0, float(rng.random()), float(rng.random())))
    x = x0 + gap + max(0.0, area_width - width - 2 * gap) * across
    y = y0 + gap + max(0.0, area_height - height - 2 * gap) * down
    holder.photo(card, person, x, y, width, height, 0 if flush else pick(rng, (0, 0, 0, 25, 70)))
    plan.claim(x - 8, y - 8, width + 16, height + 16)


def _data(card: Canvas, person: Person, style: Style, plan: _Plan) -> None:
    rng = card.rng
    kind = pick(rng, tuple(holder.ROWS))
    rows = {"numbered": 7, "coded": 8, "labelled": 5}[kind]
    area_width, _ = plan.size
    step = rng.uniform(36, 66) * (1.3 if kind == "labelled" else 1.0)
    for shrink in (1.0, 0.8, 0.62, 0.46):
        width = area_width * (0.5 if shrink > 0.6 else 0.4)
        spot = plan.place(width, rows * step * shrink)
        if spot is not None:
            x, y = spot[0], spot[1] + step * shrink * 0.6
            if chance(rng, 0.12):
                for row in range(rows):
                    line = y + row * step * shrink
                    holder.glyphs(
                        card, x, line, int(rng.integers(3, 9)), step * shrink * 0.6, style.ink
                    )
            else:
                dressed = replace(style, face=pick(rng, SANS))
                holder.ROWS[kind](card, person, x, y, width, step * shrink, dressed)
            return


def _symbols(card: Canvas, person: Person, style: Style, plan: _Plan) -> None:
    """Add two to seven symbols where there is room."""
    rng = card.rng
    n = float(rng.uniform(60, 135))
    choices: list[tuple[float, float, Callable[[float, float], None]]] = [
        (n * 1.4, n, lambda x, y: parts.flag(card, x, y, n * 1.4, n)),
        (n, n, lambda x, y: parts.emblem(card, x + n / 2, y + n / 2, n / 2, style.dark)),
        (n * 1.2, n, lambda x, y: parts.chip(card, x, y, n * 1.2)),
        (n * 3, n * 0.6, lambda x, y: parts.barcode(card, x, y, n * 3, n * 0.6)),
        (n * 1.7, n * 1.7, lambda x, y: parts.dot_code(card, x, y, n * 1.7, n * 1.7, qr=True)),
        (n * 3, n, lambda x, y: parts.dot_code(card, x, y, n * 3, n)),
        (n * 1.3, n * 1.7, lambda x, y: holder.ghost(card, person, x, y, n * 1.3, n * 1.7)),
        (n * 1.3, n * 1.7, lambda x, y: holder.ghost(card, person, x, y, n * 1.3, n * 1.7)),
        (n * 2, n * 0.7, lambda x, y: parts.signature(card, x, y, n * 2, n * 0.7)),
        (n * 3, n * 0.5, lambda x, y: card.text(x, y + n * 0.45, person.number, n * 0.5, RED,
                                                style.mono, n * 3)),
        (n * 4, n * 0.5, lambda x, y: card.text(x, y + n * 0.45, style.title, n * 0.5, style.dark,
                                                style.bold, n * 4)),
        (n * 2, n * 2, lambda x, y: parts.hologram(card, x, y, n * 2, n * 2, 0.3)),
        (n * 2, n, lambda x, y: holder.glyphs(card, x, y + n * 0.6, 4, n * 0.45, style.ink)),
    ]  # fmt: skip
    for i in rng.permutation(len(choices))[: int(rng.integers(2, 8))]:
        width, height, draw = choices[i]
        spot = plan.place(width, height)
        if spot is not None:
            draw(*spot)


RANDOM_LAYOUTS: dict[str, Layout] = {
    "random_landscape": Layout(random_card),
    "random_portrait": Layout(random_card, portrait=True),
    "random_large": Layout(random_card, ratio=0.7, corner=26, long_mm=105.0),
}
