"""Compare requests with a reference as they arrive, with limits that keep an alarm budget.

A monitor checks a window of the last requests, again and again, for several features. Each check of
each feature can raise a false alarm, so the limit for a single check is far too low. Here the
budget comes first: *of a hundred services in which nothing changes, at most five raise an alarm
within 10,000 requests*. :func:`calibrate` simulates such services, with requests drawn from the
reference, and takes the lowest limits that keep the budget. The reference is itself a sample and
differs from later requests by chance alone, so each simulation draws a new one.

The simulations assume that requests are independent. Real requests come in sessions and vary with
the time of day. The limits hold only if the reference covers some days and the window some hours,
so that this variation evens out.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from services.drift.distance import Bins, Floats, Ints, psi

BATCH = 50
"""Simulations run at a time; this bounds the memory."""


@dataclass(frozen=True)
class AlarmBudget:
    """How often a monitor checks, and how rarely it may raise a false alarm.

    Attributes
    ----------
    window : int
        How many of the last requests are compared with the reference.
    every : int
        Requests from one check to the next; a divisor of *window*.
    horizon : int
        The number of requests for which *alarm_rate* holds, at least *window*.
    alarm_rate : float
        Share of undrifted services that may raise an alarm within the horizon, between 0 and 1.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    window: int = 500
    every: int = 50
    horizon: int = 10_000
    alarm_rate: float = 0.05

    def __post_init__(self) -> None:
        if self.every < 1 or self.window < 1 or self.window % self.every:
            raise ValueError(
                f"every must divide window; got every={self.every}, window={self.window}"
            )
        if self.horizon < self.window:
            raise ValueError(f"horizon must be at least the window; got {self.horizon}")
        if not 0 < self.alarm_rate < 1:
            raise ValueError(f"alarm_rate must be between 0 and 1; got {self.alarm_rate}")

    def __str__(self) -> str:
        return (
            f"at most {self.alarm_rate:.0%} of undrifted services alarm within "
            f"{self.horizon:,} requests (window {self.window}, a check every {self.every})"
        )


@dataclass(frozen=True)
class DriftCheck:
    """The result of one check by a monitor, after *requests* requests.

    *psi* is that of the window against the reference, by feature. *over* has the features above
    their limits; if there are any, the check is an alarm.
    """

    requests: int
    psi: dict[str, float]
    over: tuple[str, ...]


class DriftMonitor:
    """Compares a rolling window of requests with a reference. Threads may share it.

    Parameters
    ----------
    reference : pandas.DataFrame
        Requests from a time without drift, one per row, some hundreds or more; the columns are the
        features.
    budget : AlarmBudget
        How often it checks, and how rarely it may raise a false alarm.
    simulations, seed : int
        For the limits; see :func:`calibrate`.

    Attributes
    ----------
    limits : dict of str to float
        The PSI above which a feature raises an alarm.
    latest : DriftCheck or None
        None until the window is full for the first time.

    Raises
    ------
    ValueError
        If the reference is smaller than the window, or has no column.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> def requests(mean, n):
    ...     return pd.DataFrame({"score": rng.normal(mean, size=n)})
    >>> monitor = DriftMonitor(requests(0, 2000), AlarmBudget(200, 20, 2000), simulations=100)
    >>> monitor.feed_all(requests(0, 1000)) is None
    True
    >>> monitor.feed_all(requests(0.7, 1000)).over
    ('score',)
    """

    def __init__(
        self,
        reference: pd.DataFrame,
        budget: AlarmBudget = AlarmBudget(),
        *,
        simulations: int = 400,
        seed: int = 0,
    ) -> None:
        if len(reference) < budget.window or not len(reference.columns):
            raise ValueError(
                f"the reference needs a feature and at least {budget.window} requests, as many "
                f"as the window; it has {len(reference.columns)} and {len(reference)}"
            )
        self.budget = budget
        self.bins = {str(name): Bins.of(reference[name]) for name in reference.columns}
        codes = self._codes(reference)
        self._expected = _counts(codes, self._sizes)
        limits = calibrate(codes, self._sizes, budget, simulations=simulations, seed=seed)
        self.limits = dict(zip(self.bins, limits.tolist(), strict=True))
        self.latest: DriftCheck | None = None
        self.requests = 0
        self._window: deque[Ints] = deque(maxlen=budget.window)
        self._lock = threading.Lock()

    @property
    def _sizes(self) -> list[int]:
        return [len(bins) for bins in self.bins.values()]

    def feed(self, row: Mapping[str, Any]) -> DriftCheck | None:
        """Take one request; return the check if one is due and raises an alarm, else None.

        Parameters
        ----------
        row : mapping of str to (float, str or None)
            The features. An absent one counts as a missing value; unknown ones are ignored.
        """
        codes = [bins.code(row.get(name)) for name, bins in self.bins.items()]
        return self._take(np.array(codes))

    def feed_all(self, rows: pd.DataFrame) -> DriftCheck | None:
        """Take requests in order until the first alarm; return that check, or None."""
        for code in self._codes(rows):
            if look := self._take(code):
                return look
        return None

    def _take(self, code: Ints) -> DriftCheck | None:
        with self._lock:
            self._window.append(code)
            self.requests += 1
            full = len(self._window) == self.budget.window
            if not full or self.requests % self.budget.every:
                return None
            actual = _counts(np.stack(self._window), self._sizes)
            found = {
                name: psi(expected, counts)
                for name, expected, counts in zip(self.bins, self._expected, actual, strict=True)
            }
            over = tuple(name for name, value in found.items() if value > self.limits[name])
            self.latest = DriftCheck(self.requests, found, over)
            return self.latest if over else None

    def scan(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return all checks that :meth:`feed` would make on these rows, without feeding them.

        Returns
        -------
        pandas.DataFrame
            The PSI of each feature (columns) at each check, indexed by the requests so far.
        """
        codes = self._codes(rows)
        looks = [
            psi(expected, _windows(codes[:, column], size, self.budget))
            for column, (size, expected) in enumerate(zip(self._sizes, self._expected, strict=True))
        ]
        first, every = self.budget.window, self.budget.every
        index = pd.Index(first + every * np.arange(len(looks[0])), name="requests")
        return pd.DataFrame(dict(zip(self.bins, looks, strict=True)), index=index)

    def first_alarm(self, rows: pd.DataFrame, *, after: int = 0) -> int | None:
        """Return after how many of these requests the first alarm comes; None without an alarm.

        Checks within the first *after* requests do not count.
        """
        looks = self.scan(rows).loc[after + 1 :]
        over = (looks > pd.Series(self.limits)).any(axis=1)
        return int(looks.index[over][0]) if over.any() else None

    def _codes(self, rows: pd.DataFrame) -> Ints:
        missing = [None] * len(rows)
        columns = [
            bins.codes(rows[name] if name in rows.columns else missing)
            for name, bins in self.bins.items()
        ]
        return np.column_stack(columns)


def calibrate(
    codes: Ints, sizes: list[int], budget: AlarmBudget, *, simulations: int = 400, seed: int = 0
) -> Floats:
    """Return the limit for the PSI of each feature that keeps a budget, shape (features,).

    Every PSI is turned into the probability that chance exceeds it in one check
    (:func:`services.drift.distance.psi_limit`), so that features with many bins and with few can be
    compared. The most surprising PSI of each simulation is recorded; the limit is the value that
    only ``alarm_rate`` of the simulations exceed. With *simulations* runs the rate is accurate to
    about ``sqrt(alarm_rate / simulations)``.

    *codes* has the bin numbers of the reference's requests, shape (n, features), *sizes* how many
    bins each feature has.
    """
    rng = np.random.default_rng(seed)
    n, length = len(codes), budget.horizon - budget.horizon % budget.every
    counts = _counts(codes, sizes)
    freedom = np.array([max(int((each > 0).sum()) - 1, 1) for each in counts])
    scale = 1 / n + 1 / budget.window
    surprise = []
    for start in range(0, simulations, BATCH):
        batch = min(BATCH, simulations - start)
        reference = rng.integers(n, size=(batch, n))
        stream = rng.integers(n, size=(batch, length))
        most = np.zeros(batch)
        for column, size in enumerate(sizes):
            values = codes[:, column]
            expected = _count_rows(values[reference], size)
            looks = psi(expected[:, None], _windows(values[stream], size, budget))
            unlikely = -stats.chi2.logsf(looks.max(axis=1) / scale, freedom[column])
            most = np.maximum(most, unlikely)
        surprise.append(most)
    bar = np.quantile(np.concatenate(surprise), 1 - budget.alarm_rate, method="higher")
    return np.array([stats.chi2.isf(np.exp(-bar), df) * scale for df in freedom])


def _counts(codes: Ints, sizes: list[int]) -> list[Ints]:
    """Count each feature's bins; return one array per feature."""
    return [np.bincount(codes[:, i], minlength=size) for i, size in enumerate(sizes)]


def _count_rows(codes: Ints, size: int) -> Ints:
    """Count the bins of each row, shape (rows, size)."""
    rows = np.arange(len(codes))[:, None] * size
    return np.bincount((codes + rows).ravel(), minlength=len(codes) * size).reshape(-1, size)


def _windows(codes: Ints, size: int, budget: AlarmBudget) -> NDArray[Any]:
    """Count the bins of each window that is checked, shape (..., checks, size)."""
    blocks = codes.shape[-1] // budget.every
    whole = codes[..., : blocks * budget.every].reshape(-1, budget.every)
    counts = _count_rows(whole, size).reshape(*codes.shape[:-1], blocks, size)
    sums = counts.cumsum(axis=-2)
    per_window = budget.window // budget.every
    before = np.zeros_like(sums[..., :1, :])
    sums = np.concatenate([before, sums], axis=-2)
    return sums[..., per_window:, :] - sums[..., :-per_window, :]
