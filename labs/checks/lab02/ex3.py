"""lab02.ex3: Bytes, and nothing but bytes."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from labs.checks.lab02.disk import decodings, watched, whole_images_only
from labs.checks.lab02.endpoints import encoded
from labs.engine import Context
from services.errors import InputError

_LARGE = 10**9
_GOOD = (
    *(("PNG", mode) for mode in ("RGB", "RGBA", "P", "L")),
    *((kind, "RGB") for kind in ("JPEG", "WEBP", "BMP", "TIFF")),
    ("GIF", "P"),
    ("JPEG", "CMYK"),
    ("BMP", "RGB"),  # another one of as many bytes as the first
)


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Call ``picture_from(upload, max_bytes)`` with good and bad uploads."""
    with whole_images_only(answer):
        _accepts_images(context, answer)
        _reads_no_text(context, answer)
        image = encoded(context.picture(3, (400, 300)))
        with decodings() as decoded:
            _refused(context, answer, (image, len(image) - 1), 413, "an image, one byte too large")
            if decoded:
                context.fail(
                    "The image was decoded before it was refused.",
                    where="an image, one byte too large",
                    mistake="too_late",
                )
        noise = bytes(range(200, 250)) * 6
        _refused(context, answer, (noise, 299), 413, "300 bytes that are not an image, 299 allowed")
        text = b"not an image " * context.random.randint(2, 9)
        _refused(context, answer, (text, _LARGE), 415, "a text file")
        _refused(context, answer, (noise, _LARGE), 415, "300 bytes that are not text either")
        _refused(context, answer, (b"", _LARGE), 400, "an empty file")
        for kind in ("PNG", "JPEG"):
            half = encoded(context.picture(3, (400, 300)), kind)
            _refused(context, answer, (half[: len(half) // 2], _LARGE), 400, f"half a {kind}")
    context.note(uploads=24)


def _accepts_images(context: Context, answer: Callable[..., Any]) -> None:
    for kind, mode in _GOOD:
        where = f"a {kind} of mode {mode}"
        data = encoded(context.picture(context.random.randint(1, 5)).convert(mode), kind)
        got = context.call(answer, data, len(data), where=where)
        if not isinstance(got, Image.Image):
            context.fail(
                f"picture_from returned a {type(got).__name__}; a PIL image was expected.",
                where=where,
                layer="schema",
            )
        context.expect(
            str(got.mode) == "RGB",
            f"The image has the mode {got.mode}; RGB was expected.",
            where=where,
        )
        with Image.open(io.BytesIO(data)) as image:
            want = np.asarray(image.convert("RGB"), dtype=int)
        same = got.size == image.size and np.abs(np.asarray(got, dtype=int) - want).max() <= 3
        context.expect(bool(same), "The image's pixels differ from the upload's.", where=where)


def _reads_no_text(context: Context, answer: Callable[..., Any]) -> None:
    image = encoded(context.picture(2))
    with TemporaryDirectory() as folder:
        there, missing = Path(folder) / "card.png", Path(folder) / "none.png"
        there.write_bytes(image)
        with watched(there) as looks:
            said = _refused(context, answer, (str(there), _LARGE), 422, "the path of a file")
        if looks:
            context.fail(
                f"picture_from looked at the file that the text names: {', '.join(set(looks))}.",
                where="the path of a file",
                mistake="follows_text",
            )
        also = _refused(context, answer, (str(missing), _LARGE), 422, "the path of a missing file")
    context.expect(
        str(said).replace(str(there), "") == str(also).replace(str(missing), ""),
        f"The refusal tells whether the file exists: {str(said)!r}, {str(also)!r}.",
        where="the paths of a file that exists and of one that does not",
    )
    base64_text = base64.b64encode(image).decode()
    _refused(context, answer, (base64_text, _LARGE), 422, "an image as base64 text")
    _refused(context, answer, (base64_text, 10), 422, "a text of more than max_bytes characters")
    url = f"data:image/png;base64,{base64_text}"
    _refused(context, answer, (url, _LARGE), 422, "an image in a data URL, a text")
    _refused(context, answer, ("", _LARGE), 422, "an empty text")


def _refused(
    context: Context, answer: Callable[..., Any], given: tuple[Any, int], status: int, where: str
) -> InputError:
    """Return the refusal; fail unless it is an InputError with this status and its code."""
    wanted = f"an InputError with status {status} was expected"
    try:
        got = answer(*given)
    except InputError as refusal:
        code = {422: "image_not_a_file", 413: "body_too_large"}.get(status, refusal.code)
        context.expect(
            refusal.status == status,
            f"It was refused with status {refusal.status} ({refusal}); {wanted}.",
            where=where,
        )
        differs = f"The code is {refusal.code!r}; {code!r} was expected."
        context.expect(refusal.code == code, differs, where=where)
        differs = f"The refusal with code {refusal.code!r} has no hint."
        context.expect(bool(str(refusal.hint).strip()), differs, where=where, mistake="no_hint")
        return refusal
    except Exception as error:
        failure = context.raised(error, where=where, because="own_error")
        failure.differs += f"; {wanted}."
        raise failure from error
    mistake = None
    if where == "the path of a file" and isinstance(got, Image.Image):
        mistake = "follows_text"
    if where.startswith("half") and _is_lazy(got):
        mistake = "lazy"
    differs = f"picture_from returned a {type(got).__name__}; {wanted}."
    context.fail(differs, where=where, mistake=mistake)


def _is_lazy(image: Any) -> bool:
    """Say whether an image's pixels are still to be read."""
    try:
        image.load()
    except OSError:
        return True
    return False
