"""lab03.ex1: Draw on a copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PIL import Image

from labs.checks.lab03.drawings import Box, pixels_of, require_frames
from labs.engine import Context


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Call ``frames(picture, boxes)`` with boxes of many kinds and look for the frames."""
    for where, size, boxes in _cases(context):
        noise = context.numbers.integers(90, 140, (size[1], size[0], 3), dtype="uint8")
        picture, handed = Image.fromarray(noise), list(boxes)
        before = pixels_of(picture)
        got = context.call(answer, picture, handed, where=where)
        if (pixels_of(picture) != before).any():
            context.fail(
                "The image that was passed in has changed.", where=where, mistake="changes_original"
            )
        context.expect(got is not picture, "The same image came back, not a copy.", where=where)
        context.expect(handed == boxes, "You changed the caller's list of boxes.", where=where)
        if not isinstance(got, Image.Image):
            context.fail(
                f"frames returned a {type(got).__name__}; a PIL image was expected.",
                where=where,
                layer="schema",
            )
        mode = str(got.mode)
        context.expect(mode == "RGB", f"The mode is {mode}; RGB was expected.", where=where)
        require_frames(context, pixels_of(got), before, boxes, where)
    context.note(images=6)


def _cases(context: Context) -> list[tuple[str, tuple[int, int], list[Box]]]:
    """Return what each image shows, its size, and boxes as a detector gives them: floats."""
    x, y = (context.random.randint(20, 30) + 0.4 for _ in "xy")
    card = (x, y, x + 90, y + 50)
    return [
        ("three boxes", (400, 300), [card, (150.2, 90.7, 280.1, 140.5), (30.6, 180, 120, 290.2)]),
        ("no boxes", (320, 240), []),
        ("one box in a large image", (1400, 1000), [(x, y, x + 900, y + 600)]),
        ("two boxes that cross", (320, 240), [card, (x + 40, y + 25, x + 150, y + 120)]),
        ("a box in another one", (150, 400), [(10, 10, 140, 380), (40.3, 60.2, 110, 200)]),
        ("a box as large as the image", (200, 120), [(0.0, 0.0, 199.0, 119.0)]),
    ]
