"""Faces on paper and on screens: fan cards, tickets, posters, telephones, photographs of people.

A portrait alone makes no identity card: none of these carries its holder's data.
"""

from __future__ import annotations

from PIL import Image

from services.id_card.training.synth.cards import parts, words
from services.id_card.training.synth.cards.parts import GREY
from services.id_card.training.synth.cards.people import draw_portrait
from services.id_card.training.synth.drawing import (
    BLACK,
    WHITE,
    Canvas,
    Rng,
    any_colour,
    chance,
    pick,
    readable_on,
)
from services.id_card.training.synth.fonts import BOLD, MONO, SANS, SCRIPT, SERIF
from services.id_card.training.synth.negatives.paper import scatter_print, scenery
from services.id_card.training.synth.stickers import Sticker, things

_HEADLINES = (
    "LIVE", "ON TOUR", "THE RETURN", "NIGHTFALL", "SUMMER JAM", "TONIGHT", "IN CONCERT",
    "WORLD CUP", "THE STRANGER", "HARBOUR LIGHTS", "ELECTION", "SALE",
)  # fmt: skip


def picture(rng: Rng, pixels: int, faces: float) -> Image.Image:
    """Draw a face, with a probability of `faces`, or a view."""
    return draw_portrait(rng, pixels) if chance(rng, faces) else scenery(rng, 80, 80)


def till_code(card: Canvas, x: float, y: float, size: float) -> None:
    """Print one of the codes of tills and gates; `size` is its height."""
    kind = int(card.rng.integers(3))
    if kind == 0:
        parts.barcode(card, x, y, size * card.rng.uniform(2, 4), size)
    elif kind == 1:
        parts.dot_code(card, x, y, size * 1.4, size * 1.4, qr=True)
    else:
        parts.dot_code(card, x, y, size * 2.6, size)


def fan_card(rng: Rng, pixels: int) -> Sticker:
    """Collector's card: a player or a creature in a frame, a name plate, a few figures."""
    frame = any_colour(rng)
    card = Canvas(rng, pixels, chance(rng, 0.85), rng.uniform(0.68, 0.73), frame)
    wide, high = card.width, card.height
    margin = rng.uniform(25, 60)
    if chance(rng, 0.5):
        card.gradient(frame, any_colour(rng))
    part = rng.uniform(0.5, 0.85)
    card.paste(picture(rng, int(pixels * 0.6), 0.7), margin, margin, wide - 2 * margin,
               high * part - margin)  # fmt: skip
    plate = any_colour(rng)
    card.rect(margin, high * part - 50, wide - margin, high * part + 50, plate)
    name = pick(rng, (*words.SURNAMES, *words.TOWNS))
    card.text(wide / 2, high * part + 26, name, 76, readable_on(plate), pick(rng, BOLD),
              wide - 2 * margin - 40, "ms")  # fmt: skip
    for i in range(int(rng.integers(0, 4))):
        card.disc(wide * (0.2 + 0.2 * i), high * (part + 1) / 2 + 20, high * (1 - part) * 0.18,
                  any_colour(rng), WHITE, 5)  # fmt: skip
    if chance(rng, 0.5):
        parts.emblem(card, margin + 60, margin + 60, 50, any_colour(rng))
    return Sticker(card.finish(pick(rng, (0, 36))), 0.4, 0.6)


def event_ticket(rng: Rng, pixels: int) -> Sticker:
    """Ticket of a concert or a match: a picture of who plays, large words, a seat, a stub."""
    ground = pick(rng, (WHITE, any_colour(rng)))
    card = Canvas(rng, pixels, chance(rng, 0.15), rng.uniform(0.36, 0.62), ground)
    wide, high, ink = card.width, card.height, readable_on(ground)
    if chance(rng, 0.5):
        parts.guilloche(card, any_colour(rng), 0.3)
    picture_wide = wide * rng.uniform(0.2, 0.45)
    right = chance(rng, 0.4)
    left = wide * 0.05 if right else picture_wide + 40
    if chance(rng, 0.8):
        card.paste(picture(rng, int(pixels * 0.4), 0.55), wide - picture_wide if right else 0, 0,
                   picture_wide, high)  # fmt: skip
    room = wide - picture_wide - 60
    card.text(left, high * 0.25, pick(rng, _HEADLINES), 110, ink, pick(rng, BOLD), room)
    card.text(left, high * 0.4, words.date(rng, 2022, 2027), 52, ink, pick(rng, SANS), room)
    seat = f"BLOCK {words.letters(rng, 1)}  ROW {words.digits(rng, 2)}  SEAT {words.digits(rng, 2)}"
    card.text(left, high * 0.55, seat, 44, ink, pick(rng, SANS + MONO), room)
    till_code(card, left, high * 0.64, min(110.0, high * 0.24))
    if chance(rng, 0.5):
        for y in range(10, int(high), 30):
            card.line([(wide * 0.78, y), (wide * 0.78, y + 14)], GREY, 3)
    return Sticker(card.finish(0), 0.3, 0.2)


def poster(rng: Rng, pixels: int) -> Sticker:
    """Poster, leaflet, cover or framed print: one to three people, or a view, and a headline."""
    ground = any_colour(rng)
    card = Canvas(rng, pixels, chance(rng, 0.7), rng.uniform(0.6, 1.0), ground)
    wide, high = card.width, card.height
    if chance(rng, 0.5):
        card.gradient(ground, any_colour(rng))
    top, low = high * rng.uniform(0, 0.3), high * rng.uniform(0.7, 1.0)
    count = int(rng.integers(1, 4))
    for i in range(count):
        x = wide * i / count + wide * rng.uniform(-0.03, 0.1)
        card.paste(picture(rng, int(pixels * 0.5), 0.8), x, top, wide / count * 0.94, low - top)
    for _ in range(int(rng.integers(1, 4))):
        face = pick(rng, BOLD + SERIF + SCRIPT)
        card.text(wide * rng.uniform(0.03, 0.15), high * rng.uniform(0.12, 0.97),
                  pick(rng, (*_HEADLINES, *words.PHRASES)), pick(rng, (50, 90, 150)),
                  pick(rng, (WHITE, BLACK, any_colour(rng))), face, wide * 0.85)  # fmt: skip
    if chance(rng, 0.3):
        scatter_print(card, readable_on(ground), 3, high * 0.6)
    return Sticker(card.finish(0), rng.uniform(0.2, 12), rng.uniform(0, 0.6))


def lit_screen(rng: Rng, pixels: int) -> Sticker:
    """Phone or tablet that shows a call, a photograph, a ticket, a chat or a shop's card."""
    upright = chance(rng, 0.75)
    card = Canvas(rng, pixels, upright, pick(rng, (0.48, 0.5, 0.66, 0.75)), (16, 16, 18))
    wide, high = card.width, card.height
    x, y, right, bottom = wide * 0.04, high * 0.03, wide * 0.96, high * 0.97
    page = pick(rng, (WHITE, (20, 22, 28), any_colour(rng)))
    card.rect(x, y, right, bottom, page, radius=40)
    look = rng.random()
    if look < 0.45:  # a face or a view, to the edge or as a tile
        part = pick(rng, (1.0, rng.uniform(0.35, 0.8)))
        card.paste(picture(rng, int(pixels * 0.5), 0.8), x, y, right - x, (bottom - y) * part)
        if chance(rng, 0.5):
            card.paste(draw_portrait(rng, 60), right - wide * 0.28, y + 20, wide * 0.25, high * 0.2)
        for i in range(3):
            card.disc(wide * (0.3 + 0.2 * i), bottom - high * 0.08, wide * 0.06, any_colour(rng))
    elif look < 0.7:  # a ticket: a code in the middle
        size = min(wide, high) * 0.55
        card.rect(wide / 2 - size * 0.6, high * 0.25, wide / 2 + size * 0.6,
                  high * 0.27 + size * 1.15, WHITE, radius=20)  # fmt: skip
        parts.dot_code(card, wide / 2 - size / 2, high * 0.27, size, size, qr=True)
        card.text(wide / 2, high * 0.17, pick(rng, words.SHOPS), 50, readable_on(page),
                  width=wide * 0.8, anchor="ms")  # fmt: skip
    else:  # bubbles of a chat, or contacts with their little pictures
        for i in range(int(rng.integers(3, 8))):
            top, indent = y + 30 + i * high * 0.115, wide * rng.uniform(0.06, 0.3)
            right, low = indent + wide * 0.6, top + high * 0.09
            card.rect(indent, top, right, low, any_colour(rng), radius=18)
            if chance(rng, 0.4):
                card.paste(draw_portrait(rng, 40), indent + 8, top + 6, high * 0.075, high * 0.075,
                           radius=30)  # fmt: skip
    return Sticker(card.finish(pick(rng, (24, 62))), 8, 0.9)


def portrait_print(rng: Rng, pixels: int) -> Sticker:
    """Photograph on paper of one to four people or of a view, with or without a white border."""
    card = Canvas(rng, pixels, chance(rng, 0.5), rng.uniform(0.62, 0.8), WHITE)
    margin = pick(rng, (0.0, 0.0, rng.uniform(10, 50)))
    wide, high = card.width - 2 * margin, card.height - 2 * margin
    card.paste(scenery(rng, 90, 90), margin, margin, wide, high)
    count = int(rng.integers(0, 5))
    for i in range(count):
        part = wide / max(1, count)
        card.paste(draw_portrait(rng, int(pixels * 0.4)), margin + i * part, margin + high * 0.15,
                   part * rng.uniform(0.7, 1.0), high * 0.85, radius=part * 0.4)  # fmt: skip
    return Sticker(card.finish(0), 0.3, 0.6)


FACES = things({
    fan_card: 89, event_ticket: 140, poster: 180, lit_screen: 160, portrait_print: 130,
})  # fmt: skip
