"""Errors as clients see them, all in one shape: theirs to fix (4xx) or the server's (5xx)."""

from __future__ import annotations

import numbers
import reprlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar


class _Repr(reprlib.Repr):
    """As Python writes a value, but with JSON's null, true and false."""

    def repr_NoneType(self, value: None, level: int) -> str:  # noqa: N802, reprlib's name
        return "null"

    def repr_bool(self, value: bool, level: int) -> str:
        return "true" if value else "false"


_short = _Repr()
_short.maxstring = _short.maxother = _short.maxlong = 100
_short.maxlevel = 2


def shown(value: object) -> str:
    """Return a value as a message shows it, 40 characters at most.

    A text is in single quotes, as the names of fields are; null, true and false are JSON's.
    Unlike :func:`repr` this takes no time for a large value, and does not fail on one that is
    nested a thousand deep.
    """
    text = _short.repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"


def json_type(value: object) -> str:
    """Return what a value is in JSON, with its article: ``"a string"``; ``"null"`` for None."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    kinds: dict[str, type | tuple[type, ...]] = {
        "a string": str,
        "a whole number": numbers.Integral,
        "a decimal number": numbers.Real,
        "an array": (list, tuple),
        "an object": Mapping,
    }
    known = (name for name, kind in kinds.items() if isinstance(value, kind))
    return next(known, f"of the type {type(value).__name__}")


def described(value: object) -> str:
    """Return a value and its type as a message shows them: ``'seven', a string``, or ``null``."""
    text = shown(value)
    return text if text in ("null", "true", "false") else f"{text}, {json_type(value)}"


class _AnsweredError(Exception):
    """What both kinds share: an HTTP status and the body of the response."""

    statuses: ClassVar[range]
    headers: Mapping[str, str] = MappingProxyType({})
    """Headers of the response, where its status requires any."""

    def __init__(self, message: str, *, code: str, status: int, hint: str) -> None:
        if status not in self.statuses:
            allowed = f"{self.statuses[0]} to {self.statuses[-1]}"
            raise ValueError(f"{type(self).__name__} takes a status of {allowed}; got {status}")
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.hint = hint

    def as_dict(self) -> dict[str, dict[str, str]]:
        """Return the body of the response."""
        return {"error": {"code": self.code, "message": self.message, "hint": self.hint}}


class InputError(_AnsweredError, ValueError):
    """A request that cannot be answered until the client changes it.

    Every adapter turns it into the same answer: HTTP status ``status`` and the JSON body
    ``{"error": {"code": …, "message": …, "hint": …}}``.

    Parameters
    ----------
    message : str
        What is wrong with this request, with the value or size that was received.
    code : str
        A stable, machine-readable name in snake case, e.g. ``"image_truncated"``.
    status : int
        The HTTP status, 400 to 499.
    hint : str
        What to change so that the next request succeeds.

    Raises
    ------
    ValueError
        If *status* is not a client error.
    """

    statuses = range(400, 500)


class ModelError(_AnsweredError, RuntimeError):
    """A valid request that went unanswered because a model, or the connection to it, failed.

    Parameters and JSON body as for :class:`InputError`, but *status* is 500 to 599 and *hint* says
    what the client can do, usually: try again. What exactly went wrong is for the log, not for the
    client.

    Raises
    ------
    ValueError
        If *status* is not a server error.
    """

    statuses = range(500, 600)
