"""Guards for answers that run in the check's process: no frame access, no changes to the engine.

An audit hook cannot be removed, but it is not a sandbox: code that knows Python's internals well
enough can bypass it. INSTRUCTORS.md says what it protects against.
"""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable
from types import FrameType, FunctionType
from typing import Any

_FRAMES = frozenset(
    {
        *("sys._getframe", "sys._current_frames", "sys._current_exceptions"),
        *("sys.settrace", "sys.setprofile", "code.__new__"),
        *("gc.get_objects", "gc.get_referrers", "gc.get_referents"),
        *("ctypes.dlopen", "ctypes.dlsym", "ctypes.cdata", "ctypes.string_at"),
        "ctypes.call_function",
    }
)
_ATTRIBUTES = frozenset(["tb_frame", "gi_frame", "cr_frame", "ag_frame", "f_code"])
_PASS_FRAMES_ON = ("inspect.py", "traceback.py", "base_tasks.py", "tasks.py", "pdb.py", "bdb.py")


class GuardedError(ValueError):
    """A submission tried to access a frame of its check."""


def forbid_frames() -> None:
    """Deny the learner's code frames, tracing, the garbage collector's lists and C functions."""

    def hook(event: str, arguments: tuple[Any, ...], /) -> None:
        if not _is_about_frames(event, arguments) or hasattr(asking, "now"):
            return  # the second case is this hook's own access to the stack
        asking.now = True
        try:
            refused = _is_asked_by_a_learner(sys._getframe(1))
        finally:
            del asking.now
        if refused:
            raise GuardedError(f"{event} is not available while an answer is graded")

    asking = threading.local()
    sys.addaudithook(hook)


def _is_about_frames(event: str, arguments: tuple[Any, ...]) -> bool:
    if event == "object.__getattr__":
        return arguments[1] in _ATTRIBUTES
    return event in _FRAMES


def _is_asked_by_a_learner(frame: FrameType | None) -> bool:
    """Return whether the learner's code makes this call, directly or through a library's function.

    A frame belongs to a library or the engine if its globals are those of an imported module; a
    file name proves nothing.
    """
    looked = 0
    while frame is not None and looked < 2:
        module = sys.modules.get(str(frame.f_globals.get("__name__")))
        if getattr(module, "__dict__", None) is not frame.f_globals:
            return True
        if str(module.__name__).startswith("labs."):  # type: ignore[union-attr]
            return False
        if not frame.f_code.co_filename.endswith(_PASS_FRAMES_ON):
            looked += 1
        frame = frame.f_back
    return False


def engine_state() -> Callable[[], str]:
    """Remember the state of engine and checks; return a function that names what has changed."""
    before = _state()

    def changed() -> str:
        after = _state()
        return next((name for name, value in before.items() if after.get(name) != value), "")

    return changed


def _state() -> dict[str, int]:
    found = {}
    for name, module in list(sys.modules.items()):
        if not name.startswith(("labs.engine", "labs.checks")) or module is None:
            continue
        for key, value in list(vars(module).items()):
            if isinstance(value, FunctionType):
                found[f"{name}.{key}"] = hash((id(value), id(value.__code__)))
            elif inspect.isclass(value) and value.__module__ == name:
                found[f"{name}.{key}"] = id(value)
                for part, member in list(vars(value).items()):
                    if isinstance(member, FunctionType | property | staticmethod | classmethod):
                        found[f"{name}.{key}.{part}"] = id(member)
    return found
