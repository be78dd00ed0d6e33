"""A request for recommendations: its fields, and their validation."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.errors import InputError, described, json_type, shown

MAX_RATED = 100_000
"""No user has rated more movies, so a longer list is a mistake."""

ALIASES = {"ranked_movies": "rated"}
"""Other names of fields; this one is the chapter's (Listing 10.1)."""

FIELDS = ("user_id", "top_k", "rated")

CODES = (
    "field_repeated",
    "field_unknown",
    "json_invalid",
    "request_invalid",
    "rated_invalid",
    "rated_too_long",
    "top_k_invalid",
    "top_k_too_large",
    "user_id_invalid",
    "user_id_missing",
)
"""The codes of every :class:`~services.errors.InputError` that a request can cause."""

_EXAMPLE = 'Send a JSON object such as {"user_id": 7, "top_k": 10, "rated": [1, 50]}.'


@dataclass(frozen=True)
class RecommendRequest:
    """A request for *top_k* movies, validated by :meth:`checked`.

    *rated* has the raw ids of movies to leave out.
    """

    user_id: int
    top_k: int = 10
    rated: Sequence[int] | None = None

    @classmethod
    def from_json(cls, body: bytes) -> RecommendRequest:
        """Read the body of a request.

        Raises InputError: 400 if it is not JSON, code ``json_invalid``; otherwise as
        :meth:`from_dict`.
        """
        return cls.from_dict(parsed(body, _EXAMPLE))

    @classmethod
    def from_dict(cls, body: object) -> RecommendRequest:
        """Read a request's JSON and validate it; every adapter uses this.

        It has ``user_id`` and optionally ``top_k`` and ``rated``. ``ranked_movies`` is another name
        for ``rated``; null there is the same as leaving it out.

        Raises
        ------
        InputError
            422, with the code ``request_invalid`` if *body* is not a mapping, ``field_unknown``,
            ``field_repeated`` (both names of one field), ``user_id_missing``, or as
            :meth:`checked`.

        Examples
        --------
        >>> RecommendRequest.from_dict({"user_id": 7, "ranked_movies": [1, 50]})
        RecommendRequest(user_id=7, top_k=10, rated=(1, 50))
        """
        fields = fields_of(body, FIELDS, required=("user_id",), example=_EXAMPLE, aliases=ALIASES)
        return cls(**fields).checked()

    def checked(self) -> RecommendRequest:
        """Return the request in plain Python integers.

        Raises InputError if a value is of the wrong type or out of range.
        """
        user_id = whole(self.user_id)
        if user_id is None or user_id < 0:
            raise invalid("user_id", self.user_id, "Send the user's id: a whole number from 0 up.")
        top_k = whole(self.top_k)
        if top_k is None or top_k < 1:
            raise invalid("top_k", self.top_k, "Send a whole number from 1 up, or leave it out.")
        return RecommendRequest(user_id, top_k, _rated(self.rated))

    def as_dict(self) -> dict[str, object]:
        """Return the JSON that :meth:`from_dict` reads."""
        rated = None if self.rated is None else list(self.rated)
        return {"user_id": self.user_id, "top_k": self.top_k, "rated": rated}


def parsed(body: bytes, hint: str) -> object:
    """Parse JSON; raise an InputError (``json_invalid``) with this hint if it is not."""
    try:
        return json.loads(body)
    # Also raised for bytes that are not text, endless digits, endless brackets.
    except (ValueError, RecursionError) as error:
        where = f": {error}" if isinstance(error, json.JSONDecodeError) else ""
        what = (
            f"The body of {len(body)} bytes is not JSON{where}." if body else "The body is empty."
        )
        raise InputError(what, code="json_invalid", status=400, hint=hint) from error


def fields_of(
    body: object,
    names: Sequence[str],
    *,
    required: Sequence[str],
    example: str,
    aliases: Mapping[str, str],
) -> dict[str, Any]:
    """Return the fields of a request's JSON by their names.

    Raises
    ------
    InputError
        422, code ``request_invalid`` if it is not an object, ``field_unknown``, ``field_repeated``
        or ``NAME_missing``.
    """
    if not isinstance(body, Mapping):
        raise _bad(
            "request_invalid",
            f"The request must be a JSON object; it is {json_type(body)}.",
            example,
        )
    fields: dict[str, Any] = {}
    for key, value in body.items():
        name = aliases.get(key, key)
        if name not in names:
            meant = difflib.get_close_matches(str(key)[:64], (*names, *aliases), n=1)
            hint = f"Did you mean {meant[0]!r}? " if meant else ""
            hint += f"The fields are {', '.join(map(repr, names))}."
            raise _bad("field_unknown", f"There is no field {shown(key)}.", hint)
        if name in fields:
            what = f"{key!r} is another name for {name!r}, and the request has both."
            raise _bad("field_repeated", what, f"Send {name!r} only.")
        fields[name] = value
    for name in required:
        if name not in fields:
            raise _bad(f"{name}_missing", f"The field {name!r} is missing.", example)
    return fields


def _bad(code: str, message: str, hint: str) -> InputError:
    return InputError(message, code=code, status=422, hint=hint)


def _rated(rated: object) -> tuple[int, ...]:
    if rated is None:
        return ()
    values = rated.tolist() if isinstance(rated, np.ndarray) else rated
    hint = "Send a list of movie ids, whole numbers such as [1, 50], or leave it out."
    if not isinstance(values, list | tuple):
        raise invalid("rated", values, hint)
    if len(values) > MAX_RATED:
        what = f"'rated' has {len(values)} entries."
        raise _bad("rated_too_long", what, f"Send at most {MAX_RATED}, each movie once.")
    numbers = []
    for place, value in enumerate(values):
        number = whole(value)
        if number is None:
            raise invalid("rated", value, hint, f", entry {place},")
        numbers.append(number)
    return tuple(numbers)


def whole(value: object) -> int | None:
    """Return an integer as an int; None for anything else, including 7.5, "7" and true."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        return None
    return int(value)


def invalid(name: str, value: object, hint: str, where: str = "") -> InputError:
    """Return the error for a value of the wrong type or range (``NAME_invalid``)."""
    what = described(value) if whole(value) is None else shown(value)
    return _bad(f"{name}_invalid", f"'{name}'{where} is {what}.", hint)
