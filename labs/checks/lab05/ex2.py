"""lab05.ex2: Metrics with the right names."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from labs.checks.lab05 import metrics as reading
from labs.checks.lab05.service import REASONS
from labs.engine import Context

FIRST, LAST, PROMISE, STEP, MOST = 0.001, 0.2, 0.05, 2.5, 20
DEFAULT_BUCKETS = [bound for bound in Histogram.DEFAULT_BUCKETS if not math.isinf(bound)]
_UNITS = {"seconds", "second", "s", "ms", "milliseconds", "millis", "us", "minutes", "bytes"}
_UNITS |= {"percent", "percentage", "ratio"}


def check(context: Context, metrics_of: Callable[..., Any]) -> None:
    """Make the metrics in two fresh registries and look at them as a scrape does."""
    with reading.in_memory(), reading.DefaultRegistry() as default:
        first = _made(context, metrics_of, default, "the first registry")
        _types_and_names(context, *first)
        _labels(context, *first)
        _buckets(context, first[1])
        _made(context, metrics_of, default, "a second registry", first)
    context.note(registries=2, series_of_rejected=len(REASONS))


def _made(
    context: Context,
    answer: Callable[..., Any],
    default: reading.DefaultRegistry,
    where: str,
    before: tuple[Any, ...] = (),
) -> tuple[Any, Any]:
    """Return the two metrics that the answer makes in a fresh registry, or fail.

    *before* are those that it has made already.
    """
    registry = CollectorRegistry()
    try:
        got = answer(registry)
    except Exception as error:
        if "Duplicated timeseries" not in str(error):
            raise context.raised(error, where=where) from error
        context.fail(
            "Your code raised Duplicated timeseries: that name is taken.",
            where=where,
            mistake=None if list(registry.collect()) else "global_registry",
            cause="Two metrics in a registry cannot have the same name.",
        )
    pair = [*got] if issubclass(type(got), tuple | list) else []
    if len(pair) != 2 or not all(reading.is_metric(one) for one in pair):
        context.fail(
            "metrics_of(registry) did not return two metrics of prometheus_client.",
            where=where,
            layer="schema",
            cause="Return a tuple: the counter first, then the histogram.",
        )
    context.expect(
        not any(one is other for one in pair for other in before),
        "The second call returned the metrics of the first.",
        where=where,
        cause="Create both in the function, each time in the registry that it is given.",
    )
    inside = {family.name for family in registry.collect()}
    outside = [one for one in pair if next(iter(one.collect())).name not in inside]
    if outside or default.added():
        context.fail(
            f"{2 - len(outside)} of the 2 metrics are in the registry that was given; in the "
            f"default registry there are {default.added() or 'none'}.",
            where=where,
            mistake="global_registry" if default.added() else None,
            cause="Pass registry=registry to each metric.",
        )
    context.expect(
        len(inside) == 2, f"The registry has the metrics {sorted(inside)}; two were expected."
    )
    return pair[0], pair[1]


def _types_and_names(context: Context, rejected: Any, seconds: Any) -> None:
    for name, one, kind in (("rejected", rejected, Counter), ("seconds", seconds, Histogram)):
        context.expect(
            issubclass(type(one), kind),
            f"{name} is a {type(one).__name__}; {kind.__name__} was expected.",
            mistake="gauge" if kind is Counter and issubclass(type(one), Gauge) else None,
            cause="Only a Histogram's buckets can be added up across processes."
            if kind is Histogram
            else "Return the counter first, then the histogram.",
        )
        family = next(iter(one.collect()))
        context.expect(
            re.fullmatch(r"cards(_[a-z0-9]+)+", family.name) is not None,
            f"The name of {name} is {family.name!r}.",
            cause="A name begins with cards_ and is in lower case, with single underscores.",
        )
        context.expect(bool(family.documentation.strip()), f"{family.name} has no help text.")
        units = _UNITS & {
            *family.name.removesuffix("_seconds" if one is seconds else "").split("_")
        }
        context.expect(
            not units and (one is rejected or family.name.endswith("_seconds")),
            f"The name of {name} is {family.name!r}.",
            mistake="unit" if one is seconds else None,
            cause=f"It counts images, which have no unit {' or '.join(units)}.",
        )


def _labels(context: Context, rejected: Any, seconds: Any) -> None:
    """Look at the labels, and at the series that exist before anything has happened."""
    for name, one, want in (("rejected", rejected, "reason"), ("seconds", seconds, "model")):
        labels = list(one._labelnames)
        context.expect(
            labels == [want],
            f"{name} has the labels {labels}; [{want!r}] was expected.",
            mistake="more_labels" if set(labels) > {want} else None,
        )
    series = {s.labels["reason"]: s.value for s in reading.samples(rejected)}
    missing = [reason for reason in REASONS if reason not in series]
    context.expect(
        not missing,
        f"Before the first refusal there is no series for {missing}.",
        mistake="no_zero",
    )
    others = sorted(set(series) - {*REASONS})
    context.expect(not others, f"rejected has a series for {others}, not one of REASONS.")
    counted = [reason for reason, value in series.items() if value]
    context.expect(
        not counted,
        f"Before the first refusal, rejected is above 0 for {counted}.",
        cause="labels(reason=…) alone makes a series at 0; inc() counts a refusal.",
    )


def _buckets(context: Context, seconds: Any) -> None:
    """Observe something, and read the boundaries from the samples."""
    name = f"model_{context.random.randint(10, 99)}"
    series = context.call(seconds.labels, model=name, where="seconds.labels(model=…)")
    context.call(series.observe, 0.01, where="observing a time")
    found = [s for s in reading.samples(seconds) if s.labels.get("model") == name and "le" in s[1]]
    bounds = sorted(bound for s in found if not math.isinf(bound := float(s.labels["le"])))
    context.expect(
        bounds != DEFAULT_BUCKETS,
        f"The first boundaries are {bounds[:3]}.",
        mistake="default_buckets",
    )
    context.expect(
        len(bounds) <= MOST,
        f"There are {len(bounds)} boundaries; at most {MOST} were expected.",
        cause="Each is a time series for each model and each process.",
    )
    near = 1e-9
    context.expect(
        bounds[0] <= FIRST + near and bounds[-1] >= LAST - near,
        f"The boundaries go from {bounds[0]:g} to {bounds[-1]:g} s; detection takes {FIRST:g} to "
        f"{LAST:g} s.",
    )
    for low, high in pairwise(bounds):
        inside = low < LAST - near and high > FIRST + near
        context.expect(
            not inside or high / low <= STEP + 1e-6,
            f"The step from {low:g} to {high:g} is too wide; at most {STEP:g} times is allowed.",
            cause="Within a bucket a percentile is only estimated.",
        )
    context.expect(
        any(abs(bound - PROMISE) < near for bound in bounds),
        f"No boundary is at {PROMISE:g} s.",
        cause="Only at a boundary does a histogram know exactly how many values were below.",
    )
