"""The outcomes of a check that does not pass: exceptions that the engine turns into a result."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

Layer = Literal["call", "import", "start", "readiness", "request", "schema", "value"]
"""How far an answer got: check is called correctly, the answer's code is imported, its server
starts and is ready, a request is answered, and the response has the right form and the right
content."""


class Status(StrEnum):
    """What a check says about an answer."""

    PASS = "PASS"
    FAIL = "FAIL"
    NOT_ATTEMPTED = "NOT_ATTEMPTED"
    ERROR = "ERROR"
    """The check itself could not finish. This is never the learner's fault."""
    NOT_RUN = "NOT_RUN"
    """A tool is missing on this machine."""


@dataclass
class FailedError(Exception):
    """The answer is wrong.

    Attributes
    ----------
    differs : str
        The learner's value and the property that it should have.
    where : str
        The input, request or line that shows the difference.
    mistake : str or None
        The name of a known mistake, one of the exercise's ``mistakes``.
    layer : str
        How far the answer got.
    cause : str
        The likely cause, if no named mistake gives it.
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
    """The answer is still the starter code."""


class NotRunError(Exception):
    """A tool is missing; the message names it and the command that installs it."""


class OutOfTimeError(BaseException):
    """Raised inside the learner's code when its time is up; no ``except Exception`` catches it."""
