"""The clutter of a desk: phones, books, papers, keyboards, mugs, pens, keys and the like."""

from __future__ import annotations

import numpy as np

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
    noise,
    pick,
    readable_on,
    scaled,
)
from services.id_card.training.synth.fonts import BOLD, SANS, SCRIPT, SERIF
from services.id_card.training.synth.negatives.paper import scenery
from services.id_card.training.synth.stickers import Sticker, things


def phone(rng: Rng, pixels: int) -> Sticker:
    """Phone: dark, locked, or showing icons; sometimes its back with the cameras."""
    card = Canvas(rng, pixels, portrait=True, ratio=0.48, base=(16, 16, 18))
    look = rng.random()
    if look < 0.25:
        card.gradient(any_colour(rng), any_colour(rng))
        card.rect(30, 30, 230, 240, (20, 20, 22), radius=50)
        for x, y in ((85, 85), (85, 185), (175, 135)):
            card.disc(x, y, 38, (40, 42, 50), (90, 90, 96), 6)
    elif look < 0.8:
        card.paste(scenery(rng, 48, 100), 18, 18, 444, 964, radius=60)
        if chance(rng, 0.5):
            for i in range(20):
                x, y = 50 + 105 * (i % 4), 130 + 140 * (i // 4)
                card.rect(x, y, x + 72, y + 72, any_colour(rng), radius=18)
        else:
            clock = f"{rng.integers(0, 24):02d}:{rng.integers(0, 60):02d}"
            card.text(240, 230, clock, 120, WHITE, anchor="ms")
            for i in range(int(rng.integers(0, 4))):
                card.rect(40, 400 + 130 * i, 440, 510 + 130 * i, (235, 235, 240), radius=26)
    return Sticker(card.finish(62), 8, 0.9)


def book(rng: Rng, pixels: int) -> Sticker:
    """Book, closed, with a title; one in four has a face on its cover."""
    card = Canvas(rng, pixels, portrait=True, ratio=rng.uniform(0.62, 0.8), base=any_colour(rng))
    ink, wide = any_colour(rng), card.width
    if chance(rng, 0.5):
        card.gradient(any_colour(rng), any_colour(rng))
    look = rng.random()
    if look < 0.25:
        card.paste(draw_portrait(rng, int(pixels * 0.3)), wide * 0.22, 430, wide * 0.6, 420)
    elif look < 0.5:
        card.paste(scenery(rng, 60, 60), 0, 380, wide, 420)
    elif look < 0.75:
        card.disc(wide / 2, 620, wide * 0.3, any_colour(rng))
    title = pick(rng, words.TOWNS).title()
    card.text(wide * 0.53, 180, title, 130, ink, pick(rng, BOLD), wide * 0.8, "ms")
    title = "of " + pick(rng, words.STREETS).title()
    card.text(wide * 0.53, 280, title, 80, ink, pick(rng, SERIF), wide * 0.8, "ms")
    card.text(wide * 0.53, 930, words.full_name(rng), 56, ink, pick(rng, SANS), wide * 0.8, "ms")
    card.rect(0, 0, 40, 1000, scaled(card.image.getpixel((3, 3)), 0.7))  # type: ignore[arg-type]
    return Sticker(card.finish(5), 18, 0.3)


def letter(rng: Rng, pixels: int) -> Sticker:
    """Letter or printed sheet: a heading, paragraphs, perhaps a table, a chart or a stamp."""
    card = Canvas(rng, pixels, portrait=True, ratio=0.707, base=pick(rng, (WHITE, (246, 242, 230))))
    y = 70.0
    if chance(rng, 0.7):
        shop = pick(rng, words.SHOPS).title()
        card.text(70, y + 20, shop, 46, any_colour(rng), pick(rng, BOLD), 500)
        y += 90
    ink, columns = (88, 88, 94), int(rng.integers(1, 3))
    step = rng.uniform(15, 26)
    while y < 930:
        if chance(rng, 0.14):
            y += step
        for column in range(columns):
            left = 70 + column * 290
            end = left + rng.uniform(0.6, 1.0) * (560 / columns - 20)
            card.rect(left, y, end, y + step * 0.36, ink)
        y += step
    if chance(rng, 0.4):
        card.rect(350, 560, 640, 780, WHITE, GREY)
        for i in range(6):
            card.rect(370 + i * 44, rng.uniform(600, 740), 400 + i * 44, 770, any_colour(rng))
    if chance(rng, 0.2):
        parts.rosette(card, 520, 880, 70, any_colour(rng))
    if chance(rng, 0.12):  # a curriculum vitae
        card.paste(draw_portrait(rng, int(pixels * 0.2)), 480, 60, 160, 200)
    return Sticker(card.finish(0), 0.2, 0.0)


def receipt(rng: Rng, pixels: int) -> Sticker:
    """Till receipt."""
    card = Canvas(rng, pixels, portrait=True, ratio=rng.uniform(0.28, 0.48), base=(240, 239, 234))
    wide, shop = card.width, pick(rng, words.SHOPS)
    card.text(wide / 2, 60, shop, 44, BLACK, "DejaVuSansMono-Bold", wide * 0.86, "ms")
    for i in range(int(rng.integers(9, 17))):
        y = 120 + 46 * i
        card.text(wide * 0.08, y, words.letters(rng, int(rng.integers(3, 9))), 32, (60, 60, 66),
                  "DejaVuSansMono", wide * 0.5)  # fmt: skip
        card.text(wide * 0.92, y, f"{rng.uniform(0.5, 90):.2f}", 32, (60, 60, 66), "DejaVuSansMono",
                  wide * 0.35, "rs")  # fmt: skip
    if chance(rng, 0.6):
        parts.barcode(card, wide * 0.15, 900, wide * 0.7, 60)
    return Sticker(card.finish(0), 0.6, 0.0)


def keyboard(rng: Rng, pixels: int) -> Sticker:
    """Keys in five rows: a computer keyboard."""
    dark = chance(rng, 0.6)
    card = Canvas(rng, pixels, ratio=0.36, base=(38, 38, 42) if dark else (222, 222, 226))
    key = (20, 20, 22) if dark else WHITE
    for row in range(5):
        for column in range(14):
            x, y = 20 + 69 * column + 14 * (row % 3), 22 + 66 * row
            card.rect(x, y, x + 58, y + 54, key, scaled(key, 0.7), 2, 8)
            if pixels > 200:
                card.text(x + 18, y + 38, words.letters(rng, 1), 26, readable_on(key))
    card.rect(240, 286, 640, 340, key, radius=8)
    return Sticker(card.finish(18), 14, 0.2)


def laptop(rng: Rng, pixels: int) -> Sticker:
    """Screen with windows of text, as a laptop or a tablet shows it."""
    card = Canvas(rng, pixels, ratio=0.64, base=(14, 14, 16))
    card.rect(18, 18, 982, 622, pick(rng, ((30, 32, 40), (245, 246, 248), (60, 110, 170))))
    for _ in range(int(rng.integers(1, 4))):
        x, y = rng.uniform(30, 480), rng.uniform(30, 260)
        right, bottom = x + rng.uniform(300, 480), y + rng.uniform(200, 330)
        page = pick(rng, (WHITE, (24, 26, 32)))
        card.rect(x, y, right, bottom, page, (120, 120, 125))
        card.rect(x, y, right, y + 26, any_colour(rng))
        for line in np.arange(y + 45, bottom - 10, 22):
            card.rect(x + 20, line, x + rng.uniform(60, right - x - 20), line + 9, any_colour(rng))
    return Sticker(card.finish(14), 6, 0.8)


def envelope(rng: Rng, pixels: int) -> Sticker:
    """Envelope with a stamp and an address, or a window."""
    card = Canvas(rng, pixels, ratio=rng.uniform(0.48, 0.7),
                  base=pick(rng, (WHITE, (222, 196, 150), (200, 214, 230))))  # fmt: skip
    card.rect(840, 40, 950, 180, any_colour(rng), WHITE, 10)
    for i in range(3):
        y, line = card.height * 0.55 + 60 * i, words.address(rng).title()
        card.text(420, y, line, 44, BLACK, pick(rng, SCRIPT), 420)
    if chance(rng, 0.4):
        card.rect(80, card.height * 0.5, 520, card.height * 0.85, (235, 235, 235), GREY, 3, 20)
    return Sticker(card.finish(2), 1, 0.0)


def notebook(rng: Rng, pixels: int) -> Sticker:
    """Open or closed notebook, ruled or squared, with some handwriting."""
    card = Canvas(rng, pixels, portrait=True, ratio=0.71, base=pick(rng, (WHITE, any_colour(rng))))
    if chance(rng, 0.75):
        card.rect(0, 0, 710, 1000, (248, 247, 240))
        for i in range(1, 28):
            card.line([(0, i * 36), (710, i * 36)], (170, 190, 220), 2)
        if chance(rng, 0.4):
            for i in range(1, 20):
                card.line([(i * 36, 0), (i * 36, 1000)], (170, 190, 220), 2)
        for i in range(int(rng.integers(0, 12))):
            parts.signature(card, 70, 100 + 72 * i, rng.uniform(200, 560), 46, (30, 40, 110))
    if chance(rng, 0.5):
        for i in range(24):
            card.disc(26, 30 + i * 41, 10, (60, 60, 64))
    return Sticker(card.finish(12), 6, 0.0)


def wallet(rng: Rng, pixels: int) -> Sticker:
    """Open wallet: leather with a seam, and the edges of cards peeping out of its slots."""
    hide = hsv(rng.uniform(0, 0.12), rng.uniform(0.1, 0.7), rng.uniform(0.08, 0.55))
    card = Canvas(rng, pixels, ratio=rng.uniform(0.42, 0.85), base=hide)
    for side in (0, 500):
        top = card.height * rng.uniform(0.08, 0.2)
        for i in range(int(rng.integers(0, 5))):
            y = top + i * card.height * 0.13
            card.rect(side + 40, y, side + 460, card.height, any_colour(rng), radius=24)
            y += card.height * rng.uniform(0.05, 0.1)
            card.rect(side + 30, y, side + 470, card.height, scaled(hide, rng.uniform(0.85, 1.2)))
    card.rect(12, 12, 988, card.height - 12, None, scaled(hide, 1.6), 3, 24)
    card.line([(500, 0), (500, card.height)], scaled(hide, 0.6), 8)
    height, width = card.shape
    card.blend(scaled(hide, 0.4), 0.4 * noise(rng, height, width, 12))
    return Sticker(card.finish(30), 12, 0.2)


def remote(rng: Rng, pixels: int) -> Sticker:
    """Remote control."""
    base = pick(rng, ((26, 26, 28), (220, 220, 222)))
    card = Canvas(rng, pixels, portrait=True, ratio=0.26, base=base)
    for i in range(27):
        x, y = 55 + 75 * (i % 3), 90 + 85 * (i // 3)
        tone = pick(rng, ((70, 70, 74), (120, 120, 124), (180, 40, 40)))
        card.rect(x - 22, y - 16, x + 22, y + 16, tone, radius=12)
    return Sticker(card.finish(70), 16, 0.4)


DESK = things({
    phone: 150, book: 210, letter: 297, receipt: 170, keyboard: 400, laptop: 300, envelope: 220,
    notebook: 190, wallet: 200, remote: 170,
})  # fmt: skip
