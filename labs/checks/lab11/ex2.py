"""Check of lab 11, exercise 2: folders with good and bad files, and a model that fails."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from labs.checks.images import encoded
from labs.checks.lab11.cores import Predictor
from labs.checks.unchanged import unchanged
from labs.engine import Context, fake_core
from labs.engine.plain import shown
from services.errors import InputError
from services.id_card.model.images import decode

KEYS = ["boxes", "error", "file"]


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Compare the rows of three folders; then let the model and the disk fail."""
    draw = context.random.randint
    with tempfile.TemporaryDirectory() as name:
        for bad, n in ((0, 4), (6, 3), (draw(2, 5), draw(1, 2))):
            folder = Path(name, str(bad))
            folder.mkdir(exist_ok=True)
            paths = _files(context, folder, bad, n)
            want = [_right_row(path) for path in paths]
            context.where = f"{len(paths)} paths, {bad} of them bad, n={n}"
            with unchanged(context, paths=paths):
                got = context.call(answer, paths, Predictor(n), n, because=_cause)
            _compare(context, got, want)
        for error in _errors(context):
            context.where = f"predict raises {type(error).__name__} in its second call"
            answered = _is_answered(context, answer, paths, Predictor(n, error), error)
            said = "detect_folder returned rows; the model's exception was expected."
            context.expect(not answered, said, mistake="hides_model")
        for bug in (ZeroDivisionError("a bug in read_bytes"), ValueError("a bug in read_bytes")):
            context.where = f"read_bytes() raises a {type(bug).__name__}: a bug"
            with patch.object(Path, "read_bytes", side_effect=bug) as read:
                answered = _is_answered(context, answer, paths, Predictor(n), bug)
            said = "detect_folder returned rows; the exception was expected."
            context.expect(not (answered and read.called), said)
    context.note(paths=len(paths), ways_to_fail=6)


def _cause(error: BaseException) -> str | None:
    if isinstance(error, MemoryError):
        return "too_many"
    return "stops" if isinstance(error, InputError | OSError) else None


def _files(context: Context, folder: Path, bad: int, n: int) -> list[Path]:
    """Write images, and up to six *bad* files of all kinds; return their paths.

    The first image has no card. A file in a subfolder has the same name, and one path comes twice.
    """
    paths = []
    for number in range(2 * n + 3 + bad):
        cards = context.random.randint(1, 4) if number else 0
        name = f"scan-{context.random.randrange(10**4):04}-{number}"
        paths.append(folder / f"{name}.{'JPG' if number == 1 else 'png'}")  # decode takes any name
        paths[-1].write_bytes(encoded(context.picture(cards, (160, 120))))
    again = folder / "more" / paths[0].name
    again.parent.mkdir()
    again.write_bytes(paths[1].read_bytes())
    # The first file of the second batch is bad, and others anywhere but at the start.
    places = [n, *context.random.sample([*range(1, n), *range(n + 1, len(paths))], 5)]
    kinds = [b"scanned on Monday", "half", "gone", b"", "folder", b"<html>"]
    for kind, place in list(zip(kinds, places, strict=True))[:bad]:
        path = paths[place]
        half = path.read_bytes()[: path.stat().st_size // 2]
        path.unlink()
        if kind == "folder":
            path.mkdir()
        elif kind != "gone":
            path.write_bytes(half if isinstance(kind, str) else kind)
    return [*paths, again, paths[2]]


def _right_row(path: Path) -> dict[str, Any]:
    try:
        boxes = fake_core.boxes(decode(path.read_bytes()))
    except (InputError, OSError) as error:
        return {"file": path.name, "boxes": None, "error": str(error)}
    return {"file": path.name, "boxes": boxes, "error": None}


def _compare(context: Context, got: Any, want: list[dict[str, Any]]) -> None:
    rows = context.plain(got, what="what detect_folder returned", kind=list)
    if any(not isinstance(row, dict) or sorted(row) != KEYS for row in rows):
        said = f"The rows are {shown(rows, 80)}; dictionaries with the keys {KEYS} were expected."
        context.fail(said, layer="schema")
    names = [row["file"] for row in want]
    if len(rows) != len(want):
        good = [row["file"] for row in want if row["error"] is None]
        context.fail(
            f"There are {len(rows)} rows for {len(want)} paths.",
            mistake="left_out" if [row["file"] for row in rows] == good else None,
        )
    others = [row["boxes"] for row in want if row["boxes"]]
    for number, (row, right) in enumerate(zip(rows, want, strict=True)):
        place = f"{context.where}; path {number}, {names[number]}"
        wrong_file = row["boxes"] in others and row["boxes"] != right["boxes"]
        if row["file"] == right["file"] and wrong_file:
            said = "The row has the boxes of another file."
            some_bad = any(row["error"] for row in want)
            context.fail(said, where=place, mistake="shifted" if some_bad else None)
        for key in ("file", "error", "boxes"):
            context.same(row[key], right[key], what=f"The row's {key}", where=place)
    if len({id(row) for row in got}) < len(want):
        context.fail(
            "The two rows of a path that comes twice are one and the same dictionary.",
            cause="A change of one row would change the other. Make a new dictionary for each.",
        )


def _errors(context: Context) -> list[Exception]:
    number = context.random.randint(2, 9)
    return [
        RuntimeError(f"the GPU lost {number} GB"),
        OSError(f"cannot open weights_{number}.onnx"),
        ValueError(f"the network has {number} outputs"),
        InputError(f"a bug, no. {number}", code="bug", status=400, hint="none"),
    ]


def _is_answered(
    context: Context, answer: Callable[..., Any], paths: list[Path], predict: Predictor, bug: Any
) -> bool:
    """Say whether rows come back; fail for another exception than *bug*, or one raised from it."""
    try:
        answer(list(paths), predict, predict.most)
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None and cause is not bug:
            cause = cause.__cause__ or cause.__context__
        if cause is None:
            raise context.raised(error) from error
        return False
    return True
