"""Printed things of about a card's size that are *not* identity cards.

None of them has both a portrait and personal data, nor a machine-readable zone: that is
what tells an identity card from a bank card, a voucher or a playing card.
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
    hsv,
    pick,
    readable_on,
)
from services.id_card.training.synth.fonts import BOLD, MONO, SANS, SCRIPT, SERIF
from services.id_card.training.synth.negatives.paper import scatter_print, scenery
from services.id_card.training.synth.stickers import Sticker, things


def bank_card(rng: Rng, pixels: int) -> Sticker:
    """Bank card: chip, number, two discs; sometimes upright or with all print on its back."""
    upright = chance(rng, 0.2)
    card = Canvas(rng, pixels, upright)
    card.gradient(any_colour(rng), any_colour(rng))
    if chance(rng, 0.6):
        parts.guilloche(card, any_colour(rng), 0.35)
    if chance(rng, 0.3):
        card.disc(card.width * rng.random(), card.height * rng.random(), 420, any_colour(rng))
    ink = pick(rng, ((245, 245, 245), (25, 25, 25), (225, 200, 120)))
    card.text(60, 110, pick(rng, ("BANK", "CREDIT UNION", "SAVINGS", "PAY", "orbit")), 70, ink,
              pick(rng, BOLD), card.width - 120)  # fmt: skip
    if chance(rng, 0.8):
        parts.chip(card, 70, 210, 130)
    if chance(rng, 0.75):
        number = " ".join(words.digits(rng, 4) for _ in range(4))
        card.text(60, card.height * 0.68, number, 76, ink, pick(rng, MONO), card.width - 120)
        card.text(60, card.height * 0.88, words.full_name(rng), 44, ink, "DejaVuSans", 560)
    x, y = card.width - 120, card.height - 105
    card.disc(x - 70, y, 55, any_colour(rng))
    card.disc(x, y, 55, any_colour(rng))
    return Sticker(card.finish(36), 0.8, 0.8)


def loyalty_card(rng: Rng, pixels: int) -> Sticker:
    """Shop card: a logo and a bar code, or a grid of stamps."""
    ground = any_colour(rng)
    card = Canvas(rng, pixels, chance(rng, 0.2), base=ground)
    ink = readable_on(ground)
    if chance(rng, 0.5):
        card.gradient(ground, any_colour(rng))
    card.text(60, 130, pick(rng, words.SHOPS), 92, ink, pick(rng, BOLD + SCRIPT), card.width - 120)
    if chance(rng, 0.5):
        for i in range(10):
            x = card.width * (0.12 + 0.19 * (i % 5))
            y = card.height * (0.5 + 0.28 * (i // 5))
            card.disc(
                x, y, card.width * 0.07, any_colour(rng) if chance(rng, 0.4) else None, ink, 5
            )
    else:
        top = card.height - 190
        card.rect(40, top, card.width - 40, card.height - 40, WHITE, radius=14)
        parts.barcode(card, 70, top + 25, card.width - 140, 80)
        number, middle = words.digits(rng, 13), card.width / 2
        card.text(middle, card.height - 55, number, 34, BLACK, "DejaVuSansMono", 800, "ms")
    return Sticker(card.finish(36), 0.8, 0.7)


def business_card(rng: Rng, pixels: int) -> Sticker:
    """Visiting card with a name, an address and a mark."""
    ground = pick(rng, (WHITE, WHITE, (242, 238, 226), any_colour(rng)))
    card = Canvas(rng, pixels, base=ground, ratio=rng.uniform(0.55, 0.65))
    ink, accent = readable_on(ground), any_colour(rng)
    if chance(rng, 0.4):
        card.rect(0, 0, card.width * rng.uniform(0.05, 0.35), card.height, accent)
    left = card.width * rng.uniform(0.08, 0.45)
    face = pick(rng, SANS + SERIF)
    card.text(left, 190, words.full_name(rng).title(), 64, ink, face, 940 - left)
    trade = pick(rng, ("Architect", "Sales manager", "Dentist", "Photographer"))
    card.text(left, 245, trade, 34, accent, face, 500)
    for i, row in enumerate(
        (words.address(rng).title(), words.digits(rng, 10), "hello@example.org")
    ):
        card.text(left, 390 + i * 48, row, 32, ink, face, 940 - left)
    parts.emblem(card, card.width * 0.87, 110, 60, accent)
    return Sticker(card.finish(pick(rng, (0, 0, 30))), 0.4, 0.15)


def random_print(rng: Rng, pixels: int) -> Sticker:
    """Made-up card without a portrait: bands, print, codes and symbols at random."""
    ground = pick(rng, (WHITE, any_colour(rng), hsv(rng.random(), 0.2, 0.95)))
    card = Canvas(rng, pixels, chance(rng, 0.25), rng.uniform(0.5, 0.75), ground)
    if chance(rng, 0.5):
        card.gradient(ground, any_colour(rng))
    if chance(rng, 0.5):
        parts.guilloche(card, any_colour(rng), 0.3)
    if chance(rng, 0.6):
        thick, top = card.height * rng.uniform(0.1, 0.4), chance(rng, 0.5)
        y = 0 if top else card.height - thick
        band = any_colour(rng)
        card.rect(0, y, card.width, y + thick, band)
        shop, ink = pick(rng, words.SHOPS), readable_on(band)
        card.text(50, y + thick * 0.7, shop, thick * 0.5, ink, pick(rng, BOLD), card.width * 0.8)
    scatter_print(card, readable_on(ground), int(rng.integers(1, 8)))
    if chance(rng, 0.3):  # a picture, but not of a face
        side = card.height * rng.uniform(0.25, 0.5)
        card.paste(
            scenery(rng, 60, 60), rng.uniform(0, card.width - side), card.height * 0.3, side, side
        )
    for _ in range(int(rng.integers(0, 4))):
        x, y = rng.uniform(0.05, 0.7) * card.width, rng.uniform(0.1, 0.7) * card.height
        kind = int(rng.integers(5))
        if kind == 0:
            parts.barcode(card, x, y, 280, 70)
        elif kind == 1:
            parts.dot_code(card, x, y, 170, 170, qr=True)
        elif kind == 2:
            parts.flag(card, x, y, 120, 80)
        elif kind == 3:
            parts.emblem(card, x + 60, y + 60, 60, any_colour(rng))
        else:
            parts.chip(card, x, y)
    return Sticker(card.finish(pick(rng, (2, 36))), 0.6, rng.uniform(0, 0.8))


def blank_card(rng: Rng, pixels: int) -> Sticker:
    """Plain piece of plastic or cardboard, at most with a line of print."""
    card = Canvas(rng, pixels, ratio=rng.uniform(0.5, 0.9), base=any_colour(rng))
    if chance(rng, 0.5):
        card.gradient(any_colour(rng), any_colour(rng))
    if chance(rng, 0.4):
        scatter_print(card, any_colour(rng), 1)
    return Sticker(card.finish(pick(rng, (0, 36, 60))), rng.uniform(0.3, 2), rng.uniform(0, 0.8))


def playing_card(rng: Rng, pixels: int) -> Sticker:
    """Playing card: pips, a court card or its patterned back."""
    card = Canvas(rng, pixels, portrait=True, ratio=0.7)
    if chance(rng, 0.3):
        back = pick(rng, ((170, 30, 40), (30, 50, 140), (30, 100, 60)))
        card.rect(45, 45, 655, 955, back, radius=30)
        for i in range(-8, 14):
            card.line([(45, 80 * i), (655, 80 * i + 420)], WHITE, 6)
        card.rect(0, 0, 700, 1000, None, WHITE, 45, 60)
        return Sticker(card.finish(60), 0.4, 0.4)
    suit = pick(rng, "♠♥♦♣")
    ink = (180, 20, 30) if suit in "♥♦" else BLACK
    rank = pick(rng, ("A", "7", "9", "10", "J", "Q", "K"))
    for x, y in ((85, 130), (615, 960)):
        card.text(x, y, rank, 130, ink, "DejaVuSans-Bold", anchor="ms")
    card.text(85, 240, suit, 110, ink, anchor="ms")
    if rank in "JQK":
        figure = draw_portrait(rng, int(pixels * 0.4))
        card.paste(figure, 160, 130, 380, 370)
        card.paste(figure.transpose(Image.Transpose.ROTATE_180), 160, 500, 380, 370)
    else:
        for i in range(int(rng.integers(1, 9))):
            card.text(240 + 220 * (i % 2), 280 + 170 * (i // 2), suit, 150, ink, anchor="ms")
    return Sticker(card.finish(60), 0.4, 0.4)


def polaroid(rng: Rng, pixels: int) -> Sticker:
    """Instant photograph: a person or a landscape in a white frame, no data."""
    card = Canvas(rng, pixels, portrait=True, ratio=rng.uniform(0.78, 0.9), base=(246, 245, 240))
    if chance(rng, 0.5):
        picture = draw_portrait(rng, int(pixels * 0.6))
        picture = picture.crop((0, 0, picture.width, int(picture.width * 0.95)))
    else:
        picture = scenery(rng, 80, 70)
    card.paste(picture, 55, 55, card.width - 110, 730)
    if chance(rng, 0.3):
        card.text(card.width / 2, 900, pick(rng, words.PHRASES), 60, GREY, pick(rng, SCRIPT),
                  card.width - 120, "ms")  # fmt: skip
    return Sticker(card.finish(4), 0.4, 0.5)


def photo_strip(rng: Rng, pixels: int) -> Sticker:
    """Passport photographs as the booth prints them: the same face two to eight times."""
    rows, columns = pick(rng, ((1, 2), (1, 4), (2, 2), (2, 3), (2, 4)))
    card = Canvas(rng, pixels, ratio=rows / columns * 1.27, portrait=False)
    if rows / columns * 1.27 > 1:
        card = Canvas(rng, pixels, ratio=columns / rows / 1.27, portrait=True)
    face = draw_portrait(rng, int(pixels / max(rows, columns) * 0.9))
    cell_w, cell_h = card.width / columns, card.height / rows
    for i in range(rows * columns):
        x, y = (i % columns) * cell_w, (i // columns) * cell_h
        card.paste(face, x + cell_w * 0.06, y + cell_h * 0.06, cell_w * 0.88, cell_h * 0.88)
    return Sticker(card.finish(0), 0.3, 0.6)


CARDS = things({
    bank_card: 85.6, loyalty_card: 85.6, business_card: 85, random_print: 90, blank_card: 90,
    playing_card: 88, polaroid: 107, photo_strip: 110,
})  # fmt: skip
