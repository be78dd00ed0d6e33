"""Check of lab 11, exercise 2: folders with good and bad files, and a model that fails."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

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
            where = f"{len(paths)} paths, {bad} of them bad, n={n}"
            with unchanged(context, where, paths=paths):
                got = context.call(answer, paths, Predictor(n), n, where=where, because=_cause)
            _compare(context, got, want, where)
        for error in _errors(context):
            _lets_through(context, answer, paths, Predictor(n, error), n)
        for bug in (ZeroDivisionError("a bug in read_bytes"), ValueError("a bug in read_bytes")):
            _lets_read_errors_through(context, answer, paths, n, bug)
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
        buffer = io.BytesIO()
        cards = context.random.randint(1, 4) if number else 0
        context.picture(cards, (160, 120)).save(buffer, format="PNG")
        name = f"scan-{context.random.randrange(10**4):04}-{number}"
        paths.append(folder / f"{name}.{'JPG' if number == 1 else 'png'}")  # decode takes any name
        paths[-1].write_bytes(buffer.getvalue())
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


def _compare(context: Context, got: Any, want: list[dict[str, Any]], where: str) -> None:
    rows = context.plain(got, what="what detect_folder returned", where=where)
    if not isinstance(rows, list) or any(
        not isinstance(row, dict) or sorted(row) != KEYS for row in rows
    ):
        context.fail(
            f"detect_folder returned {shown(rows, 80)}; a list of dictionaries with the keys "
            f"{', '.join(KEYS)} was expected.",
            where=where,
            layer="schema",
        )
    names = [row["file"] for row in want]
    if len(rows) != len(want):
        good = [row["file"] for row in want if row["error"] is None]
        context.fail(
            f"There are {len(rows)} rows for {len(want)} paths.",
            where=where,
            mistake="left_out" if [row["file"] for row in rows] == good else None,
        )
    others = [row["boxes"] for row in want if row["boxes"]]
    for number, (row, right) in enumerate(zip(rows, want, strict=True)):
        place = f"{where}; path {number}, {names[number]}"
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
            where=where,
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


def _lets_through(
    context: Context, answer: Callable[..., Any], paths: list[Path], predict: Predictor, n: int
) -> None:
    """Fail unless the exception of the model, or one that is raised from it, is raised."""
    where = f"predict raises {type(predict.fails).__name__} in its second call"
    try:
        answer(list(paths), predict, n)
    except Exception as error:
        if not _comes_from(error, predict.fails):
            raise context.raised(error, where=where) from error
        return
    said = "detect_folder returned rows; the model's exception was expected."
    context.fail(said, where=where, mistake="hides_model")


def _comes_from(error: BaseException | None, cause: BaseException | None) -> bool:
    while error is not None and error is not cause:
        error = error.__cause__ or error.__context__
    return error is not None


def _lets_read_errors_through(
    context: Context, answer: Callable[..., Any], paths: list[Path], n: int, bug: Exception
) -> None:
    """Fail if an exception that is neither an InputError nor an OSError becomes a row."""
    name = type(bug).__name__
    where = f"read_bytes() raises a {name}"
    with patch.object(Path, "read_bytes", side_effect=bug) as read:
        try:
            answer(list(paths), Predictor(n), n)
        except Exception as error:
            if not _comes_from(error, bug):
                raise context.raised(error, where=where) from error
            return
    context.expect(
        not read.called,
        f"detect_folder returned rows; the {name} was expected.",
        where=where,
        cause="Such an exception is a bug, not a bad file. Catch InputError and OSError alone.",
    )
