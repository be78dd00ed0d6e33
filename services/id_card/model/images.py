"""From bytes of unknown origin to an upright RGB image, or a clear refusal.

With :mod:`.opening` this is the only place where images from outside are read. It takes bytes and
gives a PIL image or raises :class:`~services.errors.InputError`.
"""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import ExifTags, Image
from PIL.ImageFile import ImageFile

from services.errors import InputError, json_type
from services.id_card.model.opening import MAX_PIXELS, MAX_SECONDS, damaged, opened

MAX_BYTES = 20 * 1024 * 1024
"""The largest upload that is read, in bytes (20 MiB; a 48-megapixel phone JPEG is about 12)."""

WORKING_SIDE = 1280
"""The network needs no more than this of a larger image's longer side, in pixels."""

FULL_SIZE = "full_size"
"""Key in ``Image.info`` of a reduced image: the size ``(width, height)`` that boxes refer to."""

_BYTES = {"1": 1, "L": 1, "P": 1, "RGB": 4, "CMYK": 4, "YCbCr": 4, "RGBX": 4}

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
    """Return the bytes of a file that came as base64 text, the form that JSON can carry.

    Raises
    ------
    InputError
        400 if it is not base64 text, code ``base64_invalid``.
    """
    try:
        if not isinstance(text, str):
            raise ValueError(f"it is {json_type(text)}")
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise InputError(
            f"The value that begins with {str(text)[:20]!r} is not base64 text: {error}.",
            code="base64_invalid",
            status=400,
            hint="Encode the file's bytes (in Python: base64.b64encode(data).decode()), without "
            "line breaks and without a 'data:' before them.",
        ) from None


def decoded_bytes(data: bytes, *, side: int | None = None) -> int:
    """Return the most memory that a file takes until its request is answered.

    It is known from the header alone, before anything is decoded.

    Parameters
    ----------
    data : bytes
        The content of an image file.
    side : int, optional
        As for :func:`decode`. Without it every pixel is kept, drawn on and encoded again.

    Returns
    -------
    int
        Bytes, conversion to upright RGB included.

    Raises
    ------
    InputError
        As :func:`decode`, as far as the header tells.
    """
    with opened(data, MAX_PIXELS) as image:
        _draft(image, _halved(max(image.size), side))
        width, height = image.size
        # Pillow holds RGB in four bytes a pixel. Turning, blending and 16 bits take copies.
        decoding = _BYTES.get(image.mode, 12) + 4
        # The image, its copy with boxes, and a PNG that does not compress.
        answering = 0 if side else 12
        return width * height * max(decoding, answering)


def decode(
    data: bytes,
    *,
    max_pixels: int = MAX_PIXELS,
    seconds: float = MAX_SECONDS,
    side: int | None = None,
) -> Image.Image:
    """Decode the bytes of one image completely.

    What the sender calls the file plays no part: the format is read from the bytes. Of an
    animation or a multi-page file the first frame is taken.

    Parameters
    ----------
    data : bytes
        The content of an image file.
    max_pixels : int
        Refuse an image of more pixels before decoding it.
    seconds : float
        Stop decoding a JPEG, PNG, GIF or BMP after so much of this thread's processor time.
        Of the other formats the time is bounded by the pixels alone.
    side : int, optional
        Return an image of at least twice this size halved, as often as its longer side stays
        at least *side* pixels; its ``info["full_size"]`` is the size that it had.

    Returns
    -------
    PIL.Image.Image
        Mode ``RGB``, size ``(width, height)`` in pixels, turned upright by its EXIF orientation.
        Its ``format`` attribute keeps the name of the format that was read.

    Raises
    ------
    InputError
        400 if the data is empty, cut off, damaged or takes too long; 413 if the image has too
        many pixels; 415 if the bytes are of no format in :data:`.opening.FORMATS`.
    """
    with opened(data, max_pixels, seconds) as image:
        width, height = image.size
        factor = _halved(max(image.size), side)
        try:
            _draft(image, factor)
            image.load()
            format_read = image.format
            left = factor // round(max(width, height) / max(image.size))
            # Pillow reduces neither palettes nor 16 bits, so these become RGB first.
            first = left > 1 and image.mode in ("L", "RGB", "CMYK", "F")
            upright = upright_rgb(image.reduce(left) if first else image)
            upright = upright if first or left == 1 else upright.reduce(left)
        except Exception as error:
            raise damaged(error, seconds) from error
    upright.format = format_read
    if factor > 1:
        turned = (upright.width > upright.height) != (width > height)
        upright.info[FULL_SIZE] = (height, width) if turned else (width, height)
    return upright


def upright_rgb(image: Image.Image) -> Image.Image:
    """Turn an image of any mode into upright RGB, 8 bits a channel.

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
    """Return the brightness of an image, upright.

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

    It uses the fastest compression level: here processor time costs more than bandwidth.
    """
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def reduced(image: Image.Image) -> Image.Image:
    """Return what :func:`decode` would have returned for :data:`WORKING_SIDE`.

    Parameters
    ----------
    image : PIL.Image.Image
        Mode ``RGB``. It is not changed, and returned if it is not large.
    """
    factor = _halved(max(image.size), WORKING_SIDE)
    if factor == 1:
        return image
    smaller = image.reduce(factor)
    smaller.info[FULL_SIZE] = image.size
    return smaller


def _draft(image: ImageFile, factor: int) -> None:
    """Have a JPEG decoded at a fraction of its size, which is faster; other formats cannot."""
    if factor > 1:
        image.draft("RGB", (-(-image.width // factor), -(-image.height // factor)))


def _halved(longer: int, side: int | None) -> int:
    """Return the power of two by which a length can be divided and still be at least *side*."""
    factor = 1
    while side and longer // (2 * factor) >= side:
        factor *= 2
    return factor


def _upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation; an image with an unreadable EXIF block stays as it is."""
    try:
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        return image
    if turn is None:
        return image
    # Not ImageOps.exif_transpose: it rewrites the EXIF block, and fails where any other entry
    # of it is damaged. Here the block is dropped, so that nobody turns the image twice.
    upright = image.transpose(turn)
    for key in ("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"):
        upright.info.pop(key, None)
    return upright


def _eight_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    wide = image.mode.startswith("I;16") or np.max(values, initial=0) > 255
    pixels = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), 256):  # by rows: a copy of the whole would be four times it
        rows = np.nan_to_num(values[top : top + 256])
        pixels[top : top + 256] = np.clip(rows // 256 if wide else rows, 0, 255)
    return Image.fromarray(pixels)
