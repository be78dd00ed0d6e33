"""What is printed on cards: security patterns, flags, chips, codes, signatures, lines of data.

Every function draws on a :class:`~services.id_card.training.synth.drawing.Canvas`, in its units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from services.id_card.training.synth.cards import words
from services.id_card.training.synth.drawing import (
    BLACK,
    Canvas,
    Colour,
    Rng,
    chance,
    hsv,
    mix,
    pick,
    scaled,
)
from services.id_card.training.synth.fonts import BOLD, MONO, SANS, SERIF

RED: Colour = (176, 26, 36)
GREY: Colour = (104, 106, 112)


@dataclass(frozen=True)
class Style:
    """The colours, typefaces and issuer that one card keeps to."""

    hue: float
    dark: Colour
    light: Colour
    light2: Colour
    ink: Colour
    country: str
    title: str
    bold: str
    face: str
    mono: str


def random_style(rng: Rng) -> Style:
    """Choose a colour scheme and typefaces; one card in five is nearly colourless."""
    hue = rng.random()
    vivid = 0.25 if chance(rng, 0.2) else 1.0
    return Style(
        hue=hue,
        dark=hsv(hue, vivid * rng.uniform(0.4, 0.95), rng.uniform(0.2, 0.62)),
        light=hsv(hue + rng.normal(0, 0.08), vivid * rng.uniform(0.02, 0.3), rng.uniform(0.84, 1)),
        light2=hsv(hue + rng.normal(0, 0.2), vivid * rng.uniform(0.02, 0.38), rng.uniform(0.78, 1)),
        ink=hsv(rng.random(), rng.uniform(0, 0.5), rng.uniform(0.04, 0.24)),
        country=pick(rng, words.COUNTRIES),
        title=pick(rng, words.TITLES),
        bold=pick(rng, BOLD),
        face=pick(rng, SANS + SERIF[:2]),
        mono=pick(rng, MONO),
    )


# ---------------------------------------------------------------- security print


def guilloche(card: Canvas, colour: Colour, strength: float = 0.35) -> None:
    """Cover the card with fine wavy lines, as banknote engravers do."""
    rng = card.rng
    x, y = card.grid()
    lines = np.zeros(card.shape, np.float32)
    for _ in range(int(rng.integers(1, 3))):
        angle, bend = rng.uniform(0, math.pi), rng.uniform(15, 70)
        u = x * np.float32(math.cos(angle)) + y * np.float32(math.sin(angle))
        v = y * np.float32(math.cos(angle)) - x * np.float32(math.sin(angle))
        phase = v + bend * np.sin(u * rng.uniform(0.005, 0.022) + rng.uniform(0, 6))
        wave = np.sin(phase * rng.uniform(0.1, 0.3))
        np.maximum(lines, wave * np.abs(wave), out=lines)
    card.blend(colour, lines * strength)


def rosette(card: Canvas, x: float, y: float, radius: float, colour: Colour) -> None:
    """Draw the spirograph flower of security printers."""
    rng = card.rng
    petals, swing = int(rng.integers(5, 14)), rng.uniform(0.15, 0.5)
    turns = np.linspace(0, 2 * math.pi, 160)
    for ring in np.linspace(1.0, 0.4, int(rng.integers(2, 5))):
        reach = radius * ring * (1 - swing + swing * np.cos(petals * turns + ring * 3))
        path = zip(x + reach * np.cos(turns), y + reach * np.sin(turns), strict=True)
        card.line(path, colour, 2)


def hills(card: Canvas, hue: float) -> None:
    """Print a pale landscape, as many licences have behind the data."""
    rng = card.rng
    for layer in range(3):
        base = card.height * (0.45 + 0.17 * layer)
        ridge = [(float(x), base - rng.uniform(0, 150 - 40 * layer))
                 for x in np.linspace(0, card.width, 9)]  # fmt: skip
        tone = hsv(hue, 0.08 + 0.06 * layer, 0.95 - 0.06 * layer)
        card.polygon([(0, card.height), *ridge, (card.width, card.height)], tone)


def hologram(
    card: Canvas, x: float, y: float, width: float, height: float, strength: float
) -> None:
    """Lay a rainbow patch with rings over the print; (x, y) is its corner."""
    rng = card.rng
    xs, ys = card.grid()
    dx, dy = (xs - x - width / 2) / (width / 2), (ys - y - height / 2) / (height / 2)
    distance = dx**2 + dy**2
    phase = xs * rng.uniform(-1, 1) / 60 + ys * rng.uniform(-1, 1) / 60 + rng.uniform(0, 6)
    rainbow = np.stack([np.sin(phase + shift) * 95 + 160 for shift in (0.0, 2.1, 4.2)], -1)
    rings = 0.6 + 0.4 * np.sin(np.sqrt(distance) * rng.uniform(8, 24))
    card.blend(rainbow, (distance < 1) * rings * strength)


def backdrop(card: Canvas, style: Style) -> None:
    """Print the ground of a card: a gradient, hills or a rosette, and fine lines."""
    rng = card.rng
    card.gradient(style.light, style.light2)
    if chance(rng, 0.25):
        hills(card, style.hue)
    if chance(rng, 0.3):
        place = (card.width * rng.uniform(0.3, 0.8), card.height * rng.uniform(0.3, 0.7))
        rosette(card, *place, rng.uniform(140, 300), scaled(style.light2, 0.86))
    if chance(rng, 0.75):
        tone = hsv(style.hue + rng.uniform(-0.2, 0.2), 0.5, 0.7)
        guilloche(card, tone, rng.uniform(0.12, 0.45))


# ---------------------------------------------------------------- symbols


def flag(card: Canvas, x: float, y: float, width: float, height: float) -> None:
    """Draw the flag of no country."""
    rng = card.rng
    first, second, third = (hsv(rng.random(), 0.85, 0.75) for _ in range(3))
    if chance(rng, 0.45):
        second = (250, 250, 250)
    card.rect(x, y, x + width, y + height, first)
    kind = pick(rng, ("upright", "level", "cross", "disc", "stars", "canton"))
    if kind in ("upright", "level"):
        for i, colour in enumerate((first, second, third)):
            if kind == "upright":
                card.rect(x + i * width / 3, y, x + (i + 1) * width / 3, y + height, colour)
            else:
                card.rect(x, y + i * height / 3, x + width, y + (i + 1) * height / 3, colour)
    elif kind == "cross":
        card.rect(x + 0.3 * width, y, x + 0.45 * width, y + height, second)
        card.rect(x, y + 0.4 * height, x + width, y + 0.6 * height, second)
    elif kind == "disc":
        card.disc(x + width / 2, y + height / 2, height * 0.3, second)
    elif kind == "canton":
        for i in range(1, 7, 2):
            card.rect(x, y + i * height / 7, x + width, y + (i + 1) * height / 7, (250, 250, 250))
        card.rect(x, y, x + 0.42 * width, y + 0.55 * height, third)
    else:
        for angle in np.linspace(0, 2 * math.pi, 12, endpoint=False):
            star_x = x + width / 2 + math.cos(angle) * height * 0.33
            star_y = y + height / 2 + math.sin(angle) * height * 0.33
            card.disc(star_x, star_y, height * 0.05, (255, 214, 60))


def emblem(card: Canvas, x: float, y: float, radius: float, colour: Colour) -> None:
    """Draw a seal: a star in a ring, or a shield."""
    rng = card.rng
    if chance(rng, 0.3):
        right = [(0.8, -0.9), (0.8, 0.1), (0.5, 0.6)]
        left = [(-a, b) for a, b in reversed(right)]
        outline = [left[-1], *right, (0, 1), *left[:-1]]
        card.polygon([(x + radius * a, y + radius * b) for a, b in outline], colour)
        stripe = scaled(colour, 1.25)
        card.rect(x - radius * 0.8, y - radius * 0.3, x + radius * 0.8, y + radius * 0.1, stripe)
        return
    card.disc(x, y, radius, None, colour, 0.08 * radius)
    points, inner = int(rng.integers(5, 13)), rng.uniform(0.35, 0.6)
    star = []
    for i in range(2 * points):
        reach = radius * (0.8 if i % 2 == 0 else inner)
        star.append((x + reach * math.sin(math.pi * i / points),
                     y - reach * math.cos(math.pi * i / points)))  # fmt: skip
    card.polygon(star, colour)


def chip(card: Canvas, x: float, y: float, width: float = 130) -> None:
    """Draw a contact chip."""
    height, line = width * 0.8, (150, 118, 48)
    gold = pick(card.rng, ((214, 178, 92), (226, 196, 120), (196, 196, 200)))
    card.rect(x, y, x + width, y + height, gold, line, 4, 16)
    for part in (0.33, 0.66):
        card.line([(x, y + height * part), (x + width * 0.34, y + height * part)], line)
        card.line([(x + width * 0.66, y + height * part), (x + width, y + height * part)], line)
    card.rect(
        x + width * 0.34, y + height * 0.2, x + width * 0.66, y + height * 0.8, None, line, 3, 8
    )


def barcode(card: Canvas, x: float, y: float, width: float, height: float) -> None:
    """Draw a bar code."""
    at, dark = 0.0, True
    for bar in card.rng.choice([4, 6, 10], int(width / 4)):
        if at + bar > width:
            break
        if dark:
            card.rect(x + at, y, x + at + bar, y + height, BLACK)
        at, dark = at + bar, not dark


def dot_code(
    card: Canvas, x: float, y: float, width: float, height: float, qr: bool = False
) -> None:
    """Draw a two-dimensional code: QR with its three corner marks, else PDF417-like."""
    columns, rows = max(8, int(width / 9)), max(8, int(height / 9))
    dots = (card.rng.random((rows, columns)) > 0.5).astype(np.uint8)
    if qr:
        for top, left in ((0, 0), (0, columns - 7), (rows - 7, 0)):
            dots[top : top + 7, left : left + 7] = 1
            dots[top + 1 : top + 6, left + 1 : left + 6] = 0
            dots[top + 2 : top + 5, left + 2 : left + 5] = 1
    code = Image.fromarray((1 - dots) * np.uint8(225) + np.uint8(15))
    big = code.resize((columns * 3, rows * 3), Image.Resampling.NEAREST)
    card.paste(big, x, y, width, height)


def signature(
    card: Canvas, x: float, y: float, width: float, height: float, colour: Colour = (20, 25, 60)
) -> None:
    """Scribble a name."""
    knots = int(card.rng.integers(8, 14))
    xs = x + np.linspace(0, width, knots) + card.rng.uniform(-0.1, 0.1, knots) * width
    ys = y + height * card.rng.random(knots)
    steps = np.linspace(0, knots - 1, knots * 6)
    window = np.hanning(9) / np.hanning(9).sum()
    curve = [np.convolve(np.pad(np.interp(steps, range(knots), v), 4, "edge"), window, "valid")
             for v in (xs, ys)]  # fmt: skip
    card.line(zip(*curve, strict=True), colour, 4)


def tinted(style: Style, amount: float) -> Colour:
    """Return the style's light colour mixed with its dark one by `amount` (0..1)."""
    return scaled(mix(style.light, style.dark, amount), 1.0)
