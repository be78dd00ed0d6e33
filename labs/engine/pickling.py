"""Send a notebook's live object to another process."""

from __future__ import annotations

import importlib
import io
import sys
import threading
from types import FunctionType, ModuleType
from typing import Any

_LOCK, _RLOCK = type(threading.Lock()), type(threading.RLock())


def pickled(answer: Any) -> bytes:
    """Return the live object, to be unpickled in another process.

    Raises
    ------
    Exception
        If something in it cannot be pickled: a lock, a connection, a loaded model.
    """
    import bentoml
    import cloudpickle  # type: ignore[import-untyped]

    shared = _shared_objects()

    class Pickler(cloudpickle.CloudPickler):
        def reducer_override(self, obj: Any) -> Any:
            if id(obj) in shared:
                return _attribute_of, shared[id(obj)]
            if isinstance(obj, bentoml.legacy.Service):
                # Its own pickling needs a module to import.
                return _empty_service, (), obj.__getstate__()
            if isinstance(obj, _LOCK):
                return threading.Lock, ()  # a new lock: it protects nothing there yet
            if isinstance(obj, _RLOCK):
                return threading.RLock, ()
            return super().reducer_override(obj)

    buffer = io.BytesIO()
    Pickler(buffer).dump(answer)
    return buffer.getvalue()


def _shared_objects() -> dict[int, tuple[str, str]]:
    """Return the modules' own objects by id: an answer refers to the object itself, not a copy."""
    return {
        id(value): (module.__name__, name)
        for module in list(sys.modules.values())
        if getattr(module, "__name__", "").startswith(("labs.", "services."))
        for name, value in list(vars(module).items())
        if not isinstance(value, type | FunctionType | ModuleType) and not name.startswith("__")
    }


def _attribute_of(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def _empty_service() -> Any:
    import bentoml

    return object.__new__(bentoml.legacy.Service)
