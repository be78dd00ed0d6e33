"""Find out whether an answer is still the starter code, which should not be called wrong."""

from __future__ import annotations

import ast
import functools
import inspect
import json
from collections.abc import Iterable
from pathlib import Path
from types import FunctionType
from typing import Any, TypeGuard

from labs.engine.frames import attribute, cells_of, functions_of, is_blank
from labs.engine.outcome import NotAttemptedError
from services.environment import ROOT

LABS = ROOT / "labs"


def require_attempt(exercise: str, answers: Iterable[Any]) -> None:
    """Raise :class:`NotAttemptedError` if one of *answers* is still the starter code.

    An answer is starter code if it is ``...`` or None, or contains a ``...``; if it is a function
    without a body; or if its cell has the starter's code, ignoring comments and blanks.
    """
    for answer in answers:
        if answer is None or _holds_ellipsis(answer):
            raise NotAttemptedError("the answer still holds the `...` of the starter code")
        functions = list(functions_of(answer))
        if functions and all(is_blank(function.__code__) for function in functions):
            raise NotAttemptedError("the body is still empty")
        written = next(iter(attribute(answer, "inner")), answer)
        if inspect.isclass(written) and _is_empty(written):
            raise NotAttemptedError("the class is still empty")
        starter = starter_code(exercise)
        if starter and starter in {_code(cell) for cell in cells_of(answer)}:
            raise NotAttemptedError("the cell still has the starter code")


def _is_empty(cls: type) -> bool:
    """Return whether a class, and its base classes in the same module, define nothing."""
    own = [one for one in cls.__mro__ if one.__module__ == cls.__module__]
    return all(
        name.startswith("__") and not isinstance(member, FunctionType | staticmethod)
        for one in own
        for name, member in vars(one).items()
    )


def _holds_ellipsis(value: Any, depth: int = 0) -> bool:
    if value is ...:
        return True
    if depth > 4:
        return False
    if type(value) is dict:
        return any(_holds_ellipsis(item, depth + 1) for item in value.values())
    if type(value) in (list, tuple):
        return any(_holds_ellipsis(item, depth + 1) for item in value)
    return False


def notebook_of(lab: str) -> Path | None:
    """Return the shipped learner's notebook of a lab, if it exists."""
    return next(iter(sorted(LABS.glob(f"{lab}_*/{lab}_*.ipynb"))), None)


def starter_code(exercise: str) -> str:
    """Return the normalised code of an exercise's starter cell; empty if it is unknown."""
    path = notebook_of(exercise.partition(".")[0])
    return _starters(path, path.stat().st_mtime_ns).get(exercise, "") if path else ""


def answers_of(exercise: str) -> tuple[str, ...]:
    """Return the arguments that the lab passes to ``check``, as source; empty if unknown."""
    path = notebook_of(exercise.partition(".")[0])
    return _calls(path, path.stat().st_mtime_ns).get(exercise, ()) if path else ()


@functools.cache
def _calls(path: Path, _: int) -> dict[str, tuple[str, ...]]:
    found = {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if "check" in cell["metadata"].get("tags", []):
            call = next(n for n in ast.walk(ast.parse("".join(cell["source"]))) if _is_check(n))
            exercise, *answers = call.args
            found[ast.literal_eval(exercise)] = tuple(map(ast.unparse, answers))
    return found


def _is_check(node: ast.AST) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "check"


@functools.cache
def _starters(path: Path, _: int) -> dict[str, str]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    found = {}
    for cell in cells:
        grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
        if "exercise" in cell["metadata"].get("tags", []) and grade_id:
            found[grade_id.replace("-", ".", 1)] = _code("".join(cell["source"]))
    return found


def _code(source: str) -> str:
    """Return the code of a cell in normalised form, in which comments and blanks do not count."""
    try:
        return ast.dump(ast.parse(source))
    except SyntaxError:
        return ""
