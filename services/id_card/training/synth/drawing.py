"""Small drawing vocabulary: seeded choices, colours, smooth noise and a card-sized canvas.

Everything random takes a :class:`numpy.random.Generator`, never the global one, so a
picture depends on its seed alone.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import cv2
import numpy as np
from PIL import Image, ImageDraw

from services.id_card.training.synth.fonts import font

T = TypeVar("T")
Colour = tuple[int, int, int]
Point = tuple[float, float]
Rng = np.random.Generator
Array = np.ndarray[Any, np.dtype[Any]]

CARD_MM = 85.6  # long side of an ISO 7810 ID-1 card
CARD_RATIO = 53.98 / CARD_MM
WHITE: Colour = (250, 250, 248)
BLACK: Colour = (24, 24, 28)


def pick(rng: Rng, options: Sequence[T]) -> T:
    """Choose one of `options`, each with the same probability."""
    return options[int(rng.integers(len(options)))]


def chance(rng: Rng, probability: float) -> bool:
    """Return True with the given probability (0 to 1)."""
    return bool(rng.random() < probability)


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """Convert hue, saturation and value to RGB bytes; hue wraps, the others are clipped to 0..1."""
    s, v = min(max(saturation, 0.0), 1.0), min(max(value, 0.0), 1.0)
    r, g, b = colorsys.hsv_to_rgb(hue % 1.0, s, v)
    return int(255 * r), int(255 * g), int(255 * b)


def any_colour(rng: Rng) -> Colour:
    """Return a colour as things have it: mostly muted, now and then vivid."""
    saturation = rng.beta(1.2, 2.0) if chance(rng, 0.8) else rng.uniform(0.6, 1.0)
    return hsv(rng.random(), saturation, rng.uniform(0.12, 0.96))


def scaled(colour: Iterable[float], factor: float) -> Colour:
    """Make a colour darker (`factor` < 1) or lighter (> 1)."""
    r, g, b = (int(min(255, max(0, c * factor))) for c in colour)
    return r, g, b


def readable_on(colour: Sequence[int]) -> Colour:
    """Return near-white or near-black, whichever can be read on `colour`."""
    luma = 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]
    return WHITE if luma < 135 else BLACK


def noise(rng: Rng, height: int, width: int, cell: float, octaves: int = 2) -> Array:
    """Draw smooth value noise, of shape (height, width), float32 in 0..1, 0.5 on average.

    *cell* is the size of the largest blobs, in pixels; each octave halves it.
    """
    out = np.zeros((height, width), np.float32)
    amplitude, total = 1.0, 0.0
    for _ in range(octaves):
        grid = (max(2, int(height / cell) + 2), max(2, int(width / cell) + 2))
        coarse = rng.random(grid, dtype=np.float32)
        out += amplitude * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        total += amplitude
        amplitude, cell = amplitude / 2, max(1.5, cell / 2)
    return np.clip(out / total, 0, 1)


def ramp(height: int, width: int, angle: float) -> Array:
    """Return a float32 (height, width) ramp from 0 to 1 along `angle` (radians)."""
    y = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None]
    x = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None]
    out = x * np.float32(math.cos(angle)) + y * np.float32(math.sin(angle))
    out -= out.min()
    return out / max(float(out.max()), 1e-6)


def mix(a: Any, b: Any, amount: Any) -> Array:
    """Blend two colours or (h, w, 3) pictures; `amount` is 0..1, a number or an (h, w) map."""
    start = np.asarray(a, np.float32)
    return start + (np.asarray(b, np.float32) - start) * np.asarray(amount, np.float32)[..., None]


def to_image(pixels: Array) -> Image.Image:
    """Turn an (h, w, 3) array of any number type into an RGB image, clipped to 0..255."""
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


class Canvas:
    """A flat printed thing with measures that do not depend on its resolution.

    All lengths are thousandths of the long side, so a layout reads the same whether the card will
    be 80 or 800 *pixels* long in the picture. *ratio* is short side over long side, *base* what the
    canvas is filled with at first, and *rng* the source of every random choice that the parts drawn
    on it make.
    """

    def __init__(
        self,
        rng: Rng,
        pixels: int,
        portrait: bool = False,
        ratio: float = CARD_RATIO,
        base: Colour = WHITE,
    ) -> None:
        self.rng = rng
        self.unit = pixels / 1000
        size = (pixels, max(4, round(pixels * ratio)))
        measures = (1000.0, 1000.0 * ratio)
        self.width, self.height = measures[::-1] if portrait else measures
        self.image = Image.new("RGB", size[::-1] if portrait else size, base)
        self.pen = ImageDraw.Draw(self.image)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.image.height, self.image.width

    def _pixels(self, *values: float) -> list[float]:
        return [value * self.unit for value in values]

    def _stroke(self, width: float) -> int:
        return max(1, round(width * self.unit))

    def grid(self) -> tuple[Array, Array]:
        """Return the x (1, w) and y (h, 1) coordinates of the pixels, in canvas units."""
        height, width = self.shape
        x = np.arange(width, dtype=np.float32)[None] / self.unit
        y = np.arange(height, dtype=np.float32)[:, None] / self.unit
        return x, y

    def rect(
        self,
        x0: float,
        y0: float,
        x1: float,
        y1: float,
        fill: Colour | None = None,
        outline: Colour | None = None,
        stroke: float = 3,
        radius: float = 0,
    ) -> None:
        """Draw a rectangle from (x0, y0) to (x1, y1), with rounded corners if `radius` is given."""
        box = self._pixels(x0, y0, max(x0, x1), max(y0, y1))
        self.pen.rounded_rectangle(box, radius * self.unit, fill, outline, self._stroke(stroke))

    def disc(
        self,
        x: float,
        y: float,
        radius: float,
        fill: Colour | None = None,
        outline: Colour | None = None,
        stroke: float = 3,
    ) -> None:
        """Draw a circle around (x, y)."""
        box = self._pixels(x - radius, y - radius, x + radius, y + radius)
        self.pen.ellipse(box, fill, outline, self._stroke(stroke))

    def polygon(self, points: Iterable[Point], fill: Colour) -> None:
        """Fill a polygon."""
        self.pen.polygon([(x * self.unit, y * self.unit) for x, y in points], fill)

    def line(self, points: Iterable[Point], fill: Colour, stroke: float = 3) -> None:
        """Draw a polyline."""
        path = [(x * self.unit, y * self.unit) for x, y in points]
        self.pen.line(path, fill, self._stroke(stroke), joint="curve")

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: float,
        fill: Colour,
        face: str = "DejaVuSans",
        width: float | None = None,
        anchor: str = "ls",
    ) -> None:
        """Write one line; it shrinks where it would be longer than `width`.

        `anchor` is Pillow's: its default "ls" puts the left end of the baseline at (x, y).
        """
        pixels = size * self.unit
        if width is not None:
            length = font(face, pixels).getlength(words) / self.unit
            pixels *= min(1.0, width / max(length, 1.0))
        place = (x * self.unit, y * self.unit)
        self.pen.text(place, words, fill, font(face, pixels), anchor=anchor)

    def upright_text(
        self, x: float, y: float, length: float, words: str, size: float, fill: Colour, face: str
    ) -> None:
        """Write a line that climbs from (x, y + length) to (x, y), as on the edge of a permit."""
        box = (max(1, round(length * self.unit)), max(1, round(size * 1.3 * self.unit)))
        strip = Image.new("L", box, 0)
        letters = font(face, size * self.unit)
        letters = font(face, size * self.unit * min(1.0, box[0] / max(letters.getlength(words), 1)))
        ImageDraw.Draw(strip).text((0, box[1] * 0.78), words, 255, letters, anchor="ls")
        turned = strip.transpose(Image.Transpose.ROTATE_90)
        self.image.paste(fill, (round(x * self.unit), round(y * self.unit)), turned)

    def paste(
        self,
        picture: Image.Image,
        x: float,
        y: float,
        width: float,
        height: float,
        opacity: float = 1.0,
        radius: float = 0.0,
    ) -> None:
        """Put a picture into the given box, stretched to fit it."""
        size = (max(1, round(width * self.unit)), max(1, round(height * self.unit)))
        mask = Image.new("L", size, 0)
        box = (0, 0, size[0] - 1, size[1] - 1)
        ImageDraw.Draw(mask).rounded_rectangle(box, radius * self.unit, int(255 * opacity))
        fitted = picture.convert("RGB").resize(size, Image.Resampling.BILINEAR)
        self.image.paste(fitted, (round(x * self.unit), round(y * self.unit)), mask)

    def blend(self, colour: Any, strength: Any) -> None:
        """Blend a colour (or picture) into the whole canvas, by a map of strengths in 0..1."""
        self.image = to_image(mix(np.asarray(self.image), colour, strength))
        self.pen = ImageDraw.Draw(self.image)

    def gradient(self, start: Colour, end: Colour, angle: float | None = None) -> None:
        """Fill the canvas with a gradient; a random direction unless `angle` (radians) is given."""
        angle = float(self.rng.uniform(0, 2 * math.pi)) if angle is None else angle
        self.image = to_image(mix(start, end, ramp(*self.shape, angle)))
        self.pen = ImageDraw.Draw(self.image)

    def finish(self, radius: float) -> Array:
        """Cut the canvas out with rounded corners, smooth ones: (h, w, 4) uint8 with alpha."""
        width, height = self.image.size
        mask = Image.new("L", (width * 2, height * 2), 0)
        box = (0, 0, width * 2 - 1, height * 2 - 1)
        ImageDraw.Draw(mask).rounded_rectangle(box, radius * self.unit * 2, 255)
        alpha = mask.resize((width, height), Image.Resampling.BOX)
        return np.dstack([np.asarray(self.image), np.asarray(alpha)])
