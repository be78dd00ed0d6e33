"""How a check ends other than by passing: exceptions that the engine turns into a result."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

Layer = Literal["call", "import", "start", "readiness", "request", "schema", "value"]
"""How far an answer came: check was called as it should be, the answer's code is imported, its
server starts and is ready, a request is answered, the answer has the right form, and the right
content."""


class Status(StrEnum):
    """What a check says about an answer."""

    PASS = "PASS"
    FAIL = "FAIL"
    NOT_ATTEMPTED = "NOT_ATTEMPTED"
    ERROR = "ERROR"
    """The check itself could not finish. That is our fault, never the learner's."""
    NOT_RUN = "NOT_RUN"
    """A tool is missing on this machine."""


@dataclass
class FailedError(Exception):
    """The answer is wrong.

    Attributes
    ----------
    differs : str
        The learner's value against the property that it should have.
    where : str
        The input, request or line with which it shows.
    mistake : str or None
        The name of a known mistake, one of the exercise's ``mistakes``.
    layer : str
        How far the answer came.
    cause : str
        The likely cause, where no named mistake gives it.
    frames : tuple of str
        The learner's own lines that were running, innermost last.
    """

    differs: str
    where: str = ""
    mistake: str | None = None
    layer: Layer = "value"
    cause: str = ""
    frames: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        return self.differs


class NotAttemptedError(Exception):
    """The answer is still the starter's."""


class NotRunError(Exception):
    """A tool is missing; the message names it and the command that brings it."""


class OutOfTimeError(BaseException):
    """Raised inside the learner's code when its time is up; no ``except Exception`` catches it."""
