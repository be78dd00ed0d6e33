"""From bytes of unknown origin to an upright RGB picture, or a clear refusal.

This is the only place where pictures from outside are opened. It knows no serving framework:
it takes bytes and gives a PIL image or raises :class:`~services.errors.InputError`.
"""

from __future__ import annotations

import base64
import io
import sys
from typing import Any

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from services.errors import InputError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
"""Pillow's names of the formats that are read; its JPEG covers MPO, which many phones save."""

MEDIA_TYPES = tuple(f"image/{name.lower()}" for name in FORMATS)
"""The same as media types: ``image/jpeg`` and so on."""

MAX_BYTES = 20 * 1024 * 1024
"""The largest upload that is read, in bytes (20 MiB; a 48-megapixel phone JPEG is about 12)."""

MAX_PIXELS = 50_000_000
"""The largest picture that is decoded, in pixels; decoded it takes three bytes a pixel."""

_READABLE = "JPEG, PNG, WebP, GIF, BMP or TIFF"

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF's orientations and what makes each of them upright; 1 is upright already."""


def from_base64(text: object) -> bytes:
    """Return the bytes of a file that came as base64 text, as JSON has to carry it.

    Raises
    ------
    InputError
        400 if it is no such text, code ``base64_invalid``.
    """
    try:
        if not isinstance(text, str):
            raise ValueError(f"it is of the type {type(text).__name__}")
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise InputError(
            f"What begins with {str(text)[:20]!r} is no base64 text: {error}.",
            code="base64_invalid",
            status=400,
            hint="Encode the file's bytes (in Python: base64.b64encode(data).decode()), without "
            "line breaks and without a 'data:' before them.",
        ) from None


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode the bytes of one picture completely.

    What the sender calls the file plays no part: the format is read from the bytes. Of an
    animation or a multi-page file the first frame is taken.

    Parameters
    ----------
    data : bytes
        The content of an image file.
    max_pixels : int
        Refuse a picture of more pixels before decoding it.

    Returns
    -------
    PIL.Image.Image
        Mode ``RGB``, size ``(width, height)`` in pixels, turned upright by its EXIF orientation.
        Its ``format`` attribute keeps the name of the format that was read.

    Raises
    ------
    InputError
        400 if the data is empty, cut off or damaged; 413 if the picture has too many pixels;
        415 if the bytes are of no format in :data:`FORMATS`.
    """
    if not data:
        raise InputError(
            "The image is empty: it has 0 bytes.",
            code="image_empty",
            status=400,
            hint="Send the content of an image file; check the path you read it from.",
        )
    try:
        with original_open()(io.BytesIO(data), formats=FORMATS) as image:
            _check_size(image, max_pixels)
            image.load()
            upright = upright_rgb(image)
            upright.format = image.format
            return upright
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(
            f"These {len(data):,} bytes are not a picture we read: they begin with "
            f"{data[:8].hex(' ')}.",
            code="image_format",
            status=415,
            hint=f"Send a file in one of the formats {_READABLE}.",
        ) from None
    except Image.DecompressionBombError:
        raise _too_many_pixels(None, max_pixels) from None
    except Exception as error:
        # Pillow's decoders raise whatever their format's parser met: OSError, SyntaxError,
        # ValueError, struct.error, zlib.error … All of them mean that the file is damaged.
        raise InputError(
            f"The picture is cut off or damaged: {error}.",
            code="image_damaged",
            status=400,
            hint="Open the file in an image viewer; if it shows whole there, save it anew and "
            "send all of its bytes.",
        ) from error


def upright_rgb(image: Image.Image) -> Image.Image:
    """Turn a picture of any mode into upright RGB, 8 bits a channel.

    Parameters
    ----------
    image : PIL.Image.Image
        Any mode: palette and grey are expanded, CMYK is converted, transparent parts are laid
        on white, and of 16-bit channels the upper 8 bits are kept. Modes ``I`` (32-bit) and
        ``F`` are read as 0 to 255, or as 0 to 65535 where a value exceeds 255.

    Returns
    -------
    PIL.Image.Image
        Mode ``RGB``. The input itself is never changed, but is returned if nothing is to be done.
    """
    image = _upright(image)
    if image.mode == "RGB" and not image.has_transparency_data:
        return image
    if image.mode in ("F", "I") or image.mode.startswith("I;16"):
        image = _eight_bits(image)
    if image.mode == "La":  # Pillow knows no direct way from it to RGBA
        image = image.convert("LA")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        page = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(page, image).convert("RGB")
    return image.convert("RGB")


def grayscale(image: Image.Image) -> Image.Image:
    """Return the brightness of a picture, upright.

    Parameters
    ----------
    image : PIL.Image.Image
        Any mode, as :func:`upright_rgb` takes it. It is not changed.

    Returns
    -------
    PIL.Image.Image
        Mode ``L``, one channel of 0 to 255: a third of the bytes of ``RGB``. A detector makes
        three equal channels of it.
    """
    return upright_rgb(image).convert("L")


def encode_png(image: Image.Image) -> bytes:
    """Return *image* as the bytes of a PNG file.

    The fastest compression level is taken: a server's time is dearer than the wire's here.
    """
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def original_open() -> Any:
    """Return Pillow's own ``Image.open``.

    Importing ultralytics replaces it by a version that answers an unknown file with an attempt
    to install a package. Ultralytics keeps the original under the name used here.
    """
    patches = sys.modules.get("ultralytics.utils.patches")
    return getattr(patches, "_image_open", Image.open)


def _check_size(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise _too_many_pixels(image.size, max_pixels)


def _too_many_pixels(size: tuple[int, int] | None, max_pixels: int) -> InputError:
    met = f"{size[0]} by {size[1]} pixels" if size else "far more pixels than that"
    return InputError(
        f"The picture is too large: {met}, where {max_pixels:,} in all are allowed.",
        code="image_too_many_pixels",
        status=413,
        hint="Scale it down before sending; the detector itself looks at a few hundred pixels "
        "a side.",
    )


def _upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation; a picture with an unreadable EXIF block stays as it is."""
    try:
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        return image
    if turn is None:
        return image
    # Not ImageOps.exif_transpose: it writes the EXIF block anew, and fails where any other entry
    # of it is damaged. Here the block is dropped, so that nobody turns the picture twice.
    upright = image.transpose(turn)
    for key in ("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"):
        upright.info.pop(key, None)
    return upright


def _eight_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.float64)
    if image.mode.startswith("I;16") or values.max(initial=0) > 255:
        values = values // 256
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
