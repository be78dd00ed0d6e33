"""Images as files, as clients send them."""

from __future__ import annotations

import io
from typing import Any


def encoded(image: Any, kind: str = "PNG") -> bytes:
    """Return a PIL image as the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, format=kind)
    return buffer.getvalue()
