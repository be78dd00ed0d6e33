"""The card holder: particulars and a drawn passport photograph."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw

from services.id_card.training.synth.cards import words
from services.id_card.training.synth.drawing import (
    Array,
    Colour,
    Rng,
    chance,
    hsv,
    mix,
    noise,
    pick,
    ramp,
    scaled,
    to_image,
)

SKIN: tuple[Colour, ...] = (
    (255, 222, 196), (243, 200, 168), (233, 184, 148), (224, 172, 125), (205, 150, 108),
    (186, 128, 88), (150, 98, 64), (120, 76, 48), (92, 58, 38),
)  # fmt: skip
HAIR: tuple[Colour, ...] = (
    (20, 16, 14), (34, 26, 22), (52, 34, 22), (88, 58, 36), (120, 84, 50), (160, 112, 60),
    (206, 172, 112), (140, 62, 34), (150, 150, 152), (208, 206, 202),
)  # fmt: skip
STUDIO: tuple[Colour, ...] = (
    (228, 232, 238), (242, 242, 240), (206, 220, 234), (186, 202, 220), (226, 218, 204),
    (150, 190, 226), (200, 200, 202), (244, 246, 250),
)  # fmt: skip
_HAIRCUTS = ("bald", "short", "parted", "long", "bun", "curly", "bob", "scarf")
_WIDTH, _HEIGHT = 300, 380  # the units in which a portrait is drawn


@dataclass(frozen=True)
class Person:
    """A card holder who does not exist. Dates and numbers are text, ready to print."""

    surname: str
    given: str
    born: str
    issued: str
    expires: str
    number: str
    sex: str
    street: str
    town: str
    height: str
    portrait: Image.Image


def random_person(rng: Rng, portrait_px: int) -> Person:
    """Invent a card holder whose RGB portrait is `portrait_px` pixels wide."""
    return Person(
        surname=pick(rng, words.SURNAMES),
        given=words.given_names(rng),
        born=words.date(rng, 1948, 2008),
        issued=words.date(rng, 2014, 2026),
        expires=words.date(rng, 2026, 2040),
        number=words.document_number(rng),
        sex=pick(rng, "FMX"),
        street=words.address(rng),
        town=f"{pick(rng, words.TOWNS)} {words.digits(rng, 5)}",
        height=f"{rng.integers(150, 200)} cm",
        portrait=draw_portrait(rng, portrait_px),
    )


class _Sketch:
    """Pillow drawing with coordinates in 300 by 380 units around the head's centre."""

    def __init__(self, pixels: int, background: Array) -> None:
        self.scale = pixels / _WIDTH
        self.image = to_image(background)
        self.pen = ImageDraw.Draw(self.image)

    def oval(self, x: float, y: float, rx: float, ry: float, fill: Colour) -> None:
        box = [v * self.scale for v in (x - rx, y - ry, x + rx, y + ry)]
        self.pen.ellipse(box, fill)

    def shape(self, points: list[tuple[float, float]], fill: Colour) -> None:
        self.pen.polygon([(x * self.scale, y * self.scale) for x, y in points], fill)

    def stroke(self, points: list[tuple[float, float]], fill: Colour, width: float) -> None:
        path = [(x * self.scale, y * self.scale) for x, y in points]
        self.pen.line(path, fill, max(1, round(width * self.scale)), joint="curve")


def _head(x: float, y: float, rx: float, ry: float, jaw: float) -> list[tuple[float, float]]:
    """Return the outline of a head: an oval whose lower half narrows to a chin."""
    outline = []
    for angle in np.linspace(0, 2 * math.pi, 40, endpoint=False):
        below = max(0.0, math.sin(angle))
        narrow = 1 - jaw * below**2
        outline.append((x + rx * narrow * math.cos(angle), y + ry * math.sin(angle)))
    return outline


def draw_portrait(rng: Rng, pixels: int) -> Image.Image:
    """Draw a passport photograph of nobody, RGB, 300:380 in shape.

    It is drawn between 40 and 240 pixels wide whatever is asked, since a lens shows no more of it.
    """
    pixels = int(np.clip(pixels, 40, 240))
    height = round(pixels * _HEIGHT / _WIDTH)
    wall = np.array(pick(rng, STUDIO), np.float32)
    sketch = _Sketch(pixels, mix(wall, wall * 0.84, ramp(height, pixels, rng.uniform(0.6, 2.4))))
    skin, hair = pick(rng, SKIN), pick(rng, HAIR)
    x, y = 150 + rng.uniform(-9, 9), 168 + rng.uniform(-14, 12)
    rx, ry = rng.uniform(62, 76), rng.uniform(86, 104)
    cut = pick(rng, _HAIRCUTS)
    cloth = hsv(rng.random(), rng.uniform(0, 0.7), rng.uniform(0.1, 0.75))

    _draw_hair_behind(rng, sketch, cut, hair, cloth, (x, y, rx, ry))
    _draw_shoulders(rng, sketch, cloth, skin, (x, y, rx, ry))
    outline = _head(x, y, rx, ry, rng.uniform(0.08, 0.26))
    if cut not in ("long", "scarf", "bob"):
        for side in (-1, 1):
            sketch.oval(x + side * rx, y + 8, 13, 24, scaled(skin, 0.84))
    sketch.shape(outline, skin)
    _draw_features(rng, sketch, skin, hair, (x, y, rx, ry))
    _draw_hair_before(rng, sketch, cut, hair, cloth, (x, y, rx, ry))
    return _photograph(rng, sketch, outline)


def _draw_hair_behind(
    rng: Rng, sketch: _Sketch, cut: str, hair: Colour, cloth: Colour, head: tuple[float, ...]
) -> None:
    x, y, rx, ry = head
    if cut == "long":
        sketch.oval(x, y - 4, rx + 24, ry + 16, hair)
        spread = rng.uniform(18, 40)
        sides = [(x - rx - 22, y), (x + rx + 22, y)]
        sketch.shape([*sides, (x + rx + spread, y + ry + 90), (x - rx - spread, y + ry + 90)], hair)
    elif cut == "bob":
        sketch.oval(x, y + 8, rx + 26, ry + 22, hair)
    elif cut == "bun":
        sketch.oval(x + rng.uniform(-20, 20), y - ry - 16, 34, 32, hair)
    elif cut == "curly":
        for angle in rng.uniform(math.pi * 0.85, math.pi * 2.15, 26):
            sketch.oval(x + math.cos(angle) * (rx + 6), y - 16 + math.sin(angle) * ry, 26, 26, hair)
    elif cut == "scarf":
        sketch.oval(x, y + 6, rx + 24, ry + 24, scaled(cloth, 1.15))


def _draw_shoulders(
    rng: Rng, sketch: _Sketch, cloth: Colour, skin: Colour, head: tuple[float, ...]
) -> None:
    x, y, _, ry = head
    top, half = y + ry + rng.uniform(18, 34), rng.uniform(118, 160)
    sketch.oval(x, top + 150, half, 150, cloth)
    neck = scaled(skin, 0.8)
    sketch.shape([(x - 36, y + 40), (x + 36, y + 40), (x + 44, top + 22), (x - 44, top + 22)], neck)
    collar = rng.random()
    if collar < 0.4:
        sketch.oval(x, top + 14, 46, rng.uniform(14, 40), scaled(skin, 0.88))
    elif collar < 0.75:
        shirt = pick(rng, ((246, 246, 246), (210, 222, 240), (30, 30, 36)))
        sketch.shape([(x - 56, top + 6), (x + 56, top + 6), (x, top + 110)], shirt)
        sketch.shape([(x - 34, top + 6), (x + 34, top + 6), (x, top + 54)], scaled(skin, 0.86))
        if chance(rng, 0.5):
            tie = hsv(rng.random(), 0.7, 0.45)
            sketch.shape(
                [(x - 10, top + 52), (x + 10, top + 52), (x + 18, 400), (x - 18, 400)], tie
            )


def _draw_features(
    rng: Rng, sketch: _Sketch, skin: Colour, hair: Colour, head: tuple[float, ...]
) -> None:
    x, y, rx, ry = head
    x += rng.uniform(-5, 5)  # the head is turned a little
    eyes, mouth, gap = y - rng.uniform(4, 14), y + ry * rng.uniform(0.46, 0.54), rx * 0.44
    iris = pick(rng, ((58, 40, 26), (46, 72, 104), (70, 86, 56), (30, 24, 20)))
    for side in (-1, 1):
        ex = x + side * gap
        sketch.oval(ex, eyes + 3, 19, 13, scaled(skin, 0.88))
        sketch.oval(ex, eyes, 14, rng.uniform(5, 8), (240, 236, 232))
        sketch.oval(ex, eyes, 7, 7, iris)
        sketch.oval(ex, eyes, 3, 3, (8, 8, 8))
        lid = [(ex - 16, eyes - 1), (ex - 6, eyes - 9), (ex + 7, eyes - 9), (ex + 16, eyes - 1)]
        sketch.stroke(lid, scaled(skin, 0.4), 3)
        lift = rng.uniform(18, 26)
        brow = [(ex - 20, eyes - lift + 5), (ex, eyes - lift - 2), (ex + 20, eyes - lift + 4)]
        sketch.stroke(brow, scaled(mix(hair, skin, 0.25), 0.8), rng.uniform(4, 8))
        sketch.oval(x + side * rx * 0.5, y + ry * 0.28, 17, 13, scaled(skin, 1.03))
    nose = rng.uniform(9, 15)
    sketch.stroke([(x - 5, eyes + 8), (x - 7, y + 22)], scaled(skin, 0.86), 5)
    sketch.oval(x, y + 28, nose + 3, 9, scaled(skin, 0.9))
    for side in (-1, 1):
        sketch.oval(x + side * nose * 0.6, y + 32, 4, 3, scaled(skin, 0.5))
    if chance(rng, 0.25):
        beard = scaled(mix(hair, skin, rng.uniform(0.1, 0.5)), 1.0)
        sketch.shape(
            [(a, b) for a, b in _head(x, y, rx, ry, 0.2) if b > y + ry * 0.22]
            + [(x - rx * 0.5, y + ry * 0.4), (x + rx * 0.5, y + ry * 0.4)],
            beard,
        )
        sketch.oval(x, mouth, 30, 14, scaled(mix(beard, skin, 0.35), 1.0))
    wide = rng.uniform(19, 29)
    lip = scaled((skin[0] * 0.86, skin[1] * 0.6, skin[2] * 0.6), 1.0)
    sketch.oval(x, mouth, wide, rng.uniform(6, 11), lip)
    sketch.stroke([(x - wide, mouth), (x, mouth + rng.uniform(-2, 4)), (x + wide, mouth)],
                  scaled(skin, 0.42), 3)  # fmt: skip
    if chance(rng, 0.22):
        frame = pick(rng, ((30, 30, 34), (110, 70, 40), (150, 150, 155)))
        for side in (-1, 1):
            ring = [(x + side * gap + 25 * math.cos(a), eyes + 19 * math.sin(a))
                    for a in np.linspace(0, 2 * math.pi, 20)]  # fmt: skip
            sketch.stroke(ring, frame, 4)
        sketch.stroke([(x - gap + 24, eyes - 3), (x + gap - 24, eyes - 3)], frame, 4)


def _draw_hair_before(
    rng: Rng, sketch: _Sketch, cut: str, hair: Colour, cloth: Colour, head: tuple[float, ...]
) -> None:
    x, y, rx, ry = head
    if cut == "bald":
        return
    if cut == "scarf":
        hair, fringe = scaled(cloth, 1.15), 0.55
    else:
        fringe = rng.uniform(0.42, 0.72)
    lean = rng.uniform(-0.8, 0.8) if cut == "parted" else rng.uniform(-0.25, 0.25)
    crown = [(x + (rx + 7) * math.cos(a), y - 2 + (ry + 14) * math.sin(a))
             for a in np.linspace(math.pi * 1.04, math.pi * 1.96, 24)]  # fmt: skip
    edge = [(x + t * (rx + 4), y - ry * (fringe + 0.12 * lean * t - 0.34 * t**2))
            for t in np.linspace(0.98, -0.98, 14)]  # fmt: skip
    sketch.shape(crown + edge, hair)


def _photograph(rng: Rng, sketch: _Sketch, outline: list[tuple[float, float]]) -> Image.Image:
    """Light the sketch as a studio would, soften it and print it."""
    width, height = sketch.image.size
    pixels = np.asarray(sketch.image).astype(np.float32)
    mask = np.zeros((height, width), np.float32)
    points = (np.array(outline) * sketch.scale).astype(np.int32)
    cv2.fillPoly(mask, [points], 1.0)
    # The blurred head is a height map; its slope against the light gives round cheeks.
    dome = cv2.GaussianBlur(mask, (0, 0), 26 * sketch.scale)
    slope = cv2.Sobel(dome, cv2.CV_32F, 1, 0, ksize=3) * pick(rng, (-1.0, 1.0))
    slope += 0.6 * cv2.Sobel(dome, cv2.CV_32F, 0, 1, ksize=3)
    light = 1 + rng.uniform(2.5, 5) * sketch.scale * slope * (0.3 + 0.7 * mask)
    light += 0.07 * (noise(rng, height, width, 30 * sketch.scale) - 0.5)
    pixels = cv2.GaussianBlur(pixels, (0, 0), 2.2 * sketch.scale + 0.2) * light[..., None]
    look = rng.random()
    if look < 0.3:  # laser-engraved in grey
        grey = pixels.mean(-1, keepdims=True).repeat(3, -1)
        pixels = grey * np.array(pick(rng, ((1, 1, 1), (0.96, 0.98, 1.04), (1.03, 1, 0.95))))
    elif look < 0.5:  # a pale, flat print
        pixels = 40 + pixels * 0.82
    return to_image(pixels * rng.uniform(0.86, 1.08))
