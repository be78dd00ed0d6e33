"""The drift detectors of river: one value at a time, no reference, no bins.

They compare the stream's own past with its present, so they find a change and not a difference from
some good day: what was wrong from the start stays unseen. Their ``delta`` and ``alpha`` look like
rates of false alarms, but count for one look each, and KSWIN looks at every request: measure how
often each alarms where nothing changes (``python -m services.recommender.drift_study``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from river.drift import ADWIN, KSWIN, PageHinkley


class Detector(Protocol):
    """What river's detectors have in common, as far as it is used here."""

    @property
    def drift_detected(self) -> bool:
        """Whether the last value set the alarm off."""

    def update(self, x: float) -> object:
        """Take the next value."""


DETECTORS: dict[str, Callable[[int], Detector]] = {
    "ADWIN": lambda seed: ADWIN(),
    "KSWIN": lambda seed: KSWIN(seed=seed),
    "Page-Hinkley": lambda seed: PageHinkley(),
}
"""Each with the settings it comes with, made from a seed (which only KSWIN uses).

ADWIN (Bifet and Gavaldà, SIAM Data Mining 2007) keeps as long a window as has one mean. KSWIN
(Raab, Heusinger and Schleif, Neurocomputing 2020) tests the last 30 values of 100 against earlier
ones by Kolmogorov and Smirnov. Page-Hinkley (Page, Biometrika 1954) adds up how far values are off
their mean, and its threshold is in the values' own unit.
"""


def first_alarm(values: Iterable[float], detector: Detector, *, after: int = 0) -> int | None:
    """Return after how many values the first alarm comes, None if none does.

    Parameters
    ----------
    values : iterable of float
        In the order in which they came, without nan.
    detector : Detector
        A fresh one, as :data:`DETECTORS` makes it.
    after : int
        Alarms at the first so many values do not count: the detector is getting to know the stream.
    """
    for number, value in enumerate(values, 1):
        detector.update(float(value))
        if detector.drift_detected and number > after:
            return number
    return None
