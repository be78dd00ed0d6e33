"""Surfaces a card may lie on, drawn from noise. Each returns an (h, w, 3) float32 picture."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np

from services.id_card.training.synth.drawing import (
    Array,
    Rng,
    any_colour,
    chance,
    hsv,
    mix,
    noise,
    pick,
    scaled,
)

Texture = Callable[[Rng, int, int], Array]


def _grid(height: int, width: int) -> tuple[Array, Array]:
    """Return y (h, 1) and x (1, w), the long side running from 0 to 1."""
    longest = max(height, width)
    y = np.arange(height, dtype=np.float32)[:, None] / longest
    x = np.arange(width, dtype=np.float32)[None] / longest
    return y, x


def _grain(rng: Rng, height: int, width: int, amount: float) -> Array:
    """Return fine colourless speckle of the given strength (in grey levels), as (h, w, 1)."""
    speckle = rng.standard_normal((height, width), dtype=np.float32)
    return cv2.GaussianBlur(speckle, (0, 0), 0.7)[..., None] * np.float32(amount)


def wood(rng: Rng, height: int, width: int) -> Array:
    """Boards with rings and fibres; from pale maple to dark walnut."""
    y, _ = _grid(height, width)
    warp = noise(rng, height, width, max(height, width) / rng.uniform(2, 6), 2)
    rings = 0.5 + 0.5 * np.sin((y * rng.uniform(3, 14) + warp * rng.uniform(1, 4)) * 2 * math.pi)
    fibre = cv2.resize(rng.random((height, max(2, width // 24)), dtype=np.float32), (width, height))
    base = hsv(rng.uniform(0.035, 0.11), rng.uniform(0.15, 0.65), rng.uniform(0.28, 0.92))
    depth = rng.uniform(0.15, 0.6) * rings + rng.uniform(0.15, 0.45) * fibre
    surface = mix(base, np.array(base) * 0.55, depth)
    boards = int(rng.integers(0, 6))
    for i in range(1, boards + 1):
        at = int(height * i / (boards + 1))
        surface[at : at + max(1, height // 220)] *= 0.5
        surface[:at] *= rng.uniform(0.96, 1.04)
    return surface


def cloth(rng: Rng, height: int, width: int) -> Array:
    """Woven cloth with soft folds."""
    y, x = _grid(height, width)
    threads = rng.uniform(50, 140) * 2 * math.pi
    weave = 0.5 + 0.3 * np.sin(x * threads) * np.sin(y * threads)
    folds = noise(rng, height, width, max(height, width) / rng.uniform(1.5, 5), 2)
    colour = np.array(any_colour(rng), np.float32)
    return colour * (0.72 + 0.2 * weave + rng.uniform(0.1, 0.7) * (folds - 0.5))[..., None]


def checked_cloth(rng: Rng, height: int, width: int) -> Array:
    """Table cloth or blanket with checks or stripes."""
    y, x = _grid(height, width)
    count = rng.uniform(4, 22) * 2 * math.pi
    across = np.clip(np.sin(x * count) * 6, -1, 1) * 0.5 + 0.5
    down = np.clip(np.sin(y * count * pick(rng, (0.0, 1.0, 1.0))) * 6, -1, 1) * 0.5 + 0.5
    surface = mix(any_colour(rng), any_colour(rng), 0.5 * across + 0.5 * down)
    folds = noise(rng, height, width, max(height, width) / 3, 2)
    return surface * (0.8 + 0.4 * folds[..., None]) + _grain(rng, height, width, 6)


def stone(rng: Rng, height: int, width: int) -> Array:
    """Marble with veins."""
    cloud = noise(rng, height, width, max(height, width) / rng.uniform(1.5, 4), 4)
    _, x = _grid(height, width)
    veins = 1 - np.abs(np.sin((cloud * rng.uniform(1.5, 4) + x) * 2 * math.pi)) ** 0.35
    base = pick(
        rng, ((238, 236, 232), (48, 48, 52), (214, 206, 194), (120, 130, 128), (90, 78, 70))
    )
    vein = pick(rng, ((120, 118, 116), (220, 214, 205), (90, 70, 50)))
    return mix(base, vein, veins * rng.uniform(0.3, 0.9))


def granite(rng: Rng, height: int, width: int) -> Array:
    """Speckled kitchen counter."""
    colours = [np.array(scaled(any_colour(rng), 0.9), np.float32) for _ in range(3)]
    surface = np.broadcast_to(colours[0], (height, width, 3)).astype(np.float32)
    for colour in colours[1:]:
        spots = noise(rng, height, width, rng.uniform(2, 7), 1) > rng.uniform(0.55, 0.72)
        surface = mix(surface, colour, spots * 0.8)
    return surface + _grain(rng, height, width, 8)


def plain(rng: Rng, height: int, width: int) -> Array:
    """Painted table, desk pad or sheet of paper: one colour, hardly any structure."""
    colour = pick(rng, (any_colour(rng), (240, 240, 238), (28, 28, 30), (225, 222, 214)))
    cloud = noise(rng, height, width, max(height, width) / 2, 2)
    shade = 1 + rng.uniform(0, 0.16) * (cloud - 0.5)
    return np.array(colour, np.float32) * shade[..., None] + _grain(
        rng, height, width, rng.uniform(0, 9)
    )


def tiles(rng: Rng, height: int, width: int) -> Array:
    """Tiles or a parquet of blocks, each of a slightly different tone, with joints."""
    y, x = _grid(height, width)
    rows, columns = rng.uniform(3, 10), rng.uniform(2, 9)
    row = np.floor(y * rows)
    shifted = x * columns + 0.5 * (row % 2) * chance(rng, 0.5)
    tone = np.sin((row * 57 + np.floor(shifted)) * 12.9898) * rng.uniform(0.03, 0.16)
    surface = np.array(any_colour(rng), np.float32) * (0.9 + tone)[..., None]
    joint = ((y * rows) % 1 < 0.035) | (shifted % 1 < 0.035)
    surface[joint] = surface[joint] * rng.uniform(0.5, 0.8)
    return surface + (noise(rng, height, width, 10)[..., None] - 0.5) * 22


def carpet(rng: Rng, height: int, width: int) -> Array:
    """Carpet or felt: strong fine grain, sometimes two colours."""
    first, second = any_colour(rng), any_colour(rng)
    patches = noise(rng, height, width, max(height, width) / rng.uniform(3, 12), 2) > 0.5
    surface = mix(first, second, patches * rng.uniform(0, 0.5))
    return surface + _grain(rng, height, width, rng.uniform(18, 50))


def bokeh(rng: Rng, height: int, width: int) -> Array:
    """Room out of focus: dark, with soft discs of light."""
    surface = mix(any_colour(rng), any_colour(rng), noise(rng, height, width, height / 2, 1)) * 0.6
    lights = np.ascontiguousarray(surface)
    for _ in range(int(rng.integers(6, 26))):
        at = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        radius = int(rng.uniform(0.01, 0.09) * max(height, width)) + 1
        cv2.circle(lights, at, radius, any_colour(rng), -1, cv2.LINE_AA)
    return cv2.GaussianBlur(mix(surface, lights, rng.uniform(0.3, 0.9)), (0, 0), width / 120)


def dead_leaves(rng: Rng, height: int, width: int) -> Array:
    """Shapes over shapes over shapes: clutter of no particular kind.

    Natural pictures share the statistics of this model, so a detector that is used to it is
    not surprised by edges and corners it has never seen.
    """
    surface = np.full((height, width, 3), any_colour(rng), np.uint8)
    longest = max(height, width)
    for _ in range(int(rng.integers(25, 90))):
        size = longest * 0.02 / max(0.06, rng.random()) ** 1.1
        at = rng.uniform(-0.05, 1.05, 2) * (width, height)
        if chance(rng, 0.35):
            centre, radius = (int(at[0]), int(at[1])), int(size * 0.6) + 1
            cv2.circle(surface, centre, radius, any_colour(rng), -1, cv2.LINE_AA)
        else:
            sides = (float(size), float(size * rng.uniform(0.2, 1)))
            box = (tuple(map(float, at)), sides, rng.uniform(0, 180))
            points = np.rint(cv2.boxPoints(box)).astype(np.int32)
            cv2.fillConvexPoly(surface, points, any_colour(rng), cv2.LINE_AA)
    shade = noise(rng, height, width, longest / 8, 3)
    return surface.astype(np.float32) * (0.7 + 0.6 * shade[..., None])


def room(rng: Rng, height: int, width: int) -> Array:
    """Room: wall, floor, window, door and shelf as plain areas with soft light."""
    surface = np.full((height, width, 3), scaled(any_colour(rng), 1.1), np.uint8)
    floor = int(height * rng.uniform(0.55, 0.95))
    surface[floor:] = any_colour(rng)
    for _ in range(int(rng.integers(3, 12))):
        x, y = int(rng.uniform(-0.1, 0.9) * width), int(rng.uniform(-0.1, 0.8) * height)
        size = (int(rng.uniform(0.05, 0.35) * width), int(rng.uniform(0.05, 0.5) * height))
        cv2.rectangle(surface, (x, y), (x + size[0], y + size[1]), any_colour(rng), -1)
        if chance(rng, 0.5):
            cv2.rectangle(surface, (x, y), (x + size[0], y + size[1]), any_colour(rng), 2)
    soft = cv2.GaussianBlur(surface, (0, 0), rng.uniform(0.5, width / 60))
    light = noise(rng, height, width, width / 1.5, 1)[..., None]
    return soft.astype(np.float32) * (0.6 + 0.8 * light)


def newsprint(rng: Rng, height: int, width: int) -> Array:
    """Newspaper seen close: columns of lines, headings and grey pictures."""
    page = np.full((height, width), int(rng.integers(205, 250)), np.uint8)
    columns, pitch = int(rng.integers(1, 5)), int(rng.integers(5, 12))
    for column in range(columns):
        left, right = width * column // columns + 4, width * (column + 1) // columns - 4
        y = 4
        while y < height:
            if chance(rng, 0.06):
                tall = int(rng.integers(pitch * 2, pitch * 9))
                cv2.rectangle(page, (left, y), (right, y + tall), int(rng.integers(50, 200)), -1)
                y += tall + pitch
                continue
            x = left
            while x < right:
                word = int(rng.integers(pitch, pitch * 5))
                cv2.rectangle(page, (x, y), (min(right, x + word), y + pitch // 3), 90, -1)
                x += word + pitch // 2
            y += pitch
    paper = cv2.GaussianBlur(page, (0, 0), 0.6).astype(np.float32)[..., None]
    return paper * np.array(pick(rng, ((1, 1, 1), (1, 0.97, 0.88))), np.float32)


# ---------------------------------------------------------------- held out


def denim(rng: Rng, height: int, width: int) -> Array:
    """Jeans: diagonal weave and a seam."""
    y, x = _grid(height, width)
    twill = np.sin((x + y) * rng.uniform(300, 600))
    colour = np.array(hsv(rng.uniform(0.57, 0.64), rng.uniform(0.3, 0.7), rng.uniform(0.25, 0.65)))
    fade = noise(rng, height, width, max(height, width) / 3, 3)
    surface = colour.astype(np.float32) * (0.75 + 0.14 * twill + 0.4 * fade)[..., None]
    at = int(width * rng.uniform(0.1, 0.9))
    surface[::3, at : at + 2] = (214, 160, 80)
    return surface + _grain(rng, height, width, 12)


def terrazzo(rng: Rng, height: int, width: int) -> Array:
    """Chips of stone in cement."""
    base = pick(rng, ((232, 230, 224), (70, 72, 76), (196, 188, 178)))
    surface = np.full((height, width, 3), base, np.uint8)
    longest = max(height, width)
    for _ in range(int(rng.integers(60, 160))):
        spread = rng.normal(0, longest * rng.uniform(0.006, 0.025), (5, 2))
        points = (rng.uniform(0, 1, 2) * (width, height) + spread).astype(np.int32)
        cv2.fillConvexPoly(surface, cv2.convexHull(points), any_colour(rng), cv2.LINE_AA)
    return surface.astype(np.float32)


def leather(rng: Rng, height: int, width: int) -> Array:
    """Grained leather of a sofa or a desk pad."""
    fine = noise(rng, height, width, rng.uniform(5, 10), 2)
    bump = cv2.Sobel(fine, cv2.CV_32F, 1, 1, ksize=3)
    colour = np.array(hsv(rng.uniform(0, 0.1), 0.5, rng.uniform(0.15, 0.6)), np.float32)
    cloud = noise(rng, height, width, 90)
    return colour * (0.9 + 1.2 * bump + 0.3 * (cloud - 0.5))[..., None]


def wicker(rng: Rng, height: int, width: int) -> Array:
    """Basket work: strips over and under one another."""
    y, x = _grid(height, width)
    count = rng.uniform(14, 40)
    over = (np.floor(x * count) + np.floor(y * count)) % 2
    level = np.abs(np.sin(np.where(over > 0, x, y) * count * math.pi))
    colour = np.array(hsv(rng.uniform(0.06, 0.12), rng.uniform(0.2, 0.6), rng.uniform(0.4, 0.9)))
    return colour.astype(np.float32) * (0.4 + 0.6 * level)[..., None] + _grain(
        rng, height, width, 10
    )


def concrete(rng: Rng, height: int, width: int) -> Array:
    """Grey concrete with stains and pores."""
    cloud = noise(rng, height, width, max(height, width) / 2, 5)
    surface = np.repeat((120 + 110 * (cloud - 0.5) + rng.uniform(-40, 60))[..., None], 3, -1)
    pores = noise(rng, height, width, 3, 1) > 0.8
    surface[pores] *= 0.75
    return surface.astype(np.float32) + _grain(rng, height, width, 9)


TEXTURES: dict[str, Texture] = {
    function.__name__: function
    for function in (
        wood, cloth, checked_cloth, stone, granite, plain, tiles, carpet, bokeh, dead_leaves, room,
        newsprint, denim, terrazzo, leather, wicker, concrete,
    )
}  # fmt: skip
