"""Lab 05: read metrics of prometheus_client as a scrape does."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.samples import Sample
from prometheus_client.values import MutexValue


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
