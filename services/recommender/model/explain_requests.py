"""A request to explain a recommendation: its fields, and their validation."""

from __future__ import annotations

from dataclasses import dataclass

from services.recommender.model.requests import fields_of, invalid, parsed, whole

TOP = 5
LARGEST_TOP = 100

FIELDS = ("user_id", "movie_id", "top")

CODES = (
    "movie_id_invalid",
    "movie_id_missing",
    "movie_rated",
    "movie_unknown",
    "not_explainable",
    "top_invalid",
    "user_unknown",
)
"""The codes of the InputErrors that only an explanation request can cause."""

_EXAMPLE = 'Send a JSON object such as {"user_id": 7, "movie_id": 50}.'


@dataclass(frozen=True)
class ExplainRequest:
    """A request for 1 to :data:`LARGEST_TOP` reasons, validated by :meth:`checked`."""

    user_id: int
    movie_id: int
    top: int = TOP

    @classmethod
    def from_json(cls, body: bytes) -> ExplainRequest:
        """Read the body of a request; raise as :meth:`from_dict`, or 400 if it is not JSON."""
        return cls.from_dict(parsed(body, _EXAMPLE))

    @classmethod
    def from_dict(cls, body: object) -> ExplainRequest:
        """Read a request's JSON and validate it.

        Raises InputError: 422, code ``request_invalid``, ``field_unknown``, ``user_id_missing``,
        ``movie_id_missing``, or as :meth:`checked`.
        """
        required = ("user_id", "movie_id")
        fields = fields_of(body, FIELDS, required=required, example=_EXAMPLE, aliases={})
        return cls(**fields).checked()

    def checked(self) -> ExplainRequest:
        """Return the request in plain Python integers.

        Raises InputError: 422, code ``user_id_invalid``, ``movie_id_invalid`` or ``top_invalid``.
        """
        numbers = []
        for name, value in (("user_id", self.user_id), ("movie_id", self.movie_id)):
            number = whole(value)
            if number is None or number < 0:
                raise invalid(name, value, "Send an id: a whole number from 0 up.")
            numbers.append(number)
        top = whole(self.top)
        if top is None or not 1 <= top <= LARGEST_TOP:
            hint = f"Send a whole number from 1 to {LARGEST_TOP}, or leave it out."
            raise invalid("top", self.top, hint)
        return ExplainRequest(numbers[0], numbers[1], top)

    def as_dict(self) -> dict[str, object]:
        """Return the JSON that :meth:`from_dict` reads."""
        return {"user_id": self.user_id, "movie_id": self.movie_id, "top": self.top}
