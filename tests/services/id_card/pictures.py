"""Pictures and files that several test modules need."""

from __future__ import annotations

import io
import random
import struct
import zlib
from pathlib import Path

from PIL import Image

SAMPLES = Path(__file__).parents[3] / "services" / "id_card" / "samples"

CARDS = {"one_card": 1, "two_cards": 2, "close_up": 1, "small_card": 1, "no_card": 0}
"""The shipped samples and how many cards each shows."""

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "MPO")
"""Pillow's names of everything that is read."""

COLOURS = ((220, 30, 40), (30, 180, 60), (40, 60, 210), (230, 210, 40))
"""Of the four quarters of :func:`quarters`: upper left, upper right, lower left, lower right."""

FOREIGN = {
    "heic": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(64),
    "avif": b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1" + bytes(64),
    "pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>',
    "zip": b"PK\x03\x04\x14\x00\x00\x00\x08\x00" + bytes(64),
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
    "ppm": b"P6 2 2 255 " + bytes(12),
    "text": b"This is no picture.",
}
"""Files of kinds that are not read."""


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


def png_declaring(width: int, height: int) -> bytes:
    """Return a PNG of under 100 bytes whose header declares a picture of this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(64))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def mutant(data: bytes, rng: random.Random) -> bytes:
    """Damage a file: flip bits, overwrite, cut, repeat or insert a stretch of bytes."""
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at = rng.randrange(len(damaged))
        match rng.randrange(6):
            case 0 | 1:
                damaged[at] ^= 1 << rng.randrange(8)
            case 2:
                damaged[at] = rng.choice((0, 0x7F, 0x80, 0xFF))
            case 3:
                del damaged[at : at + rng.randrange(1, 32)]
            case 4:
                damaged[at:at] = rng.randbytes(rng.randrange(1, 32))
            case _:
                damaged[at:at] = damaged[at : at + 32]
        if not damaged:
            return b""
    return bytes(damaged)
