"""Files that a hostile or a careless client may upload instead of an image.

Used by ``make soak`` and by tests.
"""

from __future__ import annotations

import io
import random
import struct
import zlib

from PIL import Image

FOREIGN = {
    "heic": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(64),
    "avif": b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1" + bytes(64),
    "pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>',
    "zip": b"PK\x03\x04\x14\x00\x00\x00\x08\x00" + bytes(64),
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
    "ppm": b"P6 2 2 255 " + bytes(12),
    "text": b"This is no image.",
}
"""Files in formats that the service does not accept."""


def png_declaring(width: int, height: int) -> bytes:
    """Return a PNG of under 100 bytes whose header declares an image of this size, in pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(64))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def mutant(data: bytes, rng: random.Random) -> bytes:
    """Return a damaged copy: bits flipped, or bytes overwritten, cut, repeated or inserted."""
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


def bomb(kind: str) -> bytes:
    """Return a PNG or TIFF of less than a megabyte that holds an image of 49 megapixels.

    The PNG is RGB, 3 bytes a pixel; the TIFF has floats, 4 bytes a pixel.
    """
    buffer = io.BytesIO()
    if kind == "PNG":
        Image.new("RGB", (7000, 7000)).save(buffer, kind)
    else:
        Image.new("F", (7000, 7000), 0.5).save(buffer, kind, compression="tiff_deflate")
    return buffer.getvalue()
