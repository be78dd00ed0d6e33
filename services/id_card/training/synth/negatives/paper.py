"""Printed paper and lit screens that are *not* identity cards: tickets, money, posters, telephones.

Many show a face, but a portrait alone makes no identity card: none has its holder's data.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from services.id_card.training.synth.cards import parts, words
from services.id_card.training.synth.cards.parts import GREY
from services.id_card.training.synth.cards.people import draw_portrait
from services.id_card.training.synth.drawing import (
    BLACK,
    WHITE,
    Canvas,
    Colour,
    Rng,
    any_colour,
    chance,
    hsv,
    noise,
    pick,
    readable_on,
    to_image,
)
from services.id_card.training.synth.fonts import BOLD, MONO, SANS, SCRIPT, SERIF
from services.id_card.training.synth.stickers import Sticker, things

_HEADLINES = (
    "LIVE", "ON TOUR", "THE RETURN", "NIGHTFALL", "SUMMER JAM", "TONIGHT", "IN CONCERT",
    "WORLD CUP", "THE STRANGER", "HARBOUR LIGHTS", "ELECTION", "SALE",
)  # fmt: skip


def scenery(rng: Rng, width: int, height: int) -> Image.Image:
    """Paint a small landscape under a sky, for pictures within the picture."""
    sky, ground = hsv(rng.uniform(0.5, 0.7), 0.4, 0.9), hsv(rng.uniform(0.1, 0.4), 0.5, 0.5)
    blobs = noise(rng, height, width, max(height, width) / 3, 3)
    level = np.linspace(0, 1, height, dtype=np.float32)[:, None] + 0.5 * (blobs - 0.5)
    land = level > rng.uniform(0.4, 0.7)
    pixels = np.where(land[..., None], ground, sky) * (0.7 + 0.5 * blobs[..., None])
    return to_image(pixels)


def scatter_print(card: Canvas, ink: Colour, lines: int, top: float = 60.0) -> None:
    """Scatter lines of print: the text that all sorts of tickets carry."""
    rng = card.rng
    texts = (*words.SHOPS, *words.PHRASES, words.document_number(rng), words.date(rng, 2020, 2026))
    for _ in range(lines):
        size = pick(rng, (22, 26, 32, 44, 64))
        x, y = rng.uniform(0.04, 0.5) * card.width, rng.uniform(top, card.height * 0.94)
        card.text(x, y, pick(rng, texts), size, ink, pick(rng, SANS + SERIF), card.width * 0.9 - x)


def voucher(rng: Rng, pixels: int) -> Sticker:
    """Voucher or coupon: a large amount, small print, a code; perforated or dashed edge."""
    ground = pick(rng, (WHITE, (255, 246, 200), any_colour(rng)))
    card = Canvas(rng, pixels, base=ground, ratio=rng.uniform(0.38, 0.66))
    ink = readable_on(ground)
    if chance(rng, 0.5):
        parts.guilloche(card, any_colour(rng), 0.35)
    if chance(rng, 0.6):
        end = card.width * rng.uniform(0.2, 0.4)
        card.rect(0, 0, end, card.height, any_colour(rng))
    if chance(rng, 0.4):
        card.rect(20, 20, 980, card.height - 20, None, ink, 5)
    amount = pick(rng, ("-20%", "€25", "$50", "FREE", "2 for 1", "10 OFF"))
    card.text(430, card.height * 0.5, amount, 150, ink, pick(rng, BOLD), 520)
    card.text(430, card.height * 0.68, pick(rng, words.SHOPS), 60, ink, pick(rng, SANS), 520)
    card.text(430, card.height * 0.82, pick(rng, words.PHRASES), 34, ink, "DejaVuSans", 520)
    if chance(rng, 0.5):
        size = card.height * 0.4
        parts.dot_code(card, 50, card.height * 0.3, size, size, qr=True)
    else:
        parts.barcode(card, 40, card.height * 0.35, 280, card.height * 0.3)
    return Sticker(card.finish(pick(rng, (0, 0, 16))), 0.2, 0.1)


def boarding_pass(rng: Rng, pixels: int) -> Sticker:
    """Boarding pass: band, two airports, gate and seat, a code, a stub."""
    card = Canvas(rng, pixels, base=(250, 250, 248), ratio=rng.uniform(0.36, 0.5))
    band, height = any_colour(rng), card.height
    top = height * rng.uniform(0.16, 0.26)
    card.rect(0, 0, 1000, top, band)
    card.text(40, top * 0.72, "BOARDING PASS", top * 0.55, readable_on(band), pick(rng, BOLD), 420)
    card.text(760, top * 0.72, pick(rng, words.SHOPS), top * 0.4, readable_on(band), width=220)
    card.text(40, top + 75, words.full_name(rng), 34, BLACK, pick(rng, SANS), 420)
    route = f"{words.letters(rng, 3)} → {words.letters(rng, 3)}"
    card.text(40, top + 165, route, 84, BLACK, "DejaVuSans-Bold", 440)
    for i, caption in enumerate(("GATE", "SEAT", "TIME", "FLIGHT")):
        x, value = 40 + i * 160, words.letters(rng, 1) + words.digits(rng, 2)
        card.text(x, height - 80, caption, 24, GREY)
        card.text(x, height - 32, value, 46, BLACK)
    size = height * 0.5
    if chance(rng, 0.6):
        parts.dot_code(card, 505, top + 30, size, size, qr=chance(rng, 0.5))
    else:
        parts.dot_code(card, 470, top + 30, 250, size * 0.6)
    for y in range(10, int(height), 26):
        card.line([(745, y), (745, y + 12)], GREY, 3)
    for i in range(4):
        card.text(770, top + 60 + i * 56, words.document_number(rng), 30, BLACK, "DejaVuSans", 210)
    return Sticker(card.finish(pick(rng, (0, 14))), 0.2, 0.1)


def transit_ticket(rng: Rng, pixels: int) -> Sticker:
    """Ticket of a tram or a train: arrow, stripe, print."""
    ground = pick(rng, ((250, 244, 210), (214, 232, 214), (250, 226, 196), WHITE, any_colour(rng)))
    card = Canvas(rng, pixels, base=ground, ratio=rng.uniform(0.4, 0.64))
    ink = readable_on(ground)
    if chance(rng, 0.5):
        card.rect(0, card.height * 0.7, 1000, card.height * 0.9, (40, 34, 30))
    card.text(60, 130, pick(rng, ("METRO", "TRAM", "RAIL", "BUS", "TICKET", "DAY PASS")), 110, ink,
              pick(rng, BOLD), 560)  # fmt: skip
    scatter_print(card, ink, int(rng.integers(3, 8)), 180)
    tip = card.height * 0.3
    card.polygon([(780, tip - 60), (920, tip), (780, tip + 60)], any_colour(rng))
    return Sticker(card.finish(pick(rng, (0, 36))), 0.3, 0.2)


def banknote(rng: Rng, pixels: int) -> Sticker:
    """Banknote with an engraved head in an oval."""
    card = Canvas(rng, pixels, ratio=rng.uniform(0.42, 0.52))
    tone = rng.random()
    card.gradient(hsv(tone, 0.3, 0.85), hsv(tone + 0.1, 0.2, 0.92))
    parts.guilloche(card, hsv(tone, 0.6, 0.5), 0.5)
    parts.rosette(card, 320, card.height / 2, card.height * 0.45, hsv(tone, 0.5, 0.5))
    value, ink = pick(rng, ("5", "10", "20", "50", "100")), hsv(tone, 0.6, 0.25)
    for x, y in ((90, 110), (900, card.height - 30)):
        card.text(x, y, value, 110, ink, pick(rng, BOLD), anchor="ms")
    head = draw_portrait(rng, int(pixels * 0.25)).convert("L")
    left, wide = rng.uniform(450, 680), card.height * 0.7
    card.paste(head, left, 30, wide, card.height - 60, 0.75, card.height * 0.3)
    return Sticker(card.finish(0), 0.2, 0.05)


def sticky_note(rng: Rng, pixels: int) -> Sticker:
    """Square note with handwriting."""
    card = Canvas(rng, pixels, ratio=1.0, base=hsv(pick(rng, (0.14, 0.92, 0.3, 0.52)), 0.45, 0.98))
    for i in range(int(rng.integers(0, 5))):
        parts.signature(card, 120, 170 + 150 * i, rng.uniform(300, 720), 70, (50, 50, 70))
    return Sticker(card.finish(0), 1.0, 0.0)


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


PAPER = things({
    voucher: 130, boarding_pass: 190, transit_ticket: 90, banknote: 140, sticky_note: 76,
    fan_card: 89, event_ticket: 140, poster: 180, lit_screen: 160, portrait_print: 130,
})  # fmt: skip
