"""Lab 05, exercise 1: uploads, and the row that a log keeps of each."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labs.checks.lab05_service import Upload
from labs.engine import Context

NAMES = ("anna", "bo", "chidi", "dana", "emre", "farah")


def upload(context: Context) -> Upload:
    """Return a fresh picture, never square, with a file name and a comment of a person."""
    height = context.random.randint(20, 60)
    shape = (height, height + context.random.randint(10, 40), 3)
    name = context.random.choice(NAMES)
    number = context.random.randint(1000, 9999)
    return Upload(
        context.numbers.integers(0, 256, shape, dtype=np.uint8),
        f"passport_of_{name}_{number}.png",
        f"Please call me, {name.title()}, at {number}-{number}",
    )


def confidences(context: Context, count: int) -> NDArray[np.float32]:
    """Return fresh confidences; of several, one is low and one is below a half."""
    found = context.numbers.uniform(0.5, 1, count)
    if count > 1:
        low, middle = context.random.sample(range(count), 2)
        found[low], found[middle] = context.numbers.uniform((0.02, 0.3), (0.2, 0.48))
    return found.astype(np.float32)


def line(context: Context, got: Any, upload: Upload, where: str) -> dict[str, Any]:
    """Return the row as whoever reads the log finds it, or fail."""
    if not issubclass(type(got), dict):
        kind = type(got).__name__
        context.fail(
            f"row_of(…) is of type {kind}; dict was expected.", where=where, layer="schema"
        )
    for key, value in dict.items(got):
        if _is_picture(value):
            context.fail(f"{key!r} holds the picture.", where=where, mistake="picture")
        if isinstance(value, str) and any(
            text in value for text in (upload.file_name, upload.comment)
        ):
            context.fail(f"{key!r} holds what a person wrote.", where=where, mistake="user_text")
    try:
        line = json.loads(json.dumps(dict(dict.items(got))))
    except (TypeError, ValueError) as error:
        context.fail(
            f"json.dumps(row) raised {type(error).__name__}: {error}",
            where=where,
            mistake="not_json" if re.search(r"float|int|ndarray", str(error)) else None,
            cause="JSON knows texts, numbers, lists and dictionaries with texts as keys.",
            layer="schema",
        )
    assert isinstance(line, dict)
    return line


def _is_picture(value: Any) -> bool:
    if isinstance(value, np.ndarray | list | tuple | str | bytes):
        return isinstance(value, bytes) or (len(value) > 15 and not _is_short_text(value))
    return False


def _is_short_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) < 500


def wrong_rows(line: dict[str, Any], want: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return the rows that the named mistakes would give."""
    wrong = [("swapped", want | {"width": want["height"], "height": want["width"]})]
    if want["boxes"] > 1:
        best = max(want["confidences"])
        alone = [best, [best], want["confidences"][0], want["confidences"][:1]]
        counts = (want["boxes"], 1)
        wrong += [
            ("best_only", want | {"confidences": one, "boxes": n}) for one in alone for n in counts
        ]
        for least in sorted(want["confidences"])[1:]:
            sure = [one for one in want["confidences"] if one >= least]
            shorter = want | {"confidences": sure}
            wrong += [("unsure", shorter | {"boxes": n}) for n in (want["boxes"], len(sure))]
            wrong.append(("unsure", want | {"boxes": len(sure)}))
    return wrong
