"""The one kind of error that a client can mend, and the one shape in which it is told."""

from __future__ import annotations


class InputError(ValueError):
    """A request that cannot be answered until the client changes it.

    Every adapter turns it into the same answer: HTTP status ``status`` and the JSON body
    ``{"error": {"code": …, "message": …, "hint": …}}``.

    Parameters
    ----------
    message : str
        What is wrong with this request, with the value or size that was met.
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

    def __init__(self, message: str, *, code: str, status: int, hint: str) -> None:
        if not 400 <= status <= 499:
            raise ValueError(f"an InputError is the client's to mend, so 4xx; got {status}")
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.hint = hint

    def as_dict(self) -> dict[str, dict[str, str]]:
        """Return the body of the answer."""
        return {"error": {"code": self.code, "message": self.message, "hint": self.hint}}
