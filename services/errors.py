"""Errors as a client sees them: its own to mend (4xx) or the server's (5xx), in one shape."""

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
        return _body(self.code, self.message, self.hint)


class ModelError(RuntimeError):
    """A good request that went unanswered because a model, or the way to it, failed.

    Adapters answer it in the shape of :class:`InputError`. What exactly went wrong is for the
    log, not for the client.

    Parameters
    ----------
    message : str
        What failed, without internals.
    code : str
        A stable, machine-readable name in snake case, e.g. ``"model_timeout"``.
    status : int
        The HTTP status, 500 to 599.
    hint : str
        What the client can do, usually: try again.

    Raises
    ------
    ValueError
        If *status* is not a server error.
    """

    def __init__(self, message: str, *, code: str, status: int, hint: str) -> None:
        if not 500 <= status <= 599:
            raise ValueError(f"a ModelError is the server's fault, so 5xx; got {status}")
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.hint = hint

    def as_dict(self) -> dict[str, dict[str, str]]:
        """Return the body of the answer."""
        return _body(self.code, self.message, self.hint)


def _body(code: str, message: str, hint: str) -> dict[str, dict[str, str]]:
    return {"error": {"code": code, "message": message, "hint": hint}}
