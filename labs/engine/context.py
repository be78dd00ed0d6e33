"""The tools of a check: fresh inputs, ways to say what differs, the learner's service."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

from labs.engine import fake_core, frames, plain, serving
from labs.engine.outcome import FailedError, Layer, NotAttemptedError, NotRunError
from labs.engine.registry import Exercise
from services.workbench.show import one_line

Mistakes = Mapping[str, Any] | Sequence[tuple[str, Any]]
"""The values that named mistakes would give; as pairs if a mistake can show in several ways."""

Because = str | Callable[[BaseException], str | None] | None


class Context:
    """Given to every check.

    Attributes
    ----------
    random : random.Random
        Random generator, new for each check and seeded with *seed*.
    numbers : numpy.random.Generator
        The same for arrays.
    seed : int
        The seed of both generators.
    facts : dict
        Measurements, shown on the card.
    """

    def __init__(self, exercise: Exercise, seed: int) -> None:
        self.exercise = exercise
        self.seed = seed
        self.random = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.facts: dict[str, Any] = {}

    # What an answer may fail by.

    def fail(
        self,
        differs: str,
        *,
        where: str = "",
        mistake: str | None = None,
        cause: str = "",
        layer: Layer = "value",
    ) -> NoReturn:
        """End the check: the answer is wrong.

        Parameters
        ----------
        differs : str
            The learner's value and the property that it should have.
        where : str
            The input that shows the difference.
        mistake : str, optional
            One of the exercise's named mistakes; its text is shown as the likely cause.
        cause : str
            The likely cause, where there is no named mistake.
        layer : str
            ``import``, ``start``, ``readiness``, ``request``, ``schema`` or ``value``.
        """
        if mistake is not None and mistake not in self.exercise.mistakes:
            raise KeyError(f"{self.exercise.id} declares no mistake {mistake!r}")
        raise FailedError(differs, where=where, mistake=mistake, cause=cause, layer=layer)

    def expect(self, condition: bool, differs: str, **options: Any) -> None:
        """Fail with *differs* unless *condition* is true; options as for :meth:`fail`."""
        if condition is not True:
            self.fail(differs, **options)

    def same(
        self,
        got: Any,
        want: Any,
        *,
        what: str,
        where: str = "",
        mistakes: Mistakes | None = None,
        types: Mapping[str, str] | None = None,
        tolerance: float = 0.0,
    ) -> None:
        """Fail unless *got* equals *want* as plain data.

        Parameters
        ----------
        got : object
            The learner's value. It is first converted to plain data, so a class that claims to be
            equal to everything is equal to nothing.
        want : plain data
            The right value.
        what : str
            What is compared, as the beginning of a sentence: ``"boxes_of(picture)"``.
        where : str
            The input.
        mistakes : mapping of str to plain data, or sequence of pairs, optional
            The value that each named mistake would give here. The first that equals *got* is the
            likely cause; one that equals *want* is ignored.
        types : mapping of str to str, optional
            Types that are not plain data, each with the named mistake that it means in *got*:
            ``{"Detection": "not_plain"}``.
        tolerance : float
            How much two numbers may differ.
        """
        value = self.plain(got, what=what, where=where, types=types)
        if plain.same(value, plain.plain(want), tolerance):
            return
        mistake = None
        for name, wrong in _pairs(mistakes):
            if name not in self.exercise.mistakes:
                raise KeyError(f"{self.exercise.id} declares no mistake {name!r}")
            wrong = plain.plain(wrong)
            if mistake is None and not plain.same(wrong, plain.plain(want), tolerance):
                mistake = name if plain.same(value, wrong, tolerance) else None
        self.fail(_difference(value, want, what), where=where, mistake=mistake)

    def plain(
        self,
        got: Any,
        *,
        what: str = "it",
        where: str = "",
        types: Mapping[str, str] | None = None,
    ) -> Any:
        """Return *got* as plain data, or fail at the layer ``schema``; as :meth:`same`."""
        try:
            return plain.plain(got, what)
        except plain.NotPlainError as error:
            mistake = (types or {}).get(error.kind)
            self.fail(f"{error}.", where=where, mistake=mistake, layer="schema")

    def call(
        self,
        function: Callable[..., Any],
        *args: Any,
        where: str = "",
        because: Because = None,
        **kwargs: Any,
    ) -> Any:
        """Call the learner's code; an exception is a failure that shows the learner's own lines.

        Parameters
        ----------
        where : str
            The input, in words.
        because : str or callable, optional
            The named mistake that an exception means, or a function of the exception that
            returns one, or None.
        """
        try:
            return function(*args, **kwargs)
        except (FailedError, NotAttemptedError, NotRunError):
            raise
        except Exception as error:
            raise self.raised(error, where=where, because=because) from error

    def raised(
        self, error: BaseException, *, where: str = "", because: Because = None
    ) -> FailedError:
        """Return the failure for an exception of the learner's code."""
        mistake = because(error) if callable(because) else because
        return FailedError(
            f"Your code raised {one_line(error)}",
            where=where,
            mistake=mistake,
            layer="request",
            frames=getattr(error, "learner_lines", ()) or frames.own_lines_of(error),
        )

    def is_attempted(self, condition: bool, what: str) -> None:
        """End the check as NOT_ATTEMPTED unless *condition*; *what* names what is still missing."""
        if not condition:
            raise NotAttemptedError(what)

    def note(self, **facts: Any) -> None:
        """Show *facts* on the card."""
        self.facts.update({name.replace("_", " "): value for name, value in facts.items()})

    def needs(self, tool: str) -> None:
        """End the check as NOT_RUN if a tool of the preflight is missing."""
        from services.setup import preflight

        row = preflight.find_tool(tool)
        if row.status != preflight.OK:
            raise NotRunError(f"{row.detail}; {row.remedy}")

    # Inputs and services.

    def picture(self, cards: int, size: tuple[int, int] = (320, 240)) -> Any:
        """Return a fresh scene with this many cards, for the fake core; a PIL image, RGB."""
        return fake_core.picture(self.numbers, cards, size)

    @contextmanager
    def fake_core(self, **options: Any) -> Iterator[fake_core.Calls]:
        """Replace the real detector by the fake one; see :func:`labs.engine.fake_core`."""
        with fake_core.fake_core(**options) as calls:
            yield calls

    @contextmanager
    def serve(self, answer: Any, **options: Any) -> Iterator[serving.Service]:
        """Serve the learner's service; see :func:`labs.engine.serving.serve`."""
        with serving.serve(answer, **options) as service:
            yield service


def _difference(value: Any, want: Any, what: str) -> str:
    """Say in one sentence how two plain values differ."""
    want = plain.plain(want)
    if value is None:
        return f"{what} is None; {plain.shown(want)} was expected."
    if isinstance(value, list) and isinstance(want, list) and len(value) != len(want):
        verb = "was" if len(want) == 1 else "were"
        return f"{what} has {_count(value)}; {_count(want)} {verb} expected."
    if isinstance(value, dict) and isinstance(want, dict) and value.keys() != want.keys():
        return f"{what} has the keys {sorted(value)}; {sorted(want)} were expected."
    if type(value) is not type(want) and not (
        isinstance(value, int | float) and isinstance(want, int | float)
    ):
        kinds = type(value).__name__, type(want).__name__
        return f"{what} is of type {kinds[0]}; {kinds[1]} was expected."
    if isinstance(value, list) and isinstance(want, list):
        for n, (mine, theirs) in enumerate(zip(value, want, strict=True)):
            if not plain.same(mine, theirs):
                return _difference(mine, theirs, f"{what.rstrip(',')}, item {n},")
    shown = repr if plain.shown(value) == plain.shown(want) else plain.shown  # it rounds
    return f"{what} is {shown(value)}; {shown(want)} was expected."


def _pairs(mistakes: Mistakes | None) -> list[tuple[str, Any]]:
    return list(mistakes.items() if isinstance(mistakes, Mapping) else mistakes or ())


def _count(value: list[Any]) -> str:
    return f"{len(value)} item" + ("" if len(value) == 1 else "s")
