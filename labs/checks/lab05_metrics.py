"""Lab 05: read what metrics say, and a detector that behaves as the check wants."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.samples import Sample
from prometheus_client.values import MutexValue

SLEPT = 0.02
"""So many seconds the pretended detector takes."""


def is_metric(value: Any) -> bool:
    """Say whether *value* is a metric of prometheus_client, by its own class."""
    return issubclass(type(value), MetricWrapperBase)


def samples(metric: MetricWrapperBase) -> list[Sample]:
    """Return a metric's samples; those that say when it was made are left out."""
    found = [sample for family in metric.collect() for sample in family.samples]
    return [sample for sample in found if not sample.name.endswith("_created")]


def total(metric: MetricWrapperBase, ending: str = "", **labels: str) -> float:
    """Return the sum of a metric's samples with this ending of the name and these labels."""
    return sum(
        sample.value
        for sample in samples(metric)
        if sample.name.endswith(ending) and labels.items() <= sample.labels.items()
    )


def in_memory() -> AbstractContextManager[object]:
    """Let new metrics keep their values in this process.

    Where ``PROMETHEUS_MULTIPROC_DIR`` is set they would share files, by their names: those of an
    earlier check, too.
    """
    return patch("prometheus_client.values.ValueClass", MutexValue)


class DefaultRegistry:
    """A context that notes what is registered in the default registry, and takes it out again."""

    def __enter__(self) -> DefaultRegistry:
        self._before = set(REGISTRY._collector_to_names)
        return self

    def added(self) -> list[str]:
        """Return the names of what was registered since."""
        new = set(REGISTRY._collector_to_names) - self._before
        return sorted(REGISTRY._collector_to_names[one][0] for one in new)

    def __exit__(self, *_: object) -> None:
        for one in set(REGISTRY._collector_to_names) - self._before:
            REGISTRY.unregister(one)


@dataclass(frozen=True)
class Metrics:
    """The four metrics that exercise 3 is given."""

    in_progress: Gauge
    rejected: Counter
    failed: Counter
    seconds: Histogram


def metrics() -> Metrics:
    """Return fresh metrics, in a registry of their own."""
    registry = CollectorRegistry()
    return Metrics(
        Gauge("cards_in_progress", "Pictures in the detector now", registry=registry),
        Counter("cards_rejected", "Pictures refused, by reason", ["reason"], registry=registry),
        Counter("cards_failed", "Pictures on which the detector failed", registry=registry),
        Histogram("cards_duration_seconds", "Time in the detector", registry=registry),
    )


@dataclass
class Counts:
    """What metrics say; the difference of two is what was counted in between."""

    in_progress: float
    failed: float
    observed: float
    seconds: float
    rejected: dict[str, float]

    def __sub__(self, before: Counts) -> Counts:
        reasons = {
            reason: count - before.rejected.get(reason, 0.0)
            for reason, count in self.rejected.items()
        }
        return Counts(
            self.in_progress - before.in_progress,
            self.failed - before.failed,
            self.observed - before.observed,
            self.seconds - before.seconds,
            {reason: count for reason, count in reasons.items() if count},
        )


def counts(of: Metrics) -> Counts:
    """Read the metrics."""
    rejected = {s.labels["reason"]: s.value for s in samples(of.rejected)}
    return Counts(
        total(of.in_progress),
        total(of.failed, "_total"),
        total(of.seconds, "_count"),
        total(of.seconds, "_sum"),
        rejected,
    )


@dataclass
class Detect:
    """A detector that answers, or raises, as it is told, and looks at the gauge meanwhile.

    Attributes
    ----------
    answer : object
        What it returns.
    error : BaseException or None
        What it raises instead.
    inside : callable, optional
        Called while it is at work.
    calls : list
        The pictures that it was given.
    seen : list of float
        What the gauge said while it was at work.
    """

    metrics: Metrics
    answer: Any = None
    error: BaseException | None = None
    inside: Callable[[], None] = field(default=lambda: None)
    calls: list[Any] = field(default_factory=list)
    seen: list[float] = field(default_factory=list)

    def __call__(self, picture: Any) -> Any:
        """Answer as the core does."""
        self.calls.append(picture)
        self.seen.append(total(self.metrics.in_progress))
        time.sleep(SLEPT)
        self.inside()
        if self.error is not None:
            raise self.error
        return self.answer
