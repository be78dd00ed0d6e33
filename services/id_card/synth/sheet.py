"""Contact sheets: many scenes at a glance, with their boxes."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from services.id_card.synth.fonts import font
from services.id_card.synth.scene import Difficulty, Scene, make_scene
from services.id_card.synth.splits import Split

PAPER = (250, 249, 246)
INK = (70, 72, 78)
MINT = (0, 200, 130)


def contact_sheet(
    split: Split = "train",
    seed: int = 0,
    count: int = 24,
    columns: int = 6,
    cell: int = 240,
    difficulty: Difficulty = "mixed",
    boxes: bool = True,
) -> Image.Image:
    """Draw the first `count` scenes of a split on one sheet.

    Parameters
    ----------
    split, seed, difficulty
        As for :func:`~services.id_card.synth.scene.make_scene`.
    count, columns : int
        How many scenes, and how many of them side by side; both at least 1.
    cell : int
        Side of the square that each scene is fitted into, in pixels.
    boxes : bool
        Draw the labels too.

    Returns
    -------
    PIL.Image.Image
        RGB.

    Raises
    ------
    ValueError
        If `count` or `columns` is below 1, or an argument of the scenes is out of range.
    """
    if count < 1 or columns < 1:
        raise ValueError(f"count and columns must be at least 1, got {count} and {columns}")
    scenes = [make_scene(split, i, seed, difficulty) for i in range(count)]
    return arrange(scenes, columns, cell, boxes)


def arrange(scenes: Sequence[Scene], columns: int, cell: int, boxes: bool = True) -> Image.Image:
    """Arrange scenes in rows on a pale sheet, each numbered from 0; see :func:`contact_sheet`."""
    gap, caption = max(6, cell // 24), max(10, cell // 14)
    rows = -(-len(scenes) // columns)
    width = columns * (cell + gap) + gap
    sheet = Image.new("RGB", (width, rows * (cell + caption + gap) + gap), PAPER)
    pen = ImageDraw.Draw(sheet)
    for i, scene in enumerate(scenes):
        left = gap + i % columns * (cell + gap)
        top = gap + i // columns * (cell + caption + gap)
        picture = _framed(scene, cell, boxes)
        x = left + (cell - picture.width) // 2
        y = top + (cell - picture.height) // 2
        sheet.paste(picture, (x, y))
        words = {0: "no card", 1: "1 card"}.get(len(scene.boxes), f"{len(scene.boxes)} cards")
        place = (left + cell / 2, top + cell + caption / 2)
        pen.text(place, f"{i} · {words}", INK, font("DejaVuSans", caption * 0.72), anchor="mm")
    return sheet


def _framed(scene: Scene, cell: int, boxes: bool) -> Image.Image:
    factor = cell / max(scene.image.size)
    size = (round(scene.image.width * factor), round(scene.image.height * factor))
    picture = scene.image.resize(size, Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(picture)
    stroke = max(2, cell // 100)
    for box in scene.boxes if boxes else ():
        edges = [float(v) * factor for v in box]
        edges[2], edges[3] = max(edges[0], edges[2] - 1), max(edges[1], edges[3] - 1)
        pen.rounded_rectangle(edges, stroke, outline=MINT, width=stroke)
    return picture
