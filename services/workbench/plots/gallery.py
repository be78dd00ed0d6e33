"""Draw many images with boxes in rows that fill the full width.

Matplotlib would scale each image to its own axes. Here every image is resampled once and the boxes
are drawn at the final size, so they stay sharp.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from PIL import Image, ImageDraw, ImageFont

PAPER, INK = (255, 255, 255), (60, 62, 68)
TRUTH, FOUND = (0, 200, 130), (213, 94, 0)
"""Green for the true boxes, vermilion for a model's. They also differ in brightness."""
_GAP, _LINE = 8, 20  # pixels between images, and of a caption

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Frame:
    """A rectangle on an image."""

    box: Box  # (x1, y1, x2, y2) in pixels of the original image
    color: tuple[int, int, int] = TRUTH  # red, green and blue, 0 to 255
    label: str = ""  # written at its upper left corner; nothing if empty
    dashed: bool = False  # whether the line is dashed


@dataclass(frozen=True)
class Tile:
    """An image (the background shows through it), its frames, and its caption."""

    image: Image.Image
    frames: Sequence[Frame] = ()
    caption: str = ""


def gallery(tiles: Sequence[Tile], *, width: int = 1100, height: int = 200) -> Image.Image:
    """Draw tiles in rows, in their order, on an RGB image.

    It is *width* pixels wide (100 or more); *height* is the approximate height of a row in pixels
    (20 or more), and each row is scaled to fill the width. Raises ValueError if there is no tile,
    or a size is too small.
    """
    if not tiles:
        raise ValueError("there is no image to draw")
    if width < 100 or height < 20:
        raise ValueError(f"the gallery needs 100 x 20 pixels or more, got {width} x {height}")
    line = _LINE if any(tile.caption for tile in tiles) else 0
    rows = _rows([tile.image.width / tile.image.height for tile in tiles], width, height)
    full = sum(round(row_height) + line + _GAP for _, row_height in rows) + _GAP
    sheet = Image.new("RGB", (width, full), PAPER)
    top, left_over = _GAP, list(tiles)
    for count, row_height in rows:
        row, left_over = left_over[:count], left_over[count:]
        _draw_row(sheet, row, top, row_height)
        top += round(row_height) + line + _GAP
    return sheet


def _rows(shapes: Sequence[float], width: int, height: int) -> list[tuple[int, float]]:
    """Return how many images go into each row, and the row's height; *shapes* is width / height."""
    total = sum(shapes)
    count = max(1, round(total * height / width))
    rows: list[list[float]] = [[] for _ in range(count)]
    done = 0.0
    for shape in shapes:
        rows[int((done + shape / 2) / total * count)].append(shape)
        done += shape
    # They fill the width, unless a few images would become much too large.
    return [
        (len(row), min((width - _GAP * (len(row) + 1)) / sum(row), 1.6 * height))
        for row in rows
        if row
    ]


def _draw_row(sheet: Image.Image, row: Sequence[Tile], top: int, height: float) -> None:
    pen = ImageDraw.Draw(sheet)
    widths = [height * tile.image.width / tile.image.height for tile in row]
    left = float(_GAP)
    for tile, width in zip(row, widths, strict=True):
        x = round(left)
        picture = framed(tile.image, tile.frames, (round(left + width) - x, round(height)))
        sheet.paste(picture, (x, top))
        place = (left + width / 2, top + height + _LINE / 2)
        pen.text(place, tile.caption, INK, _font(12), anchor="mm")
        left += width + _GAP


def framed(image: Image.Image, frames: Sequence[Frame], size: tuple[int, int]) -> Image.Image:
    """Return a copy of an image at a size in pixels, with its frames drawn sharply."""
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, PAPER), image)
    picture = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(picture)
    scale = (size[0] / image.width, size[1] / image.height) * 2
    for frame in frames:
        edges = [round(edge * factor) for edge, factor in zip(frame.box, scale, strict=True)]
        left, top = min(max(edges[0], 0), size[0] - 3), min(max(edges[1], 0), size[1] - 3)
        right = max(left + 2, min(edges[2], size[0]) - 1)
        bottom = max(top + 2, min(edges[3], size[1]) - 1)
        _outline(pen, (left, top, right, bottom), frame)
        if frame.label:
            _label(pen, (left, top), frame, size[0])
    return picture


def _outline(pen: ImageDraw.ImageDraw, box: tuple[int, int, int, int], frame: Frame) -> None:
    """Draw the line on top of a darker one, so that it is visible on any background."""
    left, top, right, bottom = box
    dark = tuple(part // 3 for part in frame.color)
    if not frame.dashed:
        pen.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=dark, width=1)
        pen.rectangle(box, outline=frame.color, width=2)
        return
    for x in range(left, right, 9):
        for y in (top, bottom - 1):
            pen.rectangle((x, y, min(x + 5, right), y + 1), fill=frame.color)
    for y in range(top, bottom, 9):
        for x in (left, right - 1):
            pen.rectangle((x, y, x + 1, min(y + 5, bottom)), fill=frame.color)


def _label(pen: ImageDraw.ImageDraw, corner: tuple[int, int], frame: Frame, width: int) -> None:
    font = _font(11)
    _, _, across, down = pen.textbbox((0, 0), frame.label, font=font)
    x = max(0, min(corner[0], width - round(across) - 6))
    y = corner[1] - round(down) - 4 if corner[1] > down + 4 else corner[1]
    pen.rectangle((x, y, x + across + 6, y + down + 3), fill=frame.color)
    pen.text((x + 3, y + 1), frame.label, (255, 255, 255), font)


def _font(pixels: int) -> ImageFont.FreeTypeFont:
    """Return the font that comes with Matplotlib, so that it is the same everywhere."""
    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), pixels, layout_engine=ImageFont.Layout.BASIC)
