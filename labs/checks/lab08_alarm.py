"""The check of lab 08's alarm: how often it is raised, with a change and without one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labs.engine import Context
from labs.engine.plain import shown

Floats = NDArray[np.float64]

LOOKS = 400
"""Quiet windows that are looked at."""
DRIFTED = 100
"""Windows of each kind of change."""
FOUND = 0.9
"""The least share of them that has to be found."""
RATES = {0.3: (0.15, 0.45), 0.1: (0.02, 0.3)}
"""For each promised rate of false alarms what is accepted: chance, and a limit that was drawn."""


class World:
    """A service whose requests have one feature, with a scale of its own.

    Parameters
    ----------
    numbers : numpy.random.Generator
        Where all of it comes from.
    """

    def __init__(self, numbers: np.random.Generator) -> None:
        self._numbers = numbers
        self._unit = float(numbers.uniform(0.5, 50))
        self._zero = float(numbers.uniform(-3, 3)) * self._unit
        # A gamma distribution of shape 4 has the mean 4 and the standard deviation 2.
        self.mean, self.spread = self._zero + 4 * self._unit, 2 * self._unit

    def quiet(self, n: int) -> Floats:
        """Return n values of the good time."""
        return self._zero + self._unit * self._numbers.gamma(4, size=n)

    def moved(self, n: int) -> Floats:
        """Return n values that are one standard deviation larger."""
        return self.quiet(n) + self.spread

    def wider(self, n: int) -> Floats:
        """Return n values with the same mean and 2.5 times the standard deviation."""
        return self.mean + 2.5 * (self.quiet(n) - self.mean)

    def beyond(self, n: int) -> Floats:
        """Return n values that are all larger than any of the good time."""
        return self.quiet(n) + 40 * self.spread

    def stuck(self, n: int) -> Floats:
        """Return n times the same value, an ordinary one."""
        return np.full(n, self.mean)


class Trial:
    """The learner's two functions, a world, and a log of it.

    Parameters
    ----------
    context : Context
    distance, limit_of : callable
        The answer.
    """

    def __init__(
        self, context: Context, distance: Callable[..., Any], limit_of: Callable[..., Any]
    ) -> None:
        self.context = context
        self._distance, self._limit_of = distance, limit_of
        self.world = World(context.numbers)
        self.good = context.random.randint(5000, 6000)
        late = self.world.wider(1500) + self.world.spread
        self.log = np.concatenate([self.world.quiet(self.good), late])
        self.reference = self.log[: self.good]

    def distance(self, window: Floats, where: str) -> float:
        """Return the learner's distance from the reference; it has to be a number."""
        args = self.reference.copy(), window.copy()
        got = self.context.call(self._distance, *args, where=where)
        return self._number(got, "distance(reference, window)", where)

    def limit(self, size: int, rate: float, log: Floats | None = None) -> float:
        """Return the learner's limit; it has to be a number."""
        where = f"good={self.good}, size={size}, alarm_rate={rate:g}"
        log = self.log if log is None else log
        got = self.context.call(self._limit_of, log.copy(), self.good, size, rate, where=where)
        return self._number(got, "limit_of(log, good, size, alarm_rate)", where)

    def share(
        self, draw: Callable[[int], Floats], size: int, limit: float, looks: int = LOOKS
    ) -> float:
        """Return the share of windows that are an alarm."""
        where = f"a window of {size} values"
        return sum(self.distance(draw(size), where) > limit for _ in range(looks)) / looks

    def _number(self, got: Any, what: str, where: str) -> float:
        value = self.context.plain(got, what=what, where=where)
        if type(value) not in (int, float):
            self.context.fail(
                f"{what} is {shown(value, 60)}; a number was expected.", where=where, layer="schema"
            )
        if not np.isfinite(value):
            self.context.fail(f"{what} is {value}.", where=where, mistake="log_of_zero")
        return float(value)


def check(context: Context, distance: Callable[..., Any], limit_of: Callable[..., Any]) -> None:
    """Look at odd windows, count false alarms, and then those that are none."""
    trial = Trial(context, distance, limit_of)
    world = trial.world
    trial.distance(world.stuck(50), "a window of 50 equal values")
    trial.distance(world.quiet(20), "a window of 20 values")
    trial.distance(world.beyond(50), "a window of 50 values, all beyond the reference's")
    sizes = dict(
        zip(RATES, (context.random.randint(40, 60), context.random.randint(150, 200)), strict=True)
    )
    measured = []
    for rate, size in sizes.items():
        limit = trial.limit(size, rate)
        alarms = trial.share(world.quiet, size, limit)
        low, high = RATES[rate]
        if not low <= alarms <= high:
            context.fail(
                f"Of {LOOKS} windows in which nothing changed, {alarms:.0%} were an alarm; about "
                f"{rate:.0%} were expected.",
                where=f"size={size}, alarm_rate={rate:g}; limit {limit:.4g}",
                mistake=_why_wrong_rate(trial, sizes, size, rate, limit, alarms),
            )
        measured.append(f"{alarms:.0%} ({rate:.0%} were promised)")
    _finds(trial, size, limit)
    context.note(false_alarms=", ".join(measured), changes_found="3 of 3 kinds")


def _finds(trial: Trial, size: int, limit: float) -> None:
    """See that three kinds of change are found."""
    world = trial.world
    kinds: dict[str, tuple[Callable[[int], Floats], Callable[[Floats], Floats], str]] = {
        "all values are one standard deviation larger": (
            world.moved,
            lambda values: values + 0.3 * world.spread,
            "own_bins",
        ),
        "the mean is as before, the standard deviation 2.5 times as large": (
            world.wider,
            lambda values: values.mean() + 3 * (values - values.mean()),
            "mean_only",
        ),
        "all values are larger than any of the good time": (
            world.beyond,
            lambda values: values,
            "outside",
        ),
    }
    for what, (draw, change, mistake) in kinds.items():
        found = trial.share(draw, size, limit, DRIFTED)
        if found >= FOUND:
            continue
        window = world.quiet(size)
        blind = np.isclose(
            trial.distance(window, what), trial.distance(change(window), what), rtol=1e-6, atol=0
        )
        trial.context.fail(
            f"Of {DRIFTED} windows after a change, {found:.0%} were an alarm; at least {FOUND:.0%} "
            "were expected.",
            where=f"size={size}, limit {limit:.4g}; {what}",
            mistake=mistake if blind else None,
            cause="The limit is kept, but this change does not make your distance large.",
        )


def _why_wrong_rate(
    trial: Trial, sizes: dict[float, int], size: int, rate: float, limit: float, alarms: float
) -> str | None:
    """Find out from other limits of the learner's what is wrong with one."""
    low, high = RATES[rate]

    def fits(other: float) -> bool:
        return low <= trial.share(trial.world.quiet, size, other) <= high

    others = {trial.limit(n, r) for n in sizes.values() for r in sizes}
    if len(others) == 1:
        return "fixed_limit"
    # What is drawn by chance differs a little from one time to the next: that is no cause.
    clean = trial.limit(size, rate, trial.reference)
    if alarms < low and fits(clean) and not np.isclose(clean, limit, rtol=0.08):
        return "drifted_data"
    if alarms > high and fits(trial.limit(size, 1 - rate)):
        return "wrong_tail"
    [another] = set(sizes) - {rate}
    if np.isclose(trial.limit(sizes[another], rate), limit, rtol=0.15):
        return "fixed_limit"
    return "ignores_rate" if np.isclose(trial.limit(size, another), limit, rtol=0.08) else None
