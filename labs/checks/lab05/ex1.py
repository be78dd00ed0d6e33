"""lab05.ex1: One row of the log."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from labs.checks.lab05.service import Upload
from labs.engine import Context

_NAMES = ("anna", "bo", "chidi", "dana", "emre", "farah")


def check(context: Context, row_of: Callable[..., Any]) -> None:
    """Ask for the rows of fresh uploads; earlier rows must stay as they are."""
    earlier: list[tuple[Any, Any, str]] = []
    for count in (4, 0, 1, context.random.randint(5, 8)):
        upload = _upload(context)
        confidences = _confidences(context, count)
        before = copy.deepcopy(upload), confidences.copy()
        model = f"yolo_{context.random.randint(100, 999)}"
        version = f"{context.random.getrandbits(48):012x}" if count else "10"
        where = f"an image with {count} box{'es' * (count != 1)}"
        got = context.call(row_of, upload, confidences, model, version, where=where)
        height, width = upload.pixels.shape[:2]
        want = {"width": width, "height": height, "boxes": count, "model": model}
        want |= {"confidences": [float(one) for one in before[1]], "version": version}
        _compare(context, _line(context, got, upload, where), want, where)
        unchanged = np.array_equal(before[0].pixels, upload.pixels)
        context.expect(
            unchanged and np.array_equal(before[1], confidences),
            "row_of changed the arrays that it was given.",
            where=where,
        )
        earlier.append((got, want, where))
    for got, want, where in earlier:
        what = "The row, after further calls of row_of,"
        context.same(got, want, what=what, where=where, tolerance=_NEAR)
    context.note(rows=len(earlier))


_NEAR = 0.0011
"""Three decimals, rounded or cut off."""


def _upload(context: Context) -> Upload:
    """Return a fresh image, tall or wide, with a file name and a comment that a person wrote."""
    size = context.random.sample(range(20, 100), 2)
    name = context.random.choice(_NAMES)
    number = context.random.randint(1000, 9999)
    return Upload(
        context.numbers.integers(0, 256, (*size, 3), dtype=np.uint8),
        f"passport_of_{name}_{number}.png",
        f"Please call me, {name.title()}, at {number}-{number}",
    )


def _confidences(context: Context, count: int) -> Any:
    """Return fresh confidences; of several, one is low, one is below a half, and two are equal."""
    found = context.numbers.uniform(0.5, 1, count)
    if count > 1:
        low, middle = context.random.sample(range(count), 2)
        found[low], found[middle] = context.numbers.uniform((0.02, 0.3), (0.2, 0.48))
        high = [n for n in range(count) if n not in (low, middle)]
        found[high[0]] = found[high[-1]]
    return found.astype(np.float32)


def _line(context: Context, got: Any, upload: Upload, where: str) -> dict[str, Any]:
    """Return the row as the log's readers see it, or fail."""
    context.expect(
        issubclass(type(got), dict),
        f"row_of(…) is of type {type(got).__name__}; dict was expected.",
        where=where,
        layer="schema",
    )
    for key, value in dict.items(got):
        context.expect(
            not _is_image(value), f"{key!r} holds the image.", where=where, mistake="image"
        )
        text = value if isinstance(value, str) else ""
        context.expect(
            upload.file_name not in text and upload.comment not in text,
            f"{key!r} holds what a person wrote.",
            where=where,
            mistake="user_text",
        )
    try:
        return dict(json.loads(json.dumps(dict(dict.items(got)))))
    except (TypeError, ValueError) as error:
        context.fail(
            f"json.dumps(row) raised {type(error).__name__}: {error}",
            where=where,
            mistake="not_json" if re.search(r"float|int|ndarray", str(error)) else None,
            layer="schema",
        )
        raise


def _is_image(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) >= 500
    return isinstance(value, bytes) or (
        isinstance(value, np.ndarray | list | tuple) and len(value) > 15
    )


def _compare(context: Context, line: dict[str, Any], want: dict[str, Any], where: str) -> None:
    sure = [one for one in want["confidences"] if one >= 0.5]
    fewer = [want | {"confidences": sure, "boxes": n} for n in (want["boxes"], len(sure))]
    turned = want | {"width": want["height"], "height": want["width"]}
    context.same(
        line,
        want,
        what="row_of(…)",
        where=where,
        tolerance=_NEAR,
        mistakes=[("swapped", turned), *(("unsure", one) for one in fewer)],
    )
