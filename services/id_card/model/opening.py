"""Open an image file from outside, and refuse what its header forbids.

A file's header says what decoding will cost: its pixels, and a JPEG's passes over them. The time,
which no header says, is checked while Pillow reads.
"""

from __future__ import annotations

import io
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from services.errors import InputError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
"""Pillow's names of the formats that are read; its JPEG covers MPO, which many phones save."""

MEDIA_TYPES = tuple(f"image/{name.lower()}" for name in FORMATS)
"""The same as media types: ``image/jpeg`` and so on."""

MAX_PIXELS = 50_000_000
"""The largest image that is decoded, in pixels."""

MAX_SCANS = 64
"""The most passes over its pixels that a JPEG may make; progressive files make about ten."""

MAX_SECONDS = 2.0
"""Processor time in which a file has to be decoded; 48 megapixels take about half of it."""

_PNG = b"\x89PNG\r\n\x1a\n"
_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_READABLE = "JPEG, PNG, WebP, GIF, BMP or TIFF"


def original_open() -> Any:
    """Return Pillow's own ``Image.open``.

    Importing ultralytics replaces it by a version that answers an unknown file with an attempt
    to install a package. Ultralytics keeps the original under the name used here.
    """
    patches = sys.modules.get("ultralytics.utils.patches")
    return getattr(patches, "_image_open", Image.open)


@contextmanager
def opened(data: bytes, max_pixels: int, seconds: float = MAX_SECONDS) -> Iterator[ImageFile]:
    """Open a file, its pixels not yet decoded, and refuse what its header forbids."""
    if not data:
        raise InputError(
            "The image is empty: it has 0 bytes.",
            code="image_empty",
            status=400,
            hint="Send the content of an image file; check the path you read it from.",
        )
    try:
        if data.startswith(_PNG):
            data = _pixels_only(data)
        image = original_open()(_TimedBytes(data, seconds), formats=FORMATS)
    except UnidentifiedImageError as error:
        if data.startswith(_PNG):
            raise damaged(error, seconds) from None
        raise InputError(
            f"These {len(data):,} bytes are not an image in a format we read: they begin with "
            f"{data[:8].hex(' ')}.",
            code="image_format",
            status=415,
            hint=f"Send a file in one of the formats {_READABLE}.",
        ) from None
    except Image.DecompressionBombError:
        raise _too_many_pixels(None, max_pixels) from None
    except Exception as error:
        raise damaged(error, seconds) from error
    with image:
        if image.width * image.height > max_pixels:
            raise _too_many_pixels(image.size, max_pixels)
        scans = data.count(b"\xff\xda") if image.format in ("JPEG", "MPO") else 1
        if scans > MAX_SCANS:
            raise InputError(
                f"The JPEG makes {scans} passes over its pixels; at most {MAX_SCANS} are allowed.",
                code="image_too_slow",
                status=400,
                hint="Save it again, as a JPEG that is not progressive.",
            )
        image.decodermaxblock = 16384  # read, and so check the clock, more often
        yield image


def damaged(error: Exception, seconds: float) -> InputError:
    """Return the refusal for whatever a decoder met: OSError, SyntaxError, struct.error …."""
    if isinstance(error, _SlowError):
        return InputError(
            f"The image takes more than {seconds:g} s to decode.",
            code="image_too_slow",
            status=400,
            hint="Save it again, as a JPEG that is not progressive or as a PNG.",
        )
    return InputError(
        f"The image is cut off or damaged: {error}.",
        code="image_damaged",
        status=400,
        hint="Open the file in an image viewer; if it shows whole there, save it again and "
        "send all of its bytes.",
    )


class _SlowError(Exception):
    """Decoding has used up its time."""


class _TimedBytes(io.BytesIO):
    """Bytes that can be read for a limited time, measured as this thread's processor time.

    Pillow reads while it decodes, so this is where a decoder can be stopped.
    """

    def __init__(self, data: bytes, seconds: float) -> None:
        super().__init__(data)
        self._end = time.thread_time() + seconds

    def read(self, size: int | None = -1, /) -> bytes:
        if time.thread_time() > self._end:
            raise _SlowError
        return super().read(size)


def _pixels_only(data: bytes) -> bytes:
    """Return a PNG without the chunks that do not affect its pixels.

    Text, profiles and the like may be larger than Pillow reads, or damaged, in a file whose
    pixels are sound. Chunk layout: PNG specification, section 5.3.
    """
    parts, at = [_PNG], len(_PNG)
    while at + 8 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        end = at + 12 + length
        whole = data[at:end]
        if kind in _PIXEL_CHUNKS or (kind == b"eXIf" and _is_sound(whole)):
            parts.append(whole)
        if kind == b"IEND":
            break
        at = end
    return b"".join(parts)


def _is_sound(chunk: bytes) -> bool:
    return zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:])


def _too_many_pixels(size: tuple[int, int] | None, max_pixels: int) -> InputError:
    met = f"{size[0]} by {size[1]} pixels" if size else "far too many pixels"
    return InputError(
        f"The image is too large: it has {met}; at most {max_pixels:,} are allowed.",
        code="image_too_many_pixels",
        status=413,
        hint="Scale it down before sending; the detector itself looks at a few hundred pixels "
        "a side.",
    )
