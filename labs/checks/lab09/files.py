"""Image files for the requests of lab 09."""

from __future__ import annotations

import base64
import io
from typing import Any

from labs.engine import Context


def png_files(context: Context, count: int) -> list[bytes]:
    """Return the files of fresh scenes with 0 to 5 cards each, PNG."""
    return [png_of(context.picture(context.random.randint(0, 5))) for _ in range(count)]


def png_of(image: Any) -> bytes:
    """Return an image as a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def base64_of(file: bytes) -> str:
    """Return a file's base64 text."""
    return base64.b64encode(file).decode()


def images(count: int) -> str:
    """Return "1 image" or "3 images"."""
    return f"{count} image{'s' * (count != 1)}"
