"""What a client may ask, checked at the edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.errors import InputError

MAX_RATED = 100_000
"""No user has rated more movies; a longer list is a mistake."""


@dataclass(frozen=True)
class Question:
    """A request for recommendations, as it came.

    Attributes
    ----------
    user_id : int
        A raw id.
    top_k : int
        How many movies.
    rated : sequence of int or None
        Raw ids of movies to leave out.
    """

    user_id: int
    top_k: int = 10
    rated: Sequence[int] | None = None

    def checked(self) -> Question:
        """Return the question in plain Python integers.

        Raises
        ------
        InputError
            If a value is of the wrong kind or out of range.
        """
        user_id = _whole(self.user_id)
        if user_id is None or user_id < 0:
            raise _invalid("user_id", self.user_id, "Send the user's id: a whole number from 0 up.")
        top_k = _whole(self.top_k)
        if top_k is None or top_k < 1:
            raise _invalid("top_k", self.top_k, "Send a whole number from 1 up, or leave it out.")
        return Question(user_id, top_k, _rated(self.rated))


def _rated(rated: object) -> tuple[int, ...]:
    if rated is None:
        return ()
    values = rated.tolist() if isinstance(rated, np.ndarray) else rated
    hint = "Send a list of movie ids, whole numbers such as [1, 50], or leave it out."
    if not isinstance(values, list | tuple):
        raise _invalid("rated", values, hint)
    if len(values) > MAX_RATED:
        raise InputError(
            f"'rated' has {len(values)} entries.",
            code="rated_too_long",
            status=422,
            hint=f"Send at most {MAX_RATED}, each movie once.",
        )
    numbers = []
    for place, value in enumerate(values):
        number = _whole(value)
        if number is None:
            raise _invalid("rated", value, hint, f", entry {place},")
        numbers.append(number)
    return tuple(numbers)


def _whole(value: object) -> int | None:
    """Return a whole number as an int; None for all else, 7.5, "7" and true included."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        return None
    return int(value)


def _invalid(name: str, value: object, hint: str, where: str = "") -> InputError:
    shown = repr(value) if len(repr(value)) <= 40 else f"{repr(value)[:37]}…"
    return InputError(
        f"'{name}'{where} is {shown}, of the type {type(value).__name__}.",
        code=f"{name}_invalid",
        status=422,
        hint=hint,
    )
