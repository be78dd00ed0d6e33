"""An answer is handed the caller's own objects; this says which of them it changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from labs.engine import Context
from labs.engine.plain import shown


@contextmanager
def unchanged(context: Context, where: str, **arguments: Any) -> Iterator[None]:
    """Fail if the block changes one of *arguments*.

    Parameters
    ----------
    context : Context
    where : str
        The input, in words.
    **arguments : object
        Plain data, NumPy arrays or DataFrames, by the names that the task gives them.

    Raises
    ------
    FailedError
        With the name of the argument that was changed.
    """
    before = {name: _frozen(value) for name, value in arguments.items()}
    was = {name: _shown(value) for name, value in arguments.items()}
    yield
    for name, value in arguments.items():
        context.expect(
            _frozen(value) == before[name],
            f"Your code changed the caller's {name}. It was {was[name]}; now it is "
            f"{_shown(value)}.",
            where=where,
            cause="The caller still needs it. Work on a copy, or build a new object.",
        )


def _frozen(value: Any) -> Any:
    """Return something that stays as it is and differs whenever *value* differs."""
    if isinstance(value, np.ndarray):
        return value.dtype, value.shape, value.tobytes()
    if isinstance(value, list | tuple):
        return [_frozen(item) for item in value]
    if isinstance(value, dict):
        return [(key, _frozen(item)) for key, item in value.items()]
    if hasattr(value, "to_dict"):
        return repr(value.to_dict("split"))
    return repr(value)


def _shown(value: Any) -> str:
    if hasattr(value, "to_dict"):
        return f"a table with the columns {list(value)} and {len(value)} rows"
    if isinstance(value, np.ndarray):
        return shown(value.ravel()[:6].tolist(), 60) + " …" * (value.size > 6)
    return shown(value, 100)
