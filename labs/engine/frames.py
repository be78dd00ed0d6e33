"""Find the learner's own lines in a traceback, and the cell in which an object was written."""

from __future__ import annotations

import functools
import inspect
import linecache
import sysconfig
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from services.environment import ROOT, build_dir

_LIBRARIES = tuple(
    str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "purelib", "platlib")
)


def is_learners(filename: str) -> bool:
    """Return whether code with this file name is the learner's: a cell, or the learner's file."""
    if filename.startswith("<") and not linecache.getlines(filename):
        return False  # <frozen importlib>, <string>
    path = str(Path(filename).resolve())
    if path.startswith(_LIBRARIES):
        return False
    if path.startswith(str(build_dir())):
        return True
    return not path.startswith(tuple(f"{ROOT / room}/" for room in ("labs", "services", "tests")))


def own_lines(stack: Iterable[traceback.FrameSummary], last: int = 3) -> tuple[str, ...]:
    """Return ``in inference, line 4: return boxes[0]`` for each of the learner's frames."""
    found = [
        f"in {frame.name}, line {frame.lineno}: {(frame.line or '').strip()}"
        for frame in stack
        if is_learners(frame.filename)
    ]
    return tuple(found[-last:])


def own_lines_of(error: BaseException) -> tuple[str, ...]:
    """Return the learner's lines through which *error* came."""
    return own_lines(traceback.extract_tb(error.__traceback__))


def functions_of(obj: Any) -> Iterator[FunctionType]:
    """Yield the Python functions that an answer consists of, looking through decorators.

    For a class these are its methods, for a BentoML service the methods of its class or its
    endpoints, for an instance the methods of its class.
    """
    seen: set[int] = set()
    waiting = [obj]
    while waiting:
        item = waiting.pop(0)
        if id(item) in seen or len(seen) > 500:
            continue
        seen.add(id(item))
        if isinstance(item, FunctionType):
            yield item
            waiting += [item.__wrapped__] if hasattr(item, "__wrapped__") else []
        elif isinstance(item, functools.partial):
            waiting.append(item.func)
        elif inspect.ismethod(item):
            waiting.append(item.__func__)
        elif isinstance(item, property):
            waiting += [item.fget, item.fset]
        elif isinstance(item, staticmethod | classmethod):
            waiting.append(item.__func__)
        elif inspect.isclass(item):
            if item.__module__ in ("__main__", "builtins") or _is_written_here(item):
                waiting += list(vars(item).values())
        elif type(item).__module__.split(".")[0] in ("bentoml", "_bentoml_sdk", "_bentoml_impl"):
            parts = vars(item) if hasattr(item, "__dict__") else {}
            for name in ("inner", "func", "runnable_class"):
                waiting += [parts[name]] if name in parts else attribute(item, name)
            waiting += list((attribute(item, "apis") or [{}])[0].values())
            waiting += list((attribute(item, "runners") or [()])[0])


def attribute(item: Any, name: str) -> list[Any]:
    """Return the attribute in a list, without calling ``__getattr__``; an empty list if absent."""
    try:
        return [object.__getattribute__(item, name)]
    except Exception:
        return []


def _is_written_here(cls: type) -> bool:
    return any(
        is_learners(member.__code__.co_filename)
        for member in vars(cls).values()
        if isinstance(member, FunctionType)
    )


def cells_of(obj: Any) -> list[str]:
    """Return the source of the cells that define *obj*'s functions, without duplicates."""
    names = dict.fromkeys(
        function.__code__.co_filename
        for function in functions_of(obj)
        if is_learners(function.__code__.co_filename)
    )
    return ["".join(linecache.getlines(name)) for name in names]


def is_blank(code: CodeType) -> bool:
    """Return whether a function does nothing: its body is ``...``, ``pass`` or a docstring."""
    import dis

    harmless = {"RESUME", "RETURN_GENERATOR", "POP_TOP", "LOAD_CONST", "RETURN_VALUE", "NOP"}
    values = [i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_CONST"]
    names = {instruction.opname for instruction in dis.get_instructions(code)}
    return names <= harmless and all(value is None or value is ... for value in values)
