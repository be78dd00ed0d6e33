"""What a frame around a box is, and the images on which it is looked for."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from labs.engine import Context

Box = tuple[float, float, float, float]
Pixels = NDArray[np.int16]

_NEAR = 4
"""How many pixels a frame may lie off the box's edge, or be wide."""

_LABEL = 26
"""So many pixels above and below a box's upper edge may hold a label, where one is allowed."""


def pixels_of(image: Any) -> Pixels:
    """Return the pixels of an image in RGB; a copy."""
    return np.array(image.convert("RGB"), dtype=np.int16)


def png_of(image: Any) -> bytes:
    """Return an image as the bytes of a PNG."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def decoded(context: Context, data: Any, what: str, where: str, mode: str = "") -> Pixels:
    """Return the pixels of the bytes of a PNG of this mode, if one is given, or fail."""
    mistakes = context.exercise.mistakes
    if not isinstance(data, bytes | bytearray | memoryview):
        context.fail(
            f"{what} is of type {type(data).__name__}; bytes were expected.",
            where=where,
            mistake="not_bytes" if "not_bytes" in mistakes else None,
            layer="schema",
        )
    if not data:
        mistake = "empty" if "empty" in mistakes else None
        context.fail(f"{what} is empty.", where=where, mistake=mistake, layer="schema")
    try:
        image = Image.open(io.BytesIO(bytes(data)))
        image.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        context.fail(f"{what} is not an image file.", where=where, layer="schema")
    if image.format != "PNG":
        context.fail(
            f"{what} is a {image.format}; a PNG was expected.",
            where=where,
            mistake="jpeg" if image.format == "JPEG" and "jpeg" in mistakes else None,
            layer="schema",
        )
    if mode and image.mode != mode:
        context.fail(f"{what} has the mode {image.mode}; {mode} was expected.", where=where)
    return pixels_of(image)


def require_frames(
    context: Context,
    got: Pixels,
    before: Pixels,
    boxes: Sequence[Box],
    where: str,
    *,
    label: bool = False,
) -> None:
    """Fail unless every box has a frame, and nothing else was drawn.

    Parameters
    ----------
    got, before : array of shape (height, width, 3)
        The drawn image and the image that was handed in.
    boxes : sequence of (left, top, right, bottom)
        In pixels.
    label : bool
        Whether something may be written at the upper edge of a box.
    """
    context.expect(
        got.shape == before.shape,
        f"The result has {got.shape[1]} by {got.shape[0]} pixels; {before.shape[1]} by "
        f"{before.shape[0]} were expected.",
        where=where,
        layer="schema",
    )
    drawn = (got != before).any(axis=2)
    whole = [_has_frame(drawn, box) for box in boxes]
    if not all(whole):
        context.fail(
            f"{sum(whole)} of {len(boxes)} boxes have a frame along all four edges.",
            where=where,
            mistake=_why(context, drawn, boxes, whole),
        )
    allowed = np.zeros_like(drawn)
    for box in boxes:
        _allow(allowed, box, label)
    elsewhere = int((drawn & ~allowed).sum())
    if elsewhere:
        inside = _inside(got, drawn, boxes)
        context.fail(
            f"{elsewhere} pixels that are not at the edge of a box were changed.",
            where=where,
            mistake="filled" if inside and "filled" in context.exercise.mistakes else None,
        )
    widths = [_width(drawn, box) for box in boxes]
    widest = max((whole for whole, _ in widths), default=0)
    context.expect(
        # OpenCV draws a line of 4 pixels with 5, two on each side of the edge.
        widest <= _NEAR + 1 and all(half <= _NEAR for _, half in widths),
        f"A frame is {widest:g} pixels wide; 1 to 4 were expected.",
        where=where,
    )


def _why(context: Context, drawn: Any, boxes: Sequence[Box], whole: list[bool]) -> str | None:
    """Return the mistake that explains which boxes have no frame, if only one does."""
    swapped = [(top, left, bottom, right) for left, top, right, bottom in boxes]
    found = None
    if not drawn.any():
        found = "nothing_drawn"
    elif len(boxes) > 2 and whole[0] and _is_all(drawn, boxes[0]):
        found = "first_box"
    elif len(boxes) > 2 and whole[-1] and _is_all(drawn, boxes[-1]):
        found = "last_box"
    elif not any(whole) and all(_has_frame(drawn, box) for box in swapped):
        found = "swapped"
    return found if found in context.exercise.mistakes else None


def _sides(box: Box, shape: tuple[int, ...], margin: int) -> list[tuple[slice, slice, int]]:
    """Return the strips along the four edges, and the axis across each."""
    x1, y1, x2, y2 = (round(side) for side in box)

    def around(edge: int, end: int) -> slice:
        edge = min(edge, end - 1)
        return slice(max(0, edge - margin), edge + margin + 1)

    columns, rows = slice(max(0, x1), x2), slice(max(0, y1), y2)
    return [
        *((rows, around(x, shape[1]), 1) for x in (x1, x2)),
        *((around(y, shape[0]), columns, 0) for y in (y1, y2)),
    ]


def _has_frame(drawn: Any, box: Box) -> bool:
    """Say whether something was drawn along each of the four edges."""
    strips = [drawn[rows, columns].any(axis=a) for rows, columns, a in _sides(box, drawn.shape, 2)]
    return all(bool(strip.size and strip.mean() > 0.95) for strip in strips)


def _width(drawn: Any, box: Box) -> tuple[float, float]:
    """Return how wide a frame is, and how much of it lies to one side of the edge at most.

    It is measured where neither a label nor another frame meets it.
    """
    left, right, _, bottom = _sides(box, drawn.shape, _NEAR + 1)
    widths, halves = [], []
    for rows, columns, axis in (left, right, bottom):
        across = (rows, columns)[axis]
        edge = across.stop - _NEAR - 2 - across.start
        strip = np.moveaxis(drawn[rows, columns], axis, 0)
        whole, before, after = (
            float(np.median(part.sum(axis=0))) for part in (strip, strip[: edge + 1], strip[edge:])
        )
        widths.append(whole)
        halves += [before, after]
    return max(widths), max(halves)


def _allow(allowed: Any, box: Box, label: bool) -> None:
    """Mark the pixels that a frame around *box* may take."""
    for rows, columns, _ in _sides(box, allowed.shape, _NEAR):
        allowed[_wider(rows), _wider(columns)] = True
    if label:
        x1, y1 = round(box[0]), round(box[1])
        allowed[max(0, y1 - _LABEL) : y1 + _LABEL, max(0, x1 - _NEAR) : x1 + 200] = True


def _wider(strip: slice) -> slice:
    """Return a strip with its corners, where the frame's two sides meet."""
    return slice(max(0, strip.start - _NEAR), strip.stop + _NEAR)


def _is_all(drawn: Any, box: Box) -> bool:
    """Say whether nothing was drawn but a frame around *box*."""
    frame = np.zeros_like(drawn)
    _allow(frame, box, label=True)
    return not (drawn & ~frame).any()


def _inside(got: Pixels, drawn: Any, boxes: Sequence[Box]) -> bool:
    """Say whether every box was painted over in one colour, and nothing outside of the boxes."""
    outside, middles = drawn.copy(), []
    for x1, y1, x2, y2 in boxes:
        outside[
            max(0, round(y1) - _NEAR) : round(y2) + _NEAR + 1,
            max(0, round(x1) - _NEAR) : round(x2) + _NEAR + 1,
        ] = False
        x, y = round((x1 + x2) / 2), round((y1 + y2) / 2)
        middle = got[y - 5 : y + 6, x - 5 : x + 6]
        middles.append(bool(drawn[y, x]) and bool((middle == got[y, x]).all()))
    return bool(middles) and all(middles) and not outside.any()
