"""Hand an answer over from the process of the learner's cells to the process that checks it.

Plain data is sent as data. A function of an exercise with ``apart = true`` stays in its process and
is called there, so that it never sees its check. Everything else is pickled; an object that cannot
be pickled is created again by running the cells in the check's process.
"""

from __future__ import annotations

import builtins
import io
import json
import linecache
import pickle
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

from labs.engine.attempted import require_attempt
from labs.engine.frames import functions_of, own_lines_of
from labs.engine.outcome import NotAttemptedError, OutOfTimeError
from labs.engine.pickling import pickled
from labs.engine.plain import NotPlainError, plain
from labs.engine.registry import Exercise
from labs.grading.cells import Cells, Limit, Quiet, TimeoutInCellError

LARGEST = 200_000_000
"""The most bytes of one message."""
GO_ON = b""

_KNOWN = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("builtins", "set"),
    ("builtins", "frozenset"),
    ("builtins", "bytearray"),
    ("builtins", "complex"),
    ("builtins", "range"),
    ("builtins", "slice"),
}


class _Loader(pickle.Unpickler):
    """Unpickles plain data only, so that unpickling cannot run code."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"{module}.{name} is not plain data")
        return super().find_class(module, name)


def loaded(data: bytes) -> Any:
    """Return data that a submission's process sent.

    Raises
    ------
    pickle.UnpicklingError
        If it contains anything but plain data.
    """
    return _Loader(io.BytesIO(data)).load()


def hand_over(link: Connection, declared: Exercise, names: Sequence[str], cells: Cells) -> None:
    """Send the learner's answer, and serve calls of it until the check has ended."""
    values = cells.values(names)
    kind, payload = _packed(declared, values)
    files = {n: "".join(linecache.getlines(n)) for n in linecache.cache if n.startswith("<cell")}
    head = {"checking": declared.id, "names": list(names), "kind": kind, "files": files}
    head["cells"] = [str(cell) for cell in cells.workspace.names.get("In", [])]
    link.send_bytes(json.dumps(head).encode())
    link.send_bytes(payload)
    # The check runs the learner's code, which may write to the link.
    # A bad length ends this process.
    while request := link.recv_bytes(LARGEST):
        link.send_bytes(_called(values, request, declared.seconds))


def _packed(declared: Exercise, values: list[Any]) -> tuple[str, bytes]:
    if declared.apart:
        try:
            require_attempt(declared.id, values)
        except NotAttemptedError as error:
            return "nothing", str(error).encode()
        return "apart", json.dumps([callable(value) for value in values]).encode()
    try:
        return "data", pickle.dumps(plain(values))
    except NotPlainError:
        pass
    try:
        return "object", pickled(values)
    except Exception:
        return "cells", b""


def _called(values: list[Any], request: bytes, seconds: float) -> bytes:
    """Call one of *values*; return its result, or what it raised, and the arguments afterwards."""
    n, arguments, options = pickle.loads(request)
    answer: dict[str, Any] = {}
    try:
        with Limit(0.9 * seconds), Quiet():
            answer["value"] = _data(values[n](*arguments, **options))
        answer["after"] = [_data(argument) for argument in arguments]
    except (Exception, SystemExit, TimeoutInCellError) as error:
        bases = [cls.__name__ for cls in type(error).__mro__ if cls.__module__ == "builtins"]
        answer = {"raised": type(error).__name__, "said": _said(error), "bases": bases}
        answer |= {"lines": list(own_lines_of(error)), "late": type(error) is TimeoutInCellError}
        answer["after"] = [_data(argument) for argument in arguments]
    return pickle.dumps(answer)


def _said(error: BaseException) -> str:
    """Return an exception's argument as text; ``str`` would put quotes around a KeyError's."""
    only = error.args[0] if len(error.args) == 1 else None
    return (only if type(only) is str else str(error))[:2000]


def _data(value: Any) -> Any:
    """Return *value* as plain data; for other objects, a text that names the type."""
    try:
        loaded(pickle.dumps(value))
        return value
    except Exception:
        pass
    try:
        return plain(value)
    except NotPlainError:
        return {_OTHER: type(value).__name__}


_OTHER = "labs: an object of type"


class RemoteError(Exception):
    """An exception that the learner's code raised in its own process."""


def remote(link: Connection, n: int) -> Callable[..., Any]:
    """Return a function that calls the learner's *n*-th answer in the learner's process."""

    def answer(*arguments: Any, **options: Any) -> Any:
        link.send_bytes(pickle.dumps((n, arguments, options)))
        said = loaded(link.recv_bytes(LARGEST))
        for old, new in zip(arguments, said["after"], strict=False):
            _put_back(old, new)
        if said.get("late"):
            raise OutOfTimeError(str(said["said"]))
        if "raised" in said:
            raise _error(said)
        value = said["value"]
        if isinstance(value, dict) and list(value) == [_OTHER]:
            return type(str(value[_OTHER]), (), {})()
        return value

    return answer


def _put_back(old: Any, new: Any) -> None:
    """Change a caller's list, mapping or array as the learner's code changed its copy."""
    if isinstance(old, list) and isinstance(new, list) and old != new:
        old[:] = new
    elif isinstance(old, dict) and isinstance(new, dict) and old != new:
        old.clear()
        old.update(new)
    elif hasattr(old, "dtype") and hasattr(new, "dtype") and old.shape == new.shape != ():
        old[...] = new


def _error(said: dict[str, Any]) -> BaseException:
    """Return an exception of the same name, with the learner's lines."""
    found = (getattr(builtins, str(name), None) for name in said["bases"])
    base = next(
        (cls for cls in found if isinstance(cls, type) and issubclass(cls, Exception)), Exception
    )
    name = str(said["raised"])
    cls = base if base.__name__ == name else type(name, (RemoteError, base), {})
    try:
        error = cls(str(said["said"]))
    except TypeError:  # UnicodeDecodeError and similar ones need more arguments
        error = type(name, (RemoteError,), {})(str(said["said"]))
    error.learner_lines = tuple(map(str, said["lines"]))
    return error


def adopt(values: Sequence[Any], names: Sequence[str], cells: Sequence[str]) -> None:
    """Give unpickled functions the names by which the engine finds their cells."""
    for value in values:
        for function in functions_of(value):
            namespace = function.__globals__
            if namespace.get("__name__") == "__main__":
                namespace.setdefault("In", list(cells))
                namespace.update(zip(names, values, strict=True))
