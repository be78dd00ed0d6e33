"""Card designs that training sees. Each function prints one design on an empty canvas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from services.id_card.training.synth.cards import holder, parts, words
from services.id_card.training.synth.cards.parts import GREY, RED, Style
from services.id_card.training.synth.cards.people import Person
from services.id_card.training.synth.drawing import (
    CARD_RATIO,
    WHITE,
    Canvas,
    chance,
    hsv,
    pick,
    readable_on,
)

Draw = Callable[[Canvas, Person, Style], None]


@dataclass(frozen=True)
class Layout:
    """A card design: how it is drawn and the shape of the card.

    `long_mm` is the real length of the long side in millimetres, `corner` the radius of the
    corners in thousandths of that side.
    """

    draw: Draw
    portrait: bool = False
    ratio: float = CARD_RATIO
    corner: float = 36.0
    long_mm: float = 85.6


def usual(*draws: Draw) -> dict[str, Layout]:
    """Return layouts of a bank card's shape, by the names of the functions that draw them."""
    return {draw.__name__: Layout(draw) for draw in draws}


def header(card: Canvas, style: Style, height: float) -> None:
    """Print the country and the title in a band along the top, mostly a coloured one."""
    solid = chance(card.rng, 0.7)
    if solid:
        card.rect(0, 0, card.width, height, style.dark)
    ink = readable_on(style.dark) if solid else style.dark
    card.text(40, height * 0.72, style.country, height * 0.58, ink, style.bold, card.width * 0.52)
    end, room = card.width - 40, card.width * 0.34
    card.text(end, height * 0.72, style.title, height * 0.4, ink, style.face, room, "rs")


def us_licence(card: Canvas, person: Person, style: Style) -> None:
    """American licence: band on top, photo left, coded data, ghost image lower right."""
    parts.backdrop(card, style)
    header(card, style, 110)
    holder.photo(card, person, 36, 140, 270, 345)
    holder.coded_rows(card, person, 335, 185, 430, 54, style)
    holder.ghost(card, person, 805, 350, 150, 190)
    parts.signature(card, 50, 520, 240, 70)
    if chance(card.rng, 0.5):
        parts.emblem(card, 875, 225, 70, hsv(style.hue, 0.3, 0.8))
    if chance(card.rng, 0.5):
        parts.hologram(card, 520, 260, 260, 260, 0.2)


def eu_licence(card: Canvas, person: Person, style: Style) -> None:
    """European licence: flag of stars, numbered lines, pink or green ground."""
    parts.backdrop(card, style)
    parts.flag(card, 28, 26, 110, 90)
    card.text(165, 74, style.title, 56, style.dark, style.bold, 560)
    card.text(165, 112, style.country, 32, style.dark, style.face, 560)
    holder.photo(card, person, 36, 160, 250, 320)
    holder.numbered_rows(card, person, 315, 205, 470, 56, style)
    parts.signature(card, 60, 505, 220, 80)
    if chance(card.rng, 0.6):
        holder.ghost(card, person, 800, 390, 150, 190)
    if chance(card.rng, 0.5):
        parts.hologram(card, 720, 50, 230, 230, 0.3)


def chip_identity(card: Canvas, person: Person, style: Style) -> None:
    """National identity card with a contact chip on the right."""
    parts.backdrop(card, style)
    header(card, style, 92)
    holder.photo(card, person, 40, 130, 280, 360, pick(card.rng, (0, 20)))
    holder.labelled_rows(card, person, 350, 165, 420, 76, style)
    parts.chip(card, 820, 190, 130)
    parts.flag(card, 820, 500, 130, 86)
    card.text(40, 580, "No. " + person.number, 44, style.ink, style.mono, 460)


def photo_right(card: Canvas, person: Person, style: Style) -> None:
    """National identity card with the photo on the right."""
    parts.backdrop(card, style)
    header(card, style, 104)
    holder.photo(card, person, 690, 135, 270, 340)
    parts.emblem(card, 95, 200, 55, style.dark)
    card.text(175, 215, style.title, 42, style.dark, style.bold, 480)
    holder.labelled_rows(card, person, 50, 290, 600, 62, style)
    if chance(card.rng, 0.6):
        parts.barcode(card, 660, 520, 310, 70)
    else:
        card.text(670, 565, person.number, 46, RED, style.mono, 300)


def mrz_identity(card: Canvas, person: Person, style: Style) -> None:
    """Identity card with a machine-readable zone along the bottom of its front."""
    parts.backdrop(card, style)
    card.text(330, 82, style.country, 50, style.dark, style.bold, 600)
    card.text(330, 122, style.title, 30, style.dark, style.face, 600)
    parts.flag(card, 40, 34, 120, 78)
    holder.photo(card, person, 40, 140, 240, 300)
    holder.labelled_rows(card, person, 330, 165, 420, 60, style)
    lines = pick(card.rng, (2, 3))
    card.rect(0, 450, 1000, 631, (246, 246, 244))
    holder.machine_readable_zone(card, person, 40, 500 if lines == 3 else 545, 920, lines)
    if chance(card.rng, 0.6):
        holder.ghost(card, person, 800, 190, 160, 200)


def asian_identity(card: Canvas, person: Person, style: Style) -> None:
    """East Asian identity card: pale, few large characters, photo right, number below."""
    card.gradient((250, 250, 250), style.light2, 0.8)
    parts.guilloche(card, style.light2, 0.5)
    for row, size in enumerate((44, 36, 36, 34, 34)):
        y = 110 + row * 74
        holder.glyphs(card, 60, y, 2, size * 0.72, hsv(0.58, 0.6, 0.6))
        holder.glyphs(card, 170, y, int(card.rng.integers(2, 9)), size, style.ink)
    number = words.digits(card.rng, 3) + " " + person.number
    card.text(60, 560, number, 52, style.ink, style.mono, 560)
    holder.photo(card, person, 670, 70, 280, 360)
    if chance(card.rng, 0.5):
        parts.emblem(card, 880, 540, 50, RED)


def asian_licence(card: Canvas, person: Person, style: Style) -> None:
    """Asian licence: bilingual, coloured band, photo left under a flag, chip above."""
    parts.backdrop(card, style)
    card.rect(0, 0, card.width, 118, style.dark)
    ink = readable_on(style.dark)
    holder.glyphs(card, 210, 62, 7, 46, ink)
    card.text(210, 104, style.country, 32, ink, style.bold, 520)
    parts.flag(card, 30, 20, 130, 80)
    holder.photo(card, person, 36, 260, 250, 320)
    parts.chip(card, 90, 140, 120)
    holder.coded_rows(card, person, 320, 185, 480, 50, style)
    holder.glyphs(card, 320, 585, 9, 34, style.ink)
    if chance(card.rng, 0.6):
        parts.hologram(card, 760, 330, 200, 200, 0.35)


def code_back(card: Canvas, person: Person, style: Style) -> None:
    """Back of a card: codes, small print and a machine-readable zone, no face."""
    card.gradient(style.light, WHITE)
    if chance(card.rng, 0.6):
        parts.guilloche(card, style.light2, 0.5)
    if chance(card.rng, 0.5):
        card.rect(0, 40, 1000, 150, (30, 30, 34))
    parts.dot_code(card, 60, 185, pick(card.rng, (520, 700)), 140)
    for i in range(4):
        line = f"{i + 10}. {words.address(card.rng)} {person.number}"
        card.text(60, 355 + i * 26, line, 18, GREY)
    if chance(card.rng, 0.5):
        holder.ghost(card, person, 820, 190, 130, 165)
    card.rect(0, 455, 1000, 631, (248, 248, 246))
    holder.machine_readable_zone(card, person, 40, 504, 920, 3)


def code_back_table(card: Canvas, person: Person, style: Style) -> None:
    """Back of a European licence: the table of vehicle classes beside a code."""
    parts.backdrop(card, style)
    for row in range(13):
        y = 40 + row * 36
        card.line([(240, y), (820, y)], style.dark, 2)
        card.text(250, y + 28, pick(card.rng, ("A1", "A", "B", "BE", "C", "D1")), 24, style.ink)
        if chance(card.rng, 0.4):
            card.text(430, y + 28, f"{person.issued}   {person.expires}", 22, style.ink)
    for x in (240, 410, 600, 820):
        card.line([(x, 40), (x, 472)], style.dark, 2)
    parts.dot_code(card, 40, 60, 150, 150, qr=True)
    holder.machine_readable_zone(card, person, 40, 545, 920, 2)


def vertical_badge(card: Canvas, person: Person, style: Style) -> None:
    """Staff or student badge worn upright."""
    parts.backdrop(card, style)
    card.rect(0, 0, card.width, 150, style.dark)
    ink, middle = readable_on(style.dark), card.width / 2
    card.text(middle, 82, style.country, 54, ink, style.bold, 560, "ms")
    card.text(middle, 130, style.title, 34, ink, style.face, 560, "ms")
    holder.photo(card, person, 165, 185, 300, 370, pick(card.rng, (0, 0, 30)))
    card.text(middle, 625, person.given, 54, style.ink, style.bold, 560, "ms")
    card.text(middle, 685, person.surname, 54, style.ink, style.bold, 560, "ms")
    card.text(60, 755, f"DOB {person.born}", 36, style.ink)
    card.text(60, 805, f"EXP {person.expires}", 36, RED)
    parts.barcode(card, 60, 860, 510, 90)
    if chance(card.rng, 0.4):  # the slot for a lanyard
        card.rect(middle - 70, 18, middle + 70, 42, (60, 60, 62), radius=12)


def passport_page(card: Canvas, person: Person, style: Style) -> None:
    """Passport: its data page, larger and less oblong than a card."""
    card.gradient(style.light, style.light2)
    parts.rosette(card, 620, 330, 260, hsv(style.hue, 0.2, 0.84))
    parts.guilloche(card, hsv(style.hue + 0.5, 0.4, 0.7), 0.3)
    card.text(340, 66, style.country, 40, style.dark, style.bold, 600)
    card.text(40, 66, "PASSPORT", 34, style.dark, style.bold, 240)
    holder.photo(card, person, 40, 110, 260, 340)
    holder.labelled_rows(card, person, 340, 130, 470, 74, style)
    holder.ghost(card, person, 820, 300, 140, 180)
    holder.machine_readable_zone(card, person, 40, 590, 920, 2)


def residence_permit(card: Canvas, person: Person, style: Style) -> None:
    """Residence permit: title across, chip over the photo, remarks."""
    parts.backdrop(card, style)
    card.text(300, 70, style.title, 46, style.dark, style.bold, 520)
    card.text(300, 108, style.country, 26, style.dark, style.face, 520)
    parts.chip(card, 60, 40, 120)
    holder.photo(card, person, 40, 165, 240, 310)
    holder.labelled_rows(card, person, 310, 150, 430, 70, style)
    parts.flag(card, 850, 36, 110, 74)
    holder.ghost(card, person, 780, 200, 170, 215)
    card.text(310, 560, "REMARKS: " + person.town, 30, style.ink, style.face, 400)
    parts.signature(card, 60, 510, 210, 80)
    card.text(700, 590, person.number, 40, RED, style.mono, 270)


TRAINING_LAYOUTS = {
    "vertical_badge": Layout(vertical_badge, portrait=True),
    "passport_page": Layout(passport_page, ratio=0.704, corner=24, long_mm=125.0),
} | usual(
    us_licence, eu_licence, chip_identity, photo_right, mrz_identity, asian_identity,
    asian_licence, code_back, code_back_table, residence_permit,
)  # fmt: skip
