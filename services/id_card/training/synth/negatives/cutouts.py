"""Clutter that is not rectangular: mugs, plates, pens, coins, keys, cables, glasses."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw

from services.id_card.training.synth.drawing import (
    Array,
    Colour,
    Rng,
    any_colour,
    chance,
    noise,
    pick,
    scaled,
)
from services.id_card.training.synth.stickers import Sticker, things


def _cutout(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGBA", (max(4, width), max(4, height)))
    return image, ImageDraw.Draw(image)


def _shaded(rng: Rng, image: Image.Image) -> Array:
    """Give a flat cut-out a soft light, so it looks round or at least solid."""
    pixels = np.array(image)
    height, width = pixels.shape[:2]
    light = 0.8 + 0.4 * noise(rng, height, width, max(height, width) / 2, 1)
    pixels[..., :3] = np.clip(pixels[..., :3] * light[..., None], 0, 255)
    return pixels


def mug(rng: Rng, pixels: int) -> Sticker:
    """Mug from above: rim, handle, something to drink."""
    image, pen = _cutout(pixels, round(pixels * 0.78))
    size, colour = image.height, any_colour(rng)
    handle = (size * 0.7, size * 0.4, pixels - 1, size * 0.6)
    pen.rounded_rectangle(handle, size * 0.1, scaled(colour, 0.8))
    pen.ellipse((0, 0, size - 1, size - 1), colour)
    pen.ellipse((size * 0.07, size * 0.07, size * 0.93, size * 0.93), scaled(colour, 0.6))
    drink = pick(rng, ((60, 34, 18), (150, 100, 60), (40, 20, 12), (190, 120, 40)))
    pen.ellipse((size * 0.12, size * 0.14, size * 0.9, size * 0.92), drink)
    return Sticker(_shaded(rng, image), 60, 0.3)


def plate(rng: Rng, pixels: int) -> Sticker:
    """Plate or saucer."""
    image, pen = _cutout(pixels, pixels)
    rim = pick(rng, ((240, 240, 236), any_colour(rng)))
    for inset, colour in ((0, rim), (0.08, scaled(rim, 0.92)), (0.2, scaled(rim, 0.97))):
        low, high = pixels * inset, pixels * (1 - inset)
        pen.ellipse((low, low, high, high), colour)
    if chance(rng, 0.4):
        for _ in range(8):
            x, y = rng.uniform(0.3, 0.6, 2) * pixels
            pen.ellipse((x, y, x + pixels * 0.15, y + pixels * 0.12), any_colour(rng))
    return Sticker(_shaded(rng, image), 20, 0.4)


def pen(rng: Rng, pixels: int) -> Sticker:
    """Pen, pencil or marker."""
    image, draw = _cutout(pixels, max(5, round(pixels * rng.uniform(0.055, 0.11))))
    width, height = image.size
    body = any_colour(rng)
    draw.rounded_rectangle((width * 0.07, 0, width - 1, height - 1), height / 2, body)
    draw.polygon([(0, height / 2), (width * 0.09, 0), (width * 0.09, height)], (40, 40, 42, 255))
    light = scaled(body, 1.5)
    draw.rectangle((width * 0.1, height * 0.2, width * 0.95, height * 0.36), light)
    draw.rectangle((width * 0.6, 0, width * 0.64, height), (190, 190, 195, 255))
    return Sticker(np.array(image), 9, 0.4)


def coins(rng: Rng, pixels: int) -> Sticker:
    """Coins: a few, copper, brass or silver."""
    image, draw = _cutout(pixels, pixels)
    for _ in range(int(rng.integers(1, 6))):
        radius = pixels * rng.uniform(0.13, 0.2)
        x, y = rng.uniform(radius, pixels - radius, 2)
        metal = pick(rng, ((190, 150, 80), (180, 182, 186), (160, 100, 66)))
        box = (x - radius, y - radius, x + radius, y + radius)
        draw.ellipse(box, metal, scaled(metal, 0.6))
        inner = radius * 0.6
        draw.ellipse((x - inner, y - inner, x + inner, y + inner), scaled(metal, 1.15))
    return Sticker(_shaded(rng, image), 2, 0.6)


def keys(rng: Rng, pixels: int) -> Sticker:
    """Keys on a ring."""
    image, draw = _cutout(pixels, pixels)
    middle, stroke = pixels / 2, max(1, pixels // 30)
    low, high = middle - pixels * 0.15, middle + pixels * 0.15
    draw.ellipse((low, low, high, high), None, (150, 150, 154, 255), stroke)
    for angle in rng.uniform(0, 2 * math.pi, int(rng.integers(1, 5))):
        metal = (*pick(rng, ((200, 180, 110), (176, 178, 184), (40, 40, 44))), 255)
        c, s = math.cos(angle), math.sin(angle)
        start, head, tip = (middle + pixels * r * np.array([c, s]) for r in (0.15, 0.24, 0.48))
        draw.line([*map(float, start), *map(float, tip)], metal, max(2, pixels // 18))
        r = pixels * 0.09
        draw.ellipse((head[0] - r, head[1] - r, head[0] + r, head[1] + r), metal)
    return Sticker(np.array(image), 3, 0.5)


def cable(rng: Rng, pixels: int) -> Sticker:
    """Cable, lying in loops."""
    image, draw = _cutout(pixels, round(pixels * 0.7))
    knots = int(rng.integers(5, 9))
    steps = np.linspace(0, knots - 1, 120)
    points = rng.uniform(0.08, 0.92, (knots, 2)) * image.size
    curve = np.stack([np.interp(steps, range(knots), points[:, i]) for i in (0, 1)])
    window = np.hanning(25) / np.hanning(25).sum()
    path = [np.convolve(np.pad(row, 12, "edge"), window, "valid") for row in curve]
    colour: Colour = pick(rng, ((24, 24, 26), (236, 236, 236), any_colour(rng)))
    line = [(float(x), float(y)) for x, y in zip(*path, strict=True)]
    draw.line(line, colour, max(2, pixels // 50), joint="curve")
    return Sticker(np.array(image), 4, 0.1)


def glasses(rng: Rng, pixels: int) -> Sticker:
    """Spectacles."""
    image, draw = _cutout(pixels, round(pixels * 0.5))
    width, height = image.size
    frame = (*pick(rng, ((24, 24, 26), (110, 70, 40), (160, 160, 164))), 255)
    stroke = max(2, pixels // 45)
    for left in (0.06, 0.54):
        box = (width * left, height * 0.45, width * (left + 0.4), height * 0.95)
        draw.rounded_rectangle(box, height * 0.2, (210, 220, 226, 70), frame, stroke)
        x = width * (0.06 if left < 0.5 else 0.94)
        draw.line((x, height * 0.55, width * (0.2 if left < 0.5 else 0.8), 2), frame, stroke)
    draw.line((width * 0.46, height * 0.6, width * 0.54, height * 0.6), frame, stroke)
    return Sticker(np.array(image), 20, 0.3)


CUTOUTS = things({
    mug: 110, plate: 180, pen: 142, coins: 80, keys: 110, cable: 220, glasses: 140,
})  # fmt: skip
