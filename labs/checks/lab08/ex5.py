"""Check of lab 08, exercise 5: how often the alarm is given, without a change and with one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from labs.checks.lab08.features import Count, Feature, Floats
from labs.checks.unchanged import unchanged
from labs.engine import Context
from labs.engine.frames import functions_of
from labs.engine.outcome import FailedError
from labs.engine.plain import shown

QUIET_WINDOWS = 300
"""Windows without a change that are compared for each limit."""
CHANGED_WINDOWS = 100
DETECTED = 0.9
"""The share of the windows with a change that have to give an alarm."""
ACCEPTED = {0.3: (0.15, 0.55), 0.1: (0.02, 0.3)}
"""For each alarm rate the shares that are accepted: both the limit and the count are random.

Windows drawn without replacement are a little too much like the reference, so their limit is a
little low; they are accepted as well.
"""
LEAST_DRAWN = 500


def check(context: Context, distance: Callable[..., Any], limit_of: Callable[..., Any]) -> None:
    """Compute limits for two features, count false alarms, and then real ones."""
    alarm = _Alarm(context, distance, limit_of)
    feature, count = Feature(context.numbers), Count(context.numbers)
    # An answer that keeps something of its first reference, such as bins, must not pass by chance.
    context.call(distance, feature.beyond(500), feature.beyond(20), where="another reference")
    alarm.distance(feature, np.full(50, feature.mean), "a window of 50 equal values")
    alarm.distance(feature, feature.beyond(50), "50 values, all larger than the reference's")
    window, where = feature.quiet(20), "a window of 20 values"
    before = alarm.distance(feature, window, where)
    small, large = context.random.randint(40, 60), context.random.randint(150, 200)
    # All limits come first: what limit_of keeps of one feature must not count for the other.
    cases = [(feature, small, 0.3), (feature, large, 0.1), (count, large, 0.3)]
    limits = [alarm.limit(*case) for case in cases]
    again = alarm.distance(feature, window[::-1].copy(), where)
    context.expect(
        bool(np.isclose(before, again)),
        f"distance(reference, window) was {before:.5g}; for the same values in another order, it "
        f"is now {again:.5g}.",
        where=where,
        cause="It may depend on the two distributions alone: not on the order of the values, not "
        "on chance, and not on earlier calls.",
    )
    measured = []
    for (monitored, size, rate), limit in zip(cases, limits, strict=True):
        where = f"{monitored.name}: size={size}, alarm_rate={rate:g}, limit={limit:.4g}"
        share = alarm.share(monitored, monitored.quiet, size, limit, QUIET_WINDOWS)
        low, high = ACCEPTED[rate]
        if not low <= share <= high:
            mistake = "fixed_limit" if len(set(limits)) == 1 else None
            if mistake is None and share > high:
                with suppress(FailedError):  # the text names no rate but the two
                    other = alarm.limit(monitored, size, 1 - rate)
                    above = alarm.share(monitored, monitored.quiet, size, other, QUIET_WINDOWS)
                    mistake = "wrong_tail" if low <= above <= high else None
            context.fail(
                f"Of {QUIET_WINDOWS} windows without a change, {share:.0%} gave an alarm; about "
                f"{rate:.0%} were expected.",
                where=where,
                mistake=mistake,
            )
        measured.append(f"{share:.0%} ({rate:.0%} required)")
    _detects_changes(alarm, feature, large, limits[1])
    context.note(false_alarms=", ".join(measured), changes_detected="3 of 3 kinds")


def _detects_changes(alarm: _Alarm, feature: Feature, size: int, limit: float) -> None:
    """Fail unless three kinds of change give an alarm in nearly every window."""
    for change, draw in {
        "all values are one standard deviation larger": feature.shifted,
        "the same mean, 2.5 times the standard deviation": feature.wider,
        "all values are larger than any from the good period": feature.beyond,
    }.items():
        share = alarm.share(feature, draw, size, limit, CHANGED_WINDOWS)
        window = feature.quiet(size)
        spread = window.mean() + 3 * (window - window.mean())
        blind = draw == feature.wider and np.isclose(
            alarm.distance(feature, window, change), alarm.distance(feature, spread, change)
        )
        alarm.context.expect(
            share >= DETECTED,
            f"Of {CHANGED_WINDOWS} windows after a change, {share:.0%} gave an alarm; at least "
            f"{DETECTED:.0%} were expected.",
            where=f"size={size}, limit={limit:.4g}; {change}",
            mistake="mean_only" if blind else None,
            cause="The false-alarm rate is right, but your distance hardly reacts to this change.",
        )


class _Alarm:
    """The learner's two functions."""

    def __init__(
        self, context: Context, distance: Callable[..., Any], limit_of: Callable[..., Any]
    ) -> None:
        self.context, self._distance, self._limit_of = context, distance, limit_of

    def distance(self, feature: Feature, window: Floats, where: str) -> float:
        """Return the learner's distance of a window from the reference."""
        reference = feature.reference
        with unchanged(self.context, where, reference=reference, window=window):
            got = self.context.call(self._distance, reference, window, where=where)
        return self._number(got, "distance(reference, window)", where)

    def share(
        self, feature: Feature, draw: Callable[[int], Floats], size: int, limit: float, count: int
    ) -> float:
        """Return the share of *count* windows that give an alarm."""
        where = f"a window of {size} values of {feature.name}"
        return sum(self.distance(feature, draw(size), where) > limit for _ in range(count)) / count

    def limit(self, feature: Feature, size: int, rate: float) -> float:
        """Return the learner's limit, and look at the windows that were drawn to find it."""
        where = f"{feature.name}: good={feature.good}, size={size}, alarm_rate={rate:g}"
        log, windows = feature.log.copy(), _windows_of(self._distance, self._limit_of, size)
        with unchanged(self.context, where, log=log), windows as drawn:
            got = self.context.call(self._limit_of, log, feature.good, size, rate, where=where)
        limit = self._number(got, "limit_of(log, good, size, alarm_rate)", where)
        if not drawn:  # distance was not called by its name: limit_of may be vectorised
            return limit
        foreign = [window for window in drawn if not np.isin(window, feature.reference).all()]
        late = any(np.isin(window, log[feature.good :]).any() for window in foreign)
        self.context.expect(
            not foreign,
            f"{len(foreign)} of {len(drawn)} windows have values "
            + ("from after the good period." if late else "that the reference does not have."),
            where=where,
            mistake="drifted_data" if late else None,
        )
        continuous = type(feature) is Feature
        count = len({window.tobytes() for window in drawn}) if continuous else len(drawn)
        self.context.expect(
            count >= LEAST_DRAWN,
            f"limit_of compared {count} different windows of {size} values; at least {LEAST_DRAWN} "
            "were expected.",
            where=where,
            cause="A quantile of few distances is a matter of chance.",
        )
        starts = [_start_of(window, feature.reference) for window in drawn]
        self.context.expect(
            not continuous or None in starts or not _ascend(starts),
            "The windows are slices of the log, one after the other; windows drawn at random were "
            "expected.",
            where=where,
            cause="Slices that overlap have most of their values in common.",
        )
        return limit

    def _number(self, got: Any, what: str, where: str) -> float:
        value = self.context.plain(got, what=what, where=where)
        if type(value) not in (int, float):
            self.context.fail(
                f"{what} is {shown(value, 60)}; a number was expected.", where=where, layer="schema"
            )
        if not np.isfinite(value):
            self.context.fail(f"{what} is {value}.", where=where, mistake="not_finite")
        return float(value)


@contextmanager
def _windows_of(
    distance: Callable[..., Any], limit_of: Callable[..., Any], size: int
) -> Iterator[list[Floats]]:
    """Collect the windows of *size* values that *limit_of* hands to *distance* in the block."""
    seen: list[Floats] = []

    @functools.wraps(distance)
    def recording(*args: Any, **kwargs: Any) -> Any:
        for value in (*args, *kwargs.values()):
            if isinstance(value, np.ndarray | list | tuple) and np.shape(value) == (size,):
                seen.append(np.array(value))
        return distance(*args, **kwargs)

    names = [
        (function.__globals__, name)
        for function in functions_of(limit_of)
        for name, value in list(function.__globals__.items())
        if value is distance
    ]
    # Not patch.dict, which would also take back the globals that the learner's code sets.
    for scope, name in names:
        scope[name] = recording
    try:
        yield seen
    finally:
        for scope, name in names:
            scope[name] = distance


def _ascend(starts: list[int | None]) -> bool:
    found = [start for start in starts if start is not None]
    return found == sorted(found)


def _start_of(window: Floats, reference: Floats) -> int | None:
    """Return where in *reference* a window lies as one slice, None if it does not."""
    for start in np.flatnonzero(reference == window[0]):
        if np.array_equal(reference[start : start + len(window)], window):
            return int(start)
    return None
