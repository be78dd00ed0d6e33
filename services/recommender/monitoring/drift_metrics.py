"""The recommender's drift as Prometheus metrics, updated while the service answers.

=======================================  =======================================================
``recommender_drift_psi``                PSI of the last requests against the reference, by feature
``recommender_drift_psi_limit``          the PSI above which there is an alarm, by feature
``recommender_drift_reference_requests`` how many requests the reference has so far
=======================================  =======================================================

A service has no reference when it starts with a new version of the model, because each version has
different scores and lists. So :class:`DriftWatch` takes the first requests as the reference, and
reports no drift until it is complete. Drift that began earlier stays unseen. Each worker has its
own window, and keeps the alarm budget for its own requests.

Prometheus raises the alarm: ``infra/prometheus/recommender.yml``.
"""

from __future__ import annotations

import logging
import threading
from functools import partial

import pandas as pd
from prometheus_client import Gauge

from services.drift.logs import Entry
from services.drift.monitor import AlarmBudget, DriftCheck, DriftMonitor
from services.recommender.hot_swap.live import LiveRecommender
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
"""The number of requests in the reference, if it has to be collected."""

BUDGET = AlarmBudget()

LABELS = ("version", "feature")
# Each process has its own window; the largest PSI of all processes counts.
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


class DriftRecorder:
    """Watches the version that a live recommender answers with; each gets its own watch."""

    def __init__(
        self, live: LiveRecommender, *, size: int = REFERENCE, budget: AlarmBudget = BUDGET
    ) -> None:
        self._live = live
        self._new = partial(DriftWatch, size=size, budget=budget)
        self._lock = threading.Lock()
        self.watch = self._new(live.current)

    def feed(self, answer: Answer, top_k: int) -> DriftCheck | None:
        """Take one answer; return the check if one is due and raises an alarm, else None."""
        watch = self.watch
        if answer.version != watch.version:
            with self._lock:
                watch = self._changed(answer.version)
        return watch.feed(entry_of(answer, top_k)) if watch.version == answer.version else None

    def _changed(self, version: str) -> DriftWatch:
        """Return a watch for the version that answers now; a version just replaced gets none."""
        current = self._live.current
        if self.watch.version != version == current.version:
            self.watch.close()
            self.watch = self._new(current)
        return self.watch


class DriftWatch:
    """Takes a service's log entries as they are written, and exports their drift as metrics.

    Threads may share it. It never makes an answer fail: an error with an entry is logged once, and
    the entry is skipped. The first *size* requests are the reference. A new version needs a new
    watch; :meth:`close` the old one. Raises ValueError if *size* is smaller than the budget's
    window.
    """

    def __init__(
        self,
        recommender: Recommender,
        *,
        size: int = REFERENCE,
        budget: AlarmBudget = BUDGET,
    ) -> None:
        if size < budget.window:
            raise ValueError(f"size must be at least the window ({budget.window}); got {size}")
        self.version = recommender.version
        self.features = Features(recommender)
        self.budget = budget
        self.size = size
        self.monitor: DriftMonitor | None = None
        self._collected: list[dict[str, Value]] = []
        self._lock = threading.Lock()
        self._warned = False
        COLLECTED.labels(self.version).set(0)

    def feed(self, entry: Entry) -> DriftCheck | None:
        """Take one answer's entry; return the check if one is due and raises an alarm, else None.

        It takes some 50 microseconds; once, when the reference is complete, a fraction of a second.
        """
        try:
            return self._feed(self.features.of(entry))
        except Exception:  # an answer is worth more than its statistics
            if not self._warned:
                logger.exception(
                    "An answer could not be added to drift monitoring; further failures are silent"
                )
                self._warned = True
            return None

    def close(self) -> None:
        """Set this version's PSI to 0: its alarm would never end once it no longer answers.

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
