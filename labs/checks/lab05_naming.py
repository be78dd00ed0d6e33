"""Lab 05, exercise 2: metrics as a scrape sees them, and how they are named."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary

from labs.checks import lab05_metrics as reading
from labs.checks.lab05_service import REASONS
from labs.engine import Context

FIRST, LAST, PROMISE, STEP, MOST = 0.001, 0.2, 0.05, 2.5, 20
DEFAULT_BUCKETS = [bound for bound in Histogram.DEFAULT_BUCKETS if not math.isinf(bound)]


def made(
    context: Context,
    answer: Callable[..., Any],
    registry: CollectorRegistry,
    default: reading.DefaultRegistry,
    where: str,
) -> tuple[Any, Any]:
    """Return the two metrics that the answer makes in a registry, or fail."""
    try:
        got = answer(registry)
    except Exception as error:
        taken = "Duplicated timeseries" in str(error)
        mistake = "same_name" if list(registry.collect()) else "global_registry"
        failure = context.raised(error, where=where, because=mistake if taken else None)
        if taken:  # the library lists the names in any order
            failure.differs = "Your code raised Duplicated timeseries: that name is taken."
        raise failure from error
    pair = [*got] if issubclass(type(got), tuple | list) else []
    if len(pair) != 2 or not all(reading.is_metric(one) for one in pair):
        context.fail(
            "metrics_of(registry) did not return two metrics of prometheus_client.",
            where=where,
            layer="schema",
            cause="Return a tuple: the counter first, then the histogram.",
        )
    inside = {family.name for family in registry.collect()}
    outside = [one for one in pair if next(iter(one.collect())).name not in inside]
    if outside or default.added():
        context.fail(
            f"{len(inside)} of the 2 metrics are in the registry that was given.",
            where=where,
            mistake="global_registry",
        )
    return pair[0], pair[1]


def types(context: Context, rejected: Any, seconds: Any) -> None:
    """Fail unless they are a counter and a histogram."""
    kinds = type(rejected).__name__, type(seconds).__name__
    if not issubclass(type(rejected), Counter):
        wrong = "gauge" if issubclass(type(rejected), Gauge) else None
        context.fail(f"rejected is a {kinds[0]}; Counter was expected.", mistake=wrong)
    if not issubclass(type(seconds), Histogram):
        wrong = "summary" if issubclass(type(seconds), Summary) else None
        context.fail(f"seconds is a {kinds[1]}; Histogram was expected.", mistake=wrong)


def names(context: Context, *pair: Any) -> None:
    """Look at prefix, unit and help text of both."""
    found = [next(iter(one.collect())).name for one in pair]
    for name, one in zip(found, pair, strict=True):
        if not name.startswith("cards_"):
            context.fail(f"The name {name!r} does not begin with cards_.", mistake="prefix")
        if not next(iter(one.collect())).documentation.strip():
            context.fail(
                f"{name} has no help text.",
                cause="The second argument is shown beside the metric wherever people choose one.",
            )
    if not found[1].endswith("_seconds"):
        wrong = "milliseconds" if {"ms", "milliseconds"} & set(found[1].split("_")) else "no_unit"
        context.fail(f"The histogram's name is {found[1]!r}.", mistake=wrong)
    if found[1].endswith("_milli_seconds"):
        context.fail(f"The histogram's name is {found[1]!r}.", mistake="milliseconds")


def labels(context: Context, rejected: Any, seconds: Any) -> None:
    """Look at the labels, and at the series that are there before anything has happened."""
    for name, one, want in (("rejected", rejected, "reason"), ("seconds", seconds, "model")):
        labels = list(one._labelnames)
        if labels == [want]:
            continue
        context.fail(
            f"{name} has the labels {labels}; [{want!r}] was expected.",
            mistake="client_label" if set(labels) - {want} else "no_label",
        )
    series = reading.samples(rejected)
    shown = {sample.labels["reason"] for sample in series}
    missing = [reason for reason in REASONS if reason not in shown]
    if missing:
        context.fail(
            f"Before the first refusal there is no series for {missing}.", mistake="no_zero"
        )
    others = sorted(shown - {*REASONS})
    context.expect(not others, f"rejected has a series for {others}, not one of REASONS.")
    counted = [s.labels["reason"] for s in series if s.name.endswith("_total") and s.value]
    context.expect(
        not counted,
        f"Before the first refusal, rejected is above 0 for {counted}.",
        mistake="counts_itself",
    )


def buckets(context: Context, seconds: Any) -> None:
    """Observe something, and read the boundaries from the samples."""
    name = f"model_{context.random.randint(10, 99)}"
    series = context.call(seconds.labels, model=name, where="seconds.labels(model=…)")
    context.call(series.observe, 0.01, where="observing a time")
    found = [s for s in reading.samples(seconds) if s.labels.get("model") == name and "le" in s[1]]
    bounds = sorted(bound for s in found if not math.isinf(bound := float(s.labels["le"])))
    if bounds == DEFAULT_BUCKETS:
        context.fail(f"The first boundaries are {bounds[:3]}.", mistake="default_buckets")
    if bounds[-1] >= 100 * LAST:
        context.fail(f"The last boundary is {bounds[-1]:g} seconds.", mistake="bucket_unit")
    context.expect(
        len(bounds) <= MOST,
        f"There are {len(bounds)} boundaries; at most {MOST} were expected.",
        cause="Each is a time series for each model and each process.",
    )
    near = 1e-9
    context.expect(
        bounds[0] <= FIRST + near and bounds[-1] >= LAST - near,
        f"The boundaries go from {bounds[0]:g} to {bounds[-1]:g} s; the pictures take {FIRST:g} to "
        f"{LAST:g} s.",
        mistake="too_coarse",
    )
    for low, high in pairwise(bounds):
        if low < LAST - near and high > FIRST + near and high / low > STEP + 1e-6:
            context.fail(
                f"The step from {low:g} to {high:g} is too wide; at most {STEP:g} times was asked "
                "for.",
                mistake="too_coarse",
            )
    context.expect(
        any(abs(bound - PROMISE) < near for bound in bounds),
        f"No boundary is at {PROMISE:g} s.",
        mistake="no_promise",
    )
