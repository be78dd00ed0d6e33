"""lab03.ex3: Two requests at once."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from PIL import Image

from labs.checks.detections import passes_errors_on
from labs.checks.lab03.drawings import Pixels, decoded, pixels_of, png_of, require_frames
from labs.engine import Context, fake_core
from labs.engine.interleaving import interleaved, interrupted
from services.id_card.detector import Detector

WHAT = "render(detector, upload)"

_IMAGES = (
    *((3, "RGB", (400, 300)), (0, "RGBA", (150, 320)), (1, "P", (700, 200))),
    *((2, "L", (320, 240)), (2, "LA", (200, 300)), (0, "1", (150, 150))),
)
"""How many cards, the mode and the size of the images that are sent one after another."""


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Call ``render(detector, upload)`` alone, then several times in step."""
    with context.fake_core():
        detector = Detector()
        for cards, mode, size in _IMAGES:
            image = context.picture(cards, size).convert(mode)
            where = f"one request: a PNG of mode {mode} with {cards} cards"
            got = context.call(answer, detector, png_of(image), where=where)
            is_drawn(context, decoded(context, got, WHAT, where, "RGB"), image, where)
        buffer = io.BytesIO()
        context.picture(4).save(buffer, format="JPEG")
        got = context.call(answer, detector, buffer.getvalue(), where="one request: a JPEG")
        is_drawn(
            context, decoded(context, got, WHAT, "a JPEG", "RGB"), Image.open(buffer), "a JPEG"
        )
        buffer = io.BytesIO()
        context.picture(2).convert("CMYK").save(buffer, format="JPEG")
        where = "one request: a JPEG of mode CMYK"  # decoders convert it differently
        got = context.call(answer, detector, buffer.getvalue(), where=where)
        decoded(context, got, WHAT, where, "RGB")
        upload = png_of(context.picture(2))
        passes_errors_on(context, answer, detector, upload, what="render")
        images = [context.picture(3, (400, 300)) for _ in range(3)]
        with _saved_files() as paths:
            calls = [partial(answer, detector, png_of(image)) for image in images]
            for outcomes in (interleaved(calls), *interrupted(*calls[:2])):
                _are_own(context, outcomes, images, one_file=len(set(paths)) < len(paths))
    context.note(at_the_same_time=3)


def _are_own(context: Context, outcomes: list[Any], images: list[Any], one_file: bool) -> None:
    """Fail unless each request was answered with its own image."""
    where = f"{len(outcomes)} requests at the same time, each with its own image"
    for image, outcome in zip(images, outcomes, strict=False):
        got = context.call(outcome.result, where=where)
        pixels = decoded(context, got, WHAT, where, "RGB")
        if is_another(pixels, image, images):
            context.fail(
                "A request was answered with another request's image.",
                where=where,
                mistake="one_file" if one_file else "shared",
            )
        is_drawn(context, pixels, image, where)


def is_drawn(context: Context, pixels: Pixels, image: Any, where: str) -> None:
    """Fail unless an answer's pixels are those of *image* with a frame around each card."""
    boxes = [found.box for found in fake_core.detections(image)]
    require_frames(context, pixels, pixels_of(image), boxes, where, label=True)


def is_another(pixels: Pixels, image: Any, images: list[Any]) -> bool:
    """Say whether an answer is more like another one of the images."""

    def unlike(other: Any) -> float:
        before = pixels_of(other)
        same_size = pixels.shape == before.shape
        return float((pixels != before).any(axis=2).mean()) if same_size else 1.0

    return min(images, key=unlike) is not image


@contextmanager
def _saved_files() -> Iterator[list[Path]]:
    """Yield the paths of the files to which images are saved meanwhile."""
    paths: list[Path] = []
    save = Image.Image.save

    def spy(self: Image.Image, fp: Any, *args: Any, **options: Any) -> None:
        if isinstance(fp, str | Path):
            paths.append(Path(fp).resolve())
        save(self, fp, *args, **options)

    with patch.object(Image.Image, "save", spy):
        yield paths
