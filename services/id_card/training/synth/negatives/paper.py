"""Printed paper of about a card's size that is *not* an identity card: tickets, money."""

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
from services.id_card.training.synth.fonts import BOLD, SANS, SERIF
from services.id_card.training.synth.stickers import Sticker, things


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


PAPER = things({
    voucher: 130, boarding_pass: 190, transit_ticket: 90, banknote: 140, sticky_note: 76,
})  # fmt: skip
