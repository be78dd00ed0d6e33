"""Draw detections onto an image, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from services.id_card.detector import Detection

_COLOUR = (214, 39, 120)  # a magenta that cards and desks rarely have
_TEXT = (255, 255, 255)


def draw(image: Image.Image, detections: Sequence[Detection]) -> Image.Image:
    """Return a copy of *image* with a frame and a label around each detection.

    Parameters
    ----------
    image : PIL.Image.Image
        Mode ``RGB``. It is not changed.
    detections : sequence of Detection
        Boxes in pixels of *image*. The most confident is drawn last, so on top.

    Returns
    -------
    PIL.Image.Image
        Mode ``RGB``, the size of *image*; equal to it if there is nothing to draw.
    """
    canvas = image.convert("RGB") if image.mode != "RGB" else image.copy()
    pen = ImageDraw.Draw(canvas)
    line = max(2, round(max(canvas.size) / 200))
    font = ImageFont.load_default(size=max(12, round(max(canvas.size) / 32)))
    for found in reversed(detections):
        pen.rectangle(found.box, outline=_COLOUR, width=line)
        _label(pen, f"{found.name} {found.confidence:.2f}", found.box, font, canvas.size)
    return canvas


def _label(
    pen: ImageDraw.ImageDraw,
    text: str,
    box: tuple[float, float, float, float],
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
    size: tuple[int, int],
) -> None:
    """Write *text* on a filled strip above the box, or inside it at the image's edge."""
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    pad = max(2, round((bottom - top) / 4))
    width, height = right - left + 2 * pad, bottom - top + 2 * pad
    x = min(max(box[0], 0), max(size[0] - width, 0))
    y = box[1] - height if box[1] >= height else box[1]
    pen.rectangle((x, y, x + width, y + height), fill=_COLOUR)
    pen.text((x + pad - left, y + pad - top), text, fill=_TEXT, font=font)
