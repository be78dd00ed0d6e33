"""Near misses: printed like an identity card, yet something is always missing.

They are printed on the same grounds, with the same bands, emblems and codes as the identity
cards of training, so that none of these gives an identity card away. A club or customer card has a
name and a number but no portrait; a fan card, a poster or a telephone's screen has a face but no
holder's data. For the rest of the rule see :mod:`.cards`.
"""

from __future__ import annotations

from collections.abc import Callable

from services.id_card.training.synth.cards import holder, parts, words
from services.id_card.training.synth.cards.parts import GREY
from services.id_card.training.synth.drawing import (
    BLACK,
    WHITE,
    Canvas,
    Colour,
    Rng,
    any_colour,
    chance,
    pick,
    readable_on,
)
from services.id_card.training.synth.fonts import BOLD, MONO, SANS, SCRIPT
from services.id_card.training.synth.negatives.paper import picture, scenery, till_code
from services.id_card.training.synth.stickers import Sticker, things

_CLUBS = (
    "GYM", "ROWING CLUB", "CHESS UNION", "FITNESS", "SWIM", "TENNIS 04", "ZOO", "OPERA FRIENDS",
    "CYCLISTS", "PHARMACY", "FUEL POINTS", "SUPERMARKET", "PARKING", "CINEMA PASS", "BIKE SHARE",
)  # fmt: skip
_LEVELS = ("GOLD", "SILVER", "PREMIUM", "STUDENT", "FAMILY", "BASIC", "VIP", "BONUS", "PLUS")


def _stripe(card: Canvas, fill: Colour, title: str, face: str) -> tuple[float, float]:
    """Print a level band with words on some edge; return the free heights, top and bottom."""
    rng, thick = card.rng, card.height * card.rng.uniform(0.12, 0.34)
    low = chance(rng, 0.35)
    top = card.height - thick if low else 0.0
    if chance(rng, 0.3):  # slanted
        slant = thick * rng.uniform(-0.35, 0.35)
        inner = top if low else thick
        edge = card.height if low else 0.0
        card.polygon([(0, edge), (card.width, edge), (card.width, inner + slant),
                      (0, inner - slant)], fill)  # fmt: skip
    else:
        card.rect(0, top, card.width, top + thick, fill)
    card.text(rng.uniform(30, 120), top + thick * 0.68, title, thick * 0.5, readable_on(fill),
              face, card.width * rng.uniform(0.5, 0.85))  # fmt: skip
    return (0.0, top) if low else (thick, card.height)


def club_card(rng: Rng, pixels: int) -> Sticker:
    """Membership: club, name, number and a code on an identity card's ground, no portrait."""
    card = Canvas(rng, pixels, chance(rng, 0.15), rng.uniform(0.6, 0.67))
    style = parts.random_style(rng)
    if chance(rng, 0.6):
        parts.backdrop(card, style)
    else:
        card.gradient(style.light, any_colour(rng))
    top, bottom, ink = 0.0, card.height, style.ink
    title = f"{pick(rng, _CLUBS)} {pick(rng, _LEVELS)}" if chance(rng, 0.4) else pick(rng, _CLUBS)
    if chance(rng, 0.75):
        fill = pick(rng, (style.dark, any_colour(rng)))
        top, bottom = _stripe(card, fill, title, style.bold)
    else:
        card.text(50, 105, title, 84, style.dark, style.bold, card.width * 0.7)
        top = 120.0
    room, left = bottom - top, rng.uniform(40, 0.4 * card.width)
    rows = [words.full_name(rng), "No. " + words.document_number(rng),
            "since " + words.date(rng, 1999, 2025), pick(rng, words.PHRASES),
            words.digits(rng, 12)]  # fmt: skip
    count, size = int(rng.integers(1, 5)), rng.uniform(0.09, 0.15) * room
    for i, which in enumerate(rng.permutation(len(rows))[:count]):
        face = pick(rng, (style.face, style.bold, style.mono))
        card.text(left, top + room * 0.2 + i * size * 1.5, rows[which], size, ink, face,
                  card.width * 0.92 - left)  # fmt: skip
    if chance(rng, 0.75):
        till_code(card, rng.uniform(30, 0.5 * card.width), top + room * rng.uniform(0.6, 0.74),
              room * rng.uniform(0.14, 0.24))  # fmt: skip
    for draw in _marks(card, style.dark, top, room)[: int(rng.integers(0, 3))]:
        draw()
    return Sticker(card.finish(36), 0.8, float(rng.uniform(0.3, 1.0)))


def _marks(card: Canvas, colour: Colour, top: float, room: float) -> list[Callable[[], None]]:
    """Return the symbols of a club or customer card, in a random order."""
    rng = card.rng
    x, y = card.width * rng.uniform(0.62, 0.9), top + room * rng.uniform(0.25, 0.75)
    size = room * rng.uniform(0.12, 0.26)
    marks: list[Callable[[], None]] = [
        lambda: parts.emblem(card, x, y, size, colour),
        lambda: parts.chip(card, card.width * 0.08, top + room * 0.3, size * 1.3),
        lambda: parts.signature(card, x - size, y, size * 2.4, size, BLACK),
        lambda: parts.hologram(card, x - size, y - size, size * 2, size * 2, 0.4),
        lambda: card.disc(x, y, size, any_colour(rng)),
        lambda: parts.flag(card, x - size, y - size / 2, size * 1.5, size),
        lambda: card.paste(scenery(rng, 60, 60), x - size, y - size, 2 * size, 2 * size),
    ]
    return [marks[i] for i in rng.permutation(len(marks))]


def picture_card(rng: Rng, pixels: int) -> Sticker:
    """Bank or shop card whose whole ground is a picture, with a logo and a number over it."""
    card = Canvas(rng, pixels, chance(rng, 0.2))
    card.paste(picture(rng, int(pixels * 0.6), 0.45), 0, 0, card.width, card.height)
    if chance(rng, 0.5):
        card.blend(any_colour(rng), rng.uniform(0.1, 0.5))
    ink, face = pick(rng, (WHITE, BLACK)), pick(rng, BOLD + SCRIPT)
    card.text(60, 120, pick(rng, (*words.SHOPS, *_LEVELS)), 84, ink, face, card.width - 120)
    if chance(rng, 0.5):
        parts.chip(card, 70, card.height * 0.36, 120)
    if chance(rng, 0.7):
        number = " ".join(words.digits(rng, 4) for _ in range(4))
        card.text(60, card.height * 0.8, number, 66, ink, pick(rng, MONO), card.width - 120)
    if chance(rng, 0.4):
        card.rect(card.width - 240, card.height - 140, card.width - 50, card.height - 50, WHITE)
    return Sticker(card.finish(36), 0.8, 0.8)


def pass_sheet(rng: Rng, pixels: int) -> Sticker:
    """Boarding or rail pass as one prints it at home or keeps it upright: fields in columns."""
    card = Canvas(rng, pixels, chance(rng, 0.6), rng.uniform(0.4, 0.7), WHITE)
    wide, high, tone = card.width, card.height, any_colour(rng)
    if chance(rng, 0.7):
        card.rect(0, 0, wide, high * 0.14, tone)
    title = pick(rng, ("BOARDING", "RAIL PASS", "FERRY", "COACH", "MOBILE TICKET"))
    card.text(35, high * 0.1, title, high * 0.06, readable_on(tone), pick(rng, BOLD), wide * 0.7)
    columns = int(rng.integers(2, 4))
    captions = ("Passenger", "From", "To", "Date", "Gate", "Seat", "Class", "Coach", "Flight")
    for i in range(int(rng.integers(4, 9))):
        x, y = 35 + (i % columns) * wide / columns, high * (0.24 + 0.13 * (i // columns))
        card.text(x, y, pick(rng, captions), 26, GREY, width=wide / columns - 40)
        value = pick(rng, (words.full_name(rng), words.letters(rng, 3), words.date(rng, 2024, 2027),
                           words.digits(rng, 2) + words.letters(rng, 1)))  # fmt: skip
        card.text(x, y + 48, value, 44, BLACK, pick(rng, BOLD + SANS), wide / columns - 40)
    till_code(card, wide * rng.uniform(0.05, 0.4), high * 0.72, high * 0.16)
    return Sticker(card.finish(pick(rng, (0, 14))), 0.2, 0.1)


def notes_form(rng: Rng, pixels: int) -> Sticker:
    """Form, label or index card: captions, ruled fields, a stamp or a code, never a portrait."""
    ground = pick(rng, (WHITE, (246, 240, 222), (226, 238, 246)))
    card = Canvas(rng, pixels, chance(rng, 0.3), rng.uniform(0.55, 0.75), ground)
    edge = any_colour(rng)
    if chance(rng, 0.5):
        card.rect(18, 18, card.width - 18, card.height - 18, None, edge, 5)
    rows = int(rng.integers(3, 9))
    step = card.height * 0.8 / rows
    for i in range(rows):
        y = card.height * 0.16 + i * step
        caption = pick(rng, ("Name", "To", "Weight", "Date", "Room", "Notes", "Ref.", "Qty"))
        card.text(50, y, caption, step * 0.4, GREY)
        end = card.width * rng.uniform(0.5, 0.95)
        card.line([(card.width * 0.25, y + 4), (end, y + 4)], edge, 2)
        if chance(rng, 0.5):
            parts.signature(card, card.width * 0.28, y - step * 0.5, card.width * 0.3, step * 0.5)
    if chance(rng, 0.5):
        till_code(card, card.width * 0.55, card.height * 0.6, card.height * 0.16)
    if chance(rng, 0.2):
        holder.glyphs(card, 60, card.height * 0.95, 6, 50, edge)
    return Sticker(card.finish(pick(rng, (0, 0, 30))), 0.4, 0.1)


NEAR_MISSES = things({club_card: 85.6, picture_card: 85.6, pass_sheet: 160, notes_form: 110})
