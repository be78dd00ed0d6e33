"""The result of ``check``, which a notebook shows as a card and a terminal as text."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labs.engine import cards
from labs.engine.outcome import Layer, Status

MIME = "application/vnd.serving-labs.result+json"
"""The MIME type under which each card in a notebook file carries its result as data, for tools."""

_LOOK = {
    Status.PASS: ("✓", "#2e7d32", "passed"),
    Status.FAIL: ("✗", "#c62828", "not right yet"),
    Status.NOT_ATTEMPTED: ("○", "#5f6b7a", "not attempted yet"),
    Status.ERROR: ("!", "#9a5b00", "the check itself could not finish; this is not your fault"),
    Status.NOT_RUN: ("-", "#5f6b7a", "not run on this machine"),
}


@dataclass(frozen=True)
class Result:
    """The outcome of a check.

    Attributes
    ----------
    exercise : str
        For instance ``"lab01.ex2"``.
    title : str
        The exercise's title.
    status : Status
        ``PASS``, ``FAIL``, ``NOT_ATTEMPTED``, ``ERROR`` or ``NOT_RUN``.
    points, out_of : int
        Points reached, 0 or all, and the maximum.
    facts : mapping of str to object
        The measurements.
    differs, where, cause, next : str
        The message's parts: what differs, for which input, the likely cause, what to call next.
    layer : str or None
        How far the answer got, if it failed.
    mistake : str or None
        The name of the mistake that was recognised.
    frames : tuple of str
        The learner's own lines that were running, innermost last.
    printed : str
        The end of what the answer printed during the check.
    seed : int
        Passed to ``check(…, seed=…)``, it repeats the check with the same inputs.
    seconds : float
        How long the check took.
    history : mapping
        Tries and minutes so far, if progress is kept.
    """

    exercise: str
    title: str
    status: Status
    points: int = 0
    out_of: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)
    differs: str = ""
    where: str = ""
    cause: str = ""
    next: str = ""
    layer: Layer | None = None
    mistake: str | None = None
    frames: tuple[str, ...] = ()
    printed: str = ""
    seed: int = 0
    seconds: float = 0.0
    history: Mapping[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether the answer is right."""
        return self.status is Status.PASS

    def rows(self) -> list[tuple[str, str]]:
        """Return the message as pairs of a heading and a text, in the order they are shown."""
        found = [
            ("What differs", self.differs),
            ("Where", self.where),
            ("Failed at", self.layer or ""),
            ("Your lines", "\n".join(self.frames)),
            ("It printed", self.printed if self.status is Status.FAIL else ""),
            ("Likely cause", self.cause),
            ("Measured", ", ".join(f"{name}: {value}" for name, value in self.facts.items())),
            ("Next", self.next),
        ]
        return [(heading, text) for heading, text in found if text]

    def heading(self) -> str:
        """Return the first line: sign, exercise, status, points."""
        sign, _, words = _LOOK[self.status]
        points = f"{self.points} of {self.out_of} points"
        return f"{sign} {self.exercise} · {self.title}: {self.status} ({words}), {points}"

    def __str__(self) -> str:
        lines = [self.heading()]
        for heading, text in self.rows():
            first, *others = text.splitlines()
            lines.append(f"  {heading + ':':<14} {first}")
            lines += [f"  {'':<14} {line}" for line in others]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON data, without the time it took."""
        return {
            "exercise": self.exercise,
            "status": str(self.status),
            "points": self.points,
            "out_of": self.out_of,
            "layer": self.layer,
            "mistake": self.mistake,
            "facts": {name: str(value) for name, value in self.facts.items()},
            "message": dict(self.rows()),
            "seed": self.seed,
            "history": dict(self.history),
        }

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        cards.seen(self)
        return {"text/plain": str(self), "text/html": self._html(), MIME: self.as_dict()}

    def _html(self) -> str:
        # The page's own text and background colours, so that it is also readable in a dark theme.
        colour = _LOOK[self.status][1]
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left;vertical-align:top;padding-right:1em;'
            f'white-space:nowrap">{html.escape(heading)}</th><td style="text-align:left;'
            f'white-space:pre-wrap">{html.escape(text)}</td></tr>'
            for heading, text in self.rows()
        )
        table = f"<table>{rows}</table>" if rows else ""
        label = html.escape(f"{self.exercise}: {self.status}")
        return (
            f'<div role="group" aria-label="{label}" style="border-left:6px solid {colour};'
            f'padding:0.3em 0.9em"><strong>{html.escape(self.heading())}</strong>{table}</div>'
        )


class CheckFailedError(AssertionError):
    """An exercise is not passed; raised only if ``LAB_STRICT=1`` is set."""
