"""The recommender's drift as Prometheus metrics, and what feeds them while the service answers.

=======================================  =======================================================
``recommender_drift_psi``                of the last requests against the reference, by feature
``recommender_drift_psi_limit``          above which that is an alarm, by feature
``recommender_drift_reference_requests`` how many requests the reference has so far
=======================================  =======================================================

A service has no reference when it starts with a new version of the model, whose scores and lists
are its own. So :class:`DriftWatch` takes the first requests for one, and promises nothing until
then. What was already drifting at that time stays unseen; give it a log of a good time where there
is one. Several workers have a window each, and each keeps the promise for its own requests.

The alarm is Prometheus's to raise: ``infra/prometheus/recommender.yml``.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from functools import partial
from typing import Protocol

import pandas as pd
from prometheus_client import Gauge

from services.drift.logs import Entry
from services.drift.monitor import AlarmBudget, DriftCheck, DriftMonitor
from services.recommender.monitoring.drift_features import (
    INPUTS,
    PREDICTIONS,
    Features,
    Value,
    entry_of,
)
from services.recommender.recommender import Answer, Recommender

logger = logging.getLogger(__name__)

FEATURES = (*INPUTS, *PREDICTIONS)
REFERENCE = 2000
"""Requests of the reference, if it has to be collected."""

BUDGET = AlarmBudget()

LABELS = ("version", "feature")
# Of several processes each has a window of its own; the one that is furthest off counts.
PSI = Gauge(
    "recommender_drift_psi",
    "Population stability index of the last requests against the reference",
    LABELS,
    multiprocess_mode="livemax",
)
LIMIT = Gauge(
    "recommender_drift_psi_limit",
    "Population stability index above which a feature counts as drifted",
    LABELS,
    multiprocess_mode="livemin",
)
COLLECTED = Gauge(
    "recommender_drift_reference_requests",
    "Requests in the reference; there are no drift metrics until it is complete",
    ["version"],
    multiprocess_mode="livemin",
)


class Live(Protocol):
    """What :class:`DriftRecorder` needs of a ``LiveRecommender``."""

    @property
    def current(self) -> Recommender:
        """The recommender that answers now."""


class DriftRecorder:
    """Watches whichever version a live recommender answers with, each by a watch of its own.

    Parameters
    ----------
    live : Live
        Whose answers they are.
    size, promise
        As for :class:`DriftWatch`.
    """

    def __init__(self, live: Live, *, size: int = REFERENCE, budget: AlarmBudget = BUDGET) -> None:
        self._live = live
        self._new = partial(DriftWatch, size=size, budget=budget)
        self._lock = threading.Lock()
        self.watch = self._new(live.current)

    def feed(self, answer: Answer, top_k: int) -> DriftCheck | None:
        """Take one answer; return a look if one is due and it is an alarm, else None."""
        watch = self.watch
        if answer.version != watch.version:
            with self._lock:
                watch = self._changed(answer.version)
        return watch.feed(entry_of(answer, top_k)) if watch.version == answer.version else None

    def _changed(self, version: str) -> DriftWatch:
        """Return the watch of a version that answers now; one that has just left has none."""
        current = self._live.current
        if self.watch.version != version == current.version:
            self.watch.close()
            self.watch = self._new(current)
        return self.watch


class DriftWatch:
    """Takes a service's log entries as they are written, and shows their drift.

    Threads may share it. It never raises into an answer: what goes wrong with an entry is logged
    once, and the entry is passed over.

    Parameters
    ----------
    recommender : Recommender
        The version that answers. A new version needs a new watch; :meth:`close` the old one.
    reference : iterable of entries, optional
        The log of a good time, of the same version. If it is not given, the first
        :data:`REFERENCE` requests are the reference.
    size : int
        How many requests to collect for the reference, if none is given.
    budget : AlarmBudget
        How it looks, and how seldom it may be wrong.

    Raises
    ------
    ValueError
        If *size* or the reference is smaller than the promise's window.

    Examples
    --------
    ::

        watch = DriftWatch(recommender)
        answer = recommender.recommend(user_id=3)
        watch.feed(entry_of(answer, top_k=10))
    """

    def __init__(
        self,
        recommender: Recommender,
        reference: Iterable[Entry] | None = None,
        *,
        size: int = REFERENCE,
        budget: AlarmBudget = BUDGET,
    ) -> None:
        if size < budget.window:
            raise ValueError(f"the reference is a window ({budget.window}) or more; got {size}")
        self.version = recommender.version
        self.features = Features(recommender)
        self.budget = budget
        self.size = size
        self.monitor: DriftMonitor | None = None
        self._collected: list[dict[str, Value]] = []
        self._lock = threading.Lock()
        self._warned = False
        COLLECTED.labels(self.version).set(0)
        if reference is not None:
            self._begin([self.features.of(entry) for entry in reference])

    def feed(self, entry: Entry) -> DriftCheck | None:
        """Take the entry of one answer; return a look if one is due and it is an alarm, else None.

        It takes some 50 microseconds, a fraction of a second once, when the reference is complete.
        """
        try:
            return self._feed(self.features.of(entry))
        except Exception:  # an answer is worth more than its statistics
            if not self._warned:
                logger.exception("The drift of this entry, and of others like it, is not watched")
                self._warned = True
            return None

    def close(self) -> None:
        """Set this version's PSI to 0: an alarm about what answers no more would never end.

        The series stay; ``prometheus_client`` cannot remove those of several processes.
        """
        for feature in FEATURES if self.monitor else ():
            PSI.labels(self.version, feature).set(0)

    def _feed(self, row: dict[str, Value]) -> DriftCheck | None:
        if self.monitor is None:
            self._collect(row)
            return None
        alarm = self.monitor.feed(row)
        if (look := self.monitor.latest) is not None:
            for feature, value in look.psi.items():
                PSI.labels(self.version, feature).set(value)
        return alarm

    def _collect(self, row: dict[str, Value]) -> None:
        with self._lock:
            self._collected.append(row)
            count = len(self._collected)
        if count < self.size:
            COLLECTED.labels(self.version).set(count)
        elif count == self.size:
            self._begin(self._collected)

    def _begin(self, rows: list[dict[str, Value]]) -> None:
        monitor = DriftMonitor(pd.DataFrame(rows)[list(FEATURES)], self.budget)
        for feature, limit in monitor.limits.items():
            LIMIT.labels(self.version, feature).set(limit)
        COLLECTED.labels(self.version).set(len(rows))
        self.monitor = monitor
        self._collected = []
