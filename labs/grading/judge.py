"""Check one answer in a process that never ran the learner's cells."""

from __future__ import annotations

import contextlib
import json
import linecache
import pickle
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from labs.engine import api
from labs.engine.outcome import Status
from labs.engine.registry import Exercise, find
from labs.grading import guard, handover
from labs.grading.cells import Cells, Quiet


class _Reached(BaseException):
    """The cells ran up to the requested check."""


def judge(
    head: dict[str, Any], payload: bytes, link: Connection, again: Callable[[], Cells], seed: int
) -> dict[str, Any]:
    """Return the result of a check as JSON data.

    Parameters
    ----------
    head, payload : dict, bytes
        What :func:`labs.grading.handover.hand_over` sent.
    link : Connection
        The connection to the process of the learner's cells, for answers that stay there.
    again : callable
        Returns the learner's cells, to be run in this process as a last resort.
    seed : int
        The seed of the check's inputs.
    """
    declared = find(str(head["checking"]))
    changed = guard.engine_state()
    try:
        values = _values(declared, head, payload, link, again)
    except Exception as error:
        return _nothing(declared, f"the answer could not be read: {type(error).__name__}: {error}")
    if values is None:
        text = payload.decode(errors="replace")[:200]
        return _nothing(declared, text, Status.NOT_ATTEMPTED)
    with Quiet():
        result = api.examine(declared.id, *values, seed=seed)
        data = {**result.as_dict(), "seconds": round(result.seconds, 2), "title": result.title}
    if result.passed and (name := changed()):
        return _nothing(declared, f"the submission changed the checker: {name}")
    return data


def _values(
    declared: Exercise,
    head: dict[str, Any],
    payload: bytes,
    link: Connection,
    again: Callable[[], Cells],
) -> list[Any] | None:
    """Return the answers; None for those that the learner's process does not have."""
    kind, names = head["kind"], [str(name) for name in head["names"]]
    if declared.apart:
        if kind == "nothing":
            return None
        flags = json.loads(payload)
        return [handover.remote(link, n) if flag else 0 for n, flag in enumerate(flags)]
    if kind == "data":
        return list(handover.loaded(payload))
    for file, text in head["files"].items():
        if str(file).startswith("<cell"):
            linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    if kind == "object":
        guard.forbid_frames()
        values = list(pickle.loads(payload))
        handover.adopt(values, names, [str(cell) for cell in head["cells"]])
        return values
    values = _from_cells(declared.id, again())
    guard.forbid_frames()
    return values


def _from_cells(exercise: str, cells: Cells) -> list[Any]:
    """Run the learner's cells here, up to the check of *exercise*."""
    found: list[Any] = []

    def at_check(name: str, expressions: list[str]) -> None:
        if name == exercise:
            found.extend(cells.values(expressions))
            raise _Reached

    with contextlib.suppress(_Reached):
        cells.run(at_check)
    return found


def _nothing(declared: Exercise, said: str, status: Status = Status.FAIL) -> dict[str, Any]:
    return {
        "exercise": declared.id,
        "title": declared.title,
        "status": str(status),
        "points": 0,
        "out_of": declared.points,
        "layer": None,
        "mistake": None,
        "facts": {},
        "message": {"What differs": said},
        "seconds": 0.0,
    }
