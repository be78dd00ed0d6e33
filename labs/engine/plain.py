"""Plain values: an answer converted to Python's own types, without any tricks of its class.

An object may claim to be equal to everything. So an answer is never compared directly: it is first
converted to Python's own lists, dictionaries, strings and numbers.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DEPTH = 12


class NotPlainError(TypeError):
    """A value has a type that JSON does not know; the message names the type and the place.

    Attributes
    ----------
    kind : str
        The name of its type.
    """

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


def plain(value: Any, place: str = "it", depth: int = 0) -> Any:
    """Return *value* as Python's own list, dict, str, int, float, bool or None.

    Tuples become lists, and NumPy's numbers become Python's. NumPy arrays are refused: JSON has
    none.

    Raises
    ------
    NotPlainError
        If it contains any other type.
    """
    if depth > _DEPTH:
        raise NotPlainError(f"{place} is nested more than {_DEPTH} deep")
    kind = type(value)
    if value is None or kind is bool:
        return value
    if issubclass(kind, bool | np.bool_):
        return bool(value)
    if issubclass(kind, int | np.integer):
        return int.__int__(value) if issubclass(kind, int) else int(value)
    if issubclass(kind, float | np.floating):
        return float.__float__(value) if issubclass(kind, float) else float(value)
    if issubclass(kind, str):
        return str.__str__(value) if kind is str else "".join(str.__iter__(value))
    if issubclass(kind, list | tuple):
        items = list.__iter__(value) if issubclass(kind, list) else tuple.__iter__(value)
        return [plain(item, f"item {n} of {place}", depth + 1) for n, item in enumerate(items)]
    if issubclass(kind, dict):
        found = {}
        for key, item in dict.items(value):
            if not isinstance(key, str):
                raise NotPlainError(f"a key of {place} is of type {type(key).__name__}, not str")
            found[plain(key)] = plain(item, f"{key!r} in {place}", depth + 1)
        return found
    raise NotPlainError(
        f"{place} is of type {kind.__name__}, which JSON does not know", kind.__name__
    )


def array(value: Any) -> NDArray[Any]:
    """Return a copy of a NumPy array as NumPy's own class.

    Raises
    ------
    NotPlainError
        If *value* is not an array.
    """
    if not issubclass(type(value), np.ndarray):
        raise NotPlainError(f"it is of type {type(value).__name__}, not a NumPy array")
    return np.array(np.ndarray.view(value, np.ndarray))


def same(a: Any, b: Any, tolerance: float = 0.0) -> bool:
    """Return whether two plain values are equal, numbers within an absolute *tolerance*.

    1 and 1.0 are the same, True and 1 are not, NaN equals NaN.
    """
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, int | float) and isinstance(b, int | float):
        if math.isnan(a) or math.isnan(b):
            return math.isnan(a) and math.isnan(b)
        return a == b or abs(a - b) <= tolerance
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y, tolerance) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key], tolerance) for key in a)
    return type(a) is type(b) and bool(a == b)


def shown(value: Any, width: int = 160) -> str:
    """Return a plain value as text for a learner: numbers rounded, long texts shortened."""
    text = repr(_rounded(value))
    return text if len(text) <= width else f"{text[: width - 2]} …"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 3) if math.isfinite(value) else value
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return value
