"""Pictures and files that several test modules need."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

SAMPLES = Path(__file__).parents[3] / "services" / "id_card" / "samples"

CARDS = {"one_card": 1, "two_cards": 2, "close_up": 1, "small_card": 1, "no_card": 0}
"""The shipped samples and how many cards each shows."""

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "MPO")
"""Pillow's names of everything that is read."""

COLOURS = ((220, 30, 40), (30, 180, 60), (40, 60, 210), (230, 210, 40))
"""Of the four quarters of :func:`quarters`: upper left, upper right, lower left, lower right."""


def sample_bytes(name: str) -> bytes:
    return (SAMPLES / f"{name}.jpg").read_bytes()


def sample(name: str) -> Image.Image:
    with Image.open(SAMPLES / f"{name}.jpg") as image:
        return image.convert("RGB")


def quarters(width: int = 64, height: int = 48) -> Image.Image:
    """Return a picture that looks different in each of the eight orientations."""
    image = Image.new("RGB", (width, height))
    for i, colour in enumerate(COLOURS):
        corner = (i % 2 * width // 2, i // 2 * height // 2)
        image.paste(colour, (*corner, corner[0] + width // 2, corner[1] + height // 2))
    return image


def quarter_colours(image: Image.Image) -> tuple[object, ...]:
    """Return the colours in the middle of the four quarters."""
    width, height = image.size
    return tuple(image.getpixel((x * width // 4, y * height // 4)) for y in (1, 3) for x in (1, 3))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return *image* as a file of the given format; MPO gets a second picture, as phones do."""
    buffer = io.BytesIO()
    if kind == "MPO":
        options = {"save_all": True, "append_images": [Image.new("RGB", image.size)], **options}
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()
