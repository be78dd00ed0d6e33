"""Things that training never sees: what the detector makes of clutter it has not met."""

from __future__ import annotations

import math

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
    mix,
    pick,
    readable_on,
    scaled,
    to_image,
)
from services.id_card.training.synth.fonts import BOLD, MONO, SANS, SCRIPT
from services.id_card.training.synth.negatives.paper import scenery
from services.id_card.training.synth.stickers import Sticker, things


def cinema_ticket(rng: Rng, pixels: int) -> Sticker:
    """Ticket for a film, with notched ends."""
    ground = any_colour(rng)
    card = Canvas(rng, pixels, base=ground, ratio=rng.uniform(0.4, 0.5))
    ink = readable_on(ground)
    card.rect(60, 50, 940, card.height - 50, None, ink, 6)
    card.text(500, card.height * 0.5, "ADMIT ONE", 130, ink, pick(rng, BOLD), 760, "ms")
    seat = f"ROW {words.digits(rng, 1)}  SEAT {words.digits(rng, 2)}"
    card.text(500, card.height * 0.72, seat, 56, ink, "DejaVuSans", 700, "ms")
    cut = card.finish(0)
    x, y = np.arange(cut.shape[1])[None], np.arange(cut.shape[0])[:, None]
    notch = cut.shape[0] * 0.16
    for side in (0, cut.shape[1]):
        cut[np.hypot(x - side, y - cut.shape[0] / 2) < notch, 3] = 0
    return Sticker(cut, 0.3, 0.1)


def hotel_key(rng: Rng, pixels: int) -> Sticker:
    """Key card of a hotel: a picture or a pattern, an arrow, no person."""
    card = Canvas(rng, pixels, chance(rng, 0.4), base=any_colour(rng))
    if chance(rng, 0.5):
        card.paste(scenery(rng, 100, 64), 0, 0, card.width, card.height)
    middle, face = card.width / 2, pick(rng, SCRIPT)
    card.text(middle, 250, pick(rng, words.SHOPS), 80, WHITE, face, card.width * 0.8, "ms")
    card.text(card.width / 2, card.height * 0.85, "▲ insert", 48, WHITE, anchor="ms")
    return Sticker(card.finish(36), 0.8, 0.8)


def ski_pass(rng: Rng, pixels: int) -> Sticker:
    """Lift pass: mountains, days of validity, a number; names its owner, shows no face."""
    card = Canvas(rng, pixels, chance(rng, 0.3), base=any_colour(rng))
    wide, high, rock = card.width, card.height, any_colour(rng)
    for i in range(3):
        x = wide * (0.1 + 0.3 * i)
        peak = (x + wide * 0.2, high * rng.uniform(0.1, 0.4))
        card.polygon([(x - wide * 0.1, high * 0.6), peak, (x + wide * 0.5, high * 0.6)], rock)
    card.rect(0, high * 0.58, wide, high, WHITE)
    title = pick(rng, ("SKI PASS", "LIFT CARD", "Bergbahn"))
    card.text(wide * 0.06, high * 0.14, title, 84, WHITE, pick(rng, BOLD), wide * 0.8)
    days = f"{words.date(rng, 2023, 2026)}  {pick(rng, ('1 DAY', '6 DAYS'))}"
    rows = (words.full_name(rng), days, words.digits(rng, 10))
    for i, row in enumerate(rows):
        card.text(wide * 0.06, high * (0.7 + 0.1 * i), row, 46, BLACK, pick(rng, SANS), wide * 0.7)
    if chance(rng, 0.5):
        parts.dot_code(card, wide * 0.78, high * 0.66, wide * 0.16, wide * 0.16, qr=True)
    return Sticker(card.finish(36), 0.8, 0.7)


def donor_card(rng: Rng, pixels: int) -> Sticker:
    """Donor's or patient's card: captions, a blood group, boxes to tick, a signature, no face."""
    card = Canvas(rng, pixels, base=pick(rng, (WHITE, (250, 226, 226), (222, 238, 250))))
    tone = hsv(pick(rng, (0.0, 0.55, 0.35)), 0.7, 0.7)
    card.disc(900, 90, 60, tone)
    card.text(50, 110, pick(rng, ("Blood donor", "Allergy card", "Organ donor")), 74, tone,
              pick(rng, BOLD), 760)  # fmt: skip
    for i, caption in enumerate(("Name", "Born", "Group", "Remarks")):
        y = 220 + 84 * i
        card.text(50, y, caption, 34, GREY)
        value = (words.full_name(rng), words.date(rng, 1950, 2005), pick(rng, ("A+", "0-", "AB")),
                 pick(rng, words.PHRASES))[i]  # fmt: skip
        card.text(260, y, value, 44, BLACK, pick(rng, SANS + MONO), 480)
        card.line([(250, y + 10), (740, y + 10)], GREY, 2)
        card.rect(800, y - 36, 846, y + 10, None, tone, 4)
    parts.signature(card, 260, 530, 360, 80)
    return Sticker(card.finish(pick(rng, (0, 36))), 0.5, 0.4)


def autograph_card(rng: Rng, pixels: int) -> Sticker:
    """Signed picture of somebody famous: a face, a signature across it, one line of print."""
    card = Canvas(rng, pixels, chance(rng, 0.7), rng.uniform(0.64, 0.72), any_colour(rng))
    wide, high = card.width, card.height
    part = rng.uniform(0.5, 1.0)
    face = draw_portrait(rng, int(pixels * 0.6))
    card.paste(face, wide * (1 - part), 0, wide * part, high * 0.88)
    parts.signature(card, wide * 0.1, high * 0.6, wide * 0.7, high * 0.2, pick(rng, (BLACK, WHITE)))
    card.rect(0, high * 0.88, wide, high, WHITE)
    card.text(wide / 2, high * 0.96, words.full_name(rng), high * 0.06, BLACK, pick(rng, BOLD),
              wide * 0.8, "ms")  # fmt: skip
    return Sticker(card.finish(0), 0.4, 0.6)


def gift_card(rng: Rng, pixels: int) -> Sticker:
    """Gift card: a ribbon over a bright ground, an amount."""
    ground = hsv(rng.random(), rng.uniform(0.4, 0.9), rng.uniform(0.5, 0.95))
    card = Canvas(rng, pixels, base=ground)
    at, ribbon = rng.uniform(150, 850), any_colour(rng)
    card.rect(at - 45, 0, at + 45, 631, ribbon)
    card.rect(0, 260, 1000, 340, ribbon)
    for side in (-1, 1):
        card.disc(at + side * 80, 250, 85, None, scaled(ribbon, 0.8), 36)
    greeting = pick(rng, ("GIFT CARD", "Geschenkkarte", "for you"))
    card.text(60, 570, greeting, 90, readable_on(ground), pick(rng, BOLD + SCRIPT), 600)
    amount = pick(rng, ("25", "50", "100"))
    card.text(940, 570, amount, 110, readable_on(ground), "DejaVuSans-Bold", 200, "rs")
    return Sticker(card.finish(36), 0.8, 0.7)


def membership_card(rng: Rng, pixels: int) -> Sticker:
    """Club or library card: a name and a number but no portrait."""
    card = Canvas(rng, pixels)
    card.gradient(hsv(rng.random(), 0.15, 0.95), WHITE)
    band = any_colour(rng)
    card.polygon([(0, 0), (1000, 0), (1000, 120), (0, 220)], band)
    card.text(50, 120, pick(rng, ("PUBLIC LIBRARY", "SPORTS CLUB", "ALPINE CLUB", "MUSEUM")), 72,
              readable_on(band), pick(rng, BOLD), 700)  # fmt: skip
    card.text(50, 350, words.full_name(rng), 54, BLACK, pick(rng, SANS), 560)
    card.text(50, 420, "No. " + words.document_number(rng), 40, GREY, pick(rng, MONO), 560)
    parts.barcode(card, 50, 470, 560, 110)
    parts.emblem(card, 830, 420, 110, band)
    return Sticker(card.finish(36), 0.8, 0.7)


def luggage_tag(rng: Rng, pixels: int) -> Sticker:
    """Long airline tag with a bar code and three large letters."""
    card = Canvas(rng, pixels, ratio=0.28, base=WHITE)
    card.text(330, 200, words.letters(rng, 3), 200, BLACK, "DejaVuSans-Bold")
    parts.barcode(card, 40, 50, 230, 180)
    parts.barcode(card, 800, 40, 160, 200)
    card.rect(0, 0, 1000, 26, pick(rng, ((40, 140, 60), (200, 40, 40))))
    x = [300 + 8 * math.sin(i) for i in range(2)]
    card.line([(x[0], 30), (x[1], 270)], GREY, 3)
    return Sticker(card.finish(12), 0.2, 0.3)


def calculator(rng: Rng, pixels: int) -> Sticker:
    """Pocket calculator."""
    base = pick(rng, ((60, 62, 66), (225, 225, 222)))
    card = Canvas(rng, pixels, portrait=True, ratio=0.62, base=base)
    card.rect(50, 60, 570, 220, (180, 196, 170), BLACK)
    card.text(550, 190, words.digits(rng, 6), 100, (30, 40, 30), "DejaVuSansMono-Bold", 480, "rs")
    for i in range(20):
        x, y = 50 + 134 * (i % 4), 280 + 140 * (i // 4)
        tone = pick(rng, ((230, 230, 230), (200, 90, 40), BLACK))
        card.rect(x, y, x + 108, y + 105, tone, radius=14)
    return Sticker(card.finish(50), 10, 0.3)


def ruler(rng: Rng, pixels: int) -> Sticker:
    """Ruler with its scale."""
    base = pick(rng, ((230, 200, 120), (235, 238, 240), any_colour(rng)))
    card = Canvas(rng, pixels, ratio=0.12, base=base)
    for i in range(1, 60):
        card.line([(i * 16.5, 0), (i * 16.5, 40 if i % 5 else 66)], BLACK, 3)
    return Sticker(card.finish(6), 2, 0.3)


def magazine(rng: Rng, pixels: int) -> Sticker:
    """Magazine with a face that fills its cover."""
    card = Canvas(rng, pixels, portrait=True, ratio=0.76, base=any_colour(rng))
    card.paste(draw_portrait(rng, int(pixels * 0.6)), 40, 180, 680, 820)
    card.text(380, 150, pick(rng, ("VOGA", "STYLE", "TIMES", "PEOPLE")), 190, any_colour(rng),
              "DejaVuSerif-Bold", 700, "ms")  # fmt: skip
    for i in range(4):
        card.text(60, 500 + 110 * i, pick(rng, words.PHRASES), 40, WHITE, pick(rng, BOLD), 320)
    return Sticker(card.finish(0), 4, 0.6)


def medicine_box(rng: Rng, pixels: int) -> Sticker:
    """Folding box of a medicine, seen from its printed side."""
    card = Canvas(rng, pixels, ratio=rng.uniform(0.4, 0.65), base=WHITE)
    band = any_colour(rng)
    card.polygon([(0, card.height), (1000, card.height * 0.55), (1000, card.height)], band)
    name = pick(rng, ("Dolorin", "Vitamin C", "Calmex", "Ibuvan"))
    card.text(60, 170, name, 130, band, pick(rng, BOLD), 700)
    card.text(60, 250, pick(rng, ("20 tablets", "400 mg", "50 capsules")), 56, GREY)
    parts.emblem(card, 870, 130, 80, band)
    return Sticker(card.finish(4), 22, 0.2)


def cassette(rng: Rng, pixels: int) -> Sticker:
    """Audio cassette with a handwritten label."""
    card = Canvas(rng, pixels, ratio=0.635, base=pick(rng, ((40, 40, 44), (200, 200, 204))))
    card.rect(70, 70, 930, 470, pick(rng, (WHITE, any_colour(rng))), radius=20)
    parts.signature(card, 140, 100, 600, 70)
    card.rect(220, 240, 780, 400, (60, 50, 50), radius=60)
    for x in (330, 670):
        card.disc(x, 320, 58, WHITE, (30, 30, 30), 12)
    return Sticker(card.finish(24), 9, 0.4)


def mouse(rng: Rng, pixels: int) -> Sticker:
    """Mouse of a computer."""
    height, width = pixels, round(pixels * 0.58)
    tone = pick(rng, ((28, 28, 30), (236, 236, 238), hsv(rng.random(), 0.3, 0.5)))
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    dome = np.clip(1 - np.abs(x) ** 2.6 - np.abs(y) ** 3, 0, 1)
    pixels_rgb = mix(
        scaled(tone, 0.6), scaled(tone, 1.25), np.sqrt(dome) * (0.75 - 0.25 * x - 0.1 * y)
    )
    pixels_rgb[(np.abs(x) < 0.03) & (y < 0)] = scaled(tone, 0.4)
    alpha = np.clip(dome * 20, 0, 1) * 255
    return Sticker(np.dstack([np.asarray(to_image(pixels_rgb)), alpha.astype(np.uint8)]), 30, 0.4)


HELD_OUT = things({
    cinema_ticket: 110, hotel_key: 85.6, ski_pass: 85.6, donor_card: 85.6, autograph_card: 140,
    gift_card: 85.6, membership_card: 85.6, luggage_tag: 200,
    calculator: 130, ruler: 200, magazine: 275, medicine_box: 110, cassette: 101, mouse: 110,
})  # fmt: skip
