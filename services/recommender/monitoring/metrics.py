"""The recommender's own metrics: answers by version, latency, and polls of the registry.

In all else they are like the detector's: ``prometheus_client`` metrics in the default registry,
which BentoML's ``/metrics`` adds up over a server's processes, with label values from closed sets
or from the deployment.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from services.recommender.model.requests import CODES
from services.recommender.recommender import Answer

REASONS = (
    "body_too_large",
    "body_too_slow",
    "content_type",
    "rate_limited",
    "request_incomplete",
    "too_many_requests",
    "unauthorized",
    *CODES,
)
"""The codes of every :class:`~services.errors.InputError` that the services here answer with."""

OTHER = "other"
"""The reason that a code outside :data:`REASONS` is counted under."""

OUTCOMES = ("unchanged", "moved", "unreachable", "unregistered", "damaged")
"""The possible outcomes of a poll of the registry."""

PREDICTIONS = Counter(
    "recommender_predictions", "Answered requests, by model and version", ["model", "version"]
)
FALLBACKS = Counter(
    "recommender_fallbacks",
    "Answers by popularity because the user has no ratings, by version",
    ["version"],
)
SECONDS = Histogram(
    "recommender_prediction_duration_seconds",
    "Time to answer one request; in a batch, the mean",
    ["version"],
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1),
)
SCORES = Histogram(
    "recommender_top_score",
    "The best score of each answer by the model, fallbacks left out",
    ["version"],
    buckets=(-8, -4, -2, -1, -0.5, 0, 0.5, 1, 2, 4, 8),
)
REJECTED = Counter(
    "recommender_rejected_inputs", "Requests refused with a 4xx, by code", ["reason"]
)
SERVING = Gauge(
    "recommender_serving_workers",
    "Workers that serve a version now",
    ["model", "version"],
    # The sum over the live processes.
    multiprocess_mode="livesum",
)
PULLS = Counter("recommender_pulls", "Polls of the registry, by outcome", ["outcome"])

# A series that starts at its first event hides that event from rate(), which needs a 0 before it.
for _reason in (*REASONS, OTHER):
    REJECTED.labels(_reason)
for _outcome in OUTCOMES:
    PULLS.labels(_outcome)


def observe(answer: Answer, seconds: float) -> None:
    """Record one answer, and how long it took (0 or more)."""
    PREDICTIONS.labels(answer.model, answer.version).inc()
    SECONDS.labels(answer.version).observe(seconds)
    if answer.fallback:
        FALLBACKS.labels(answer.version).inc()
    elif answer.items:
        SCORES.labels(answer.version).observe(answer.items[0].score)


def rejected(code: str) -> None:
    """Count one refused request; a code outside :data:`REASONS` counts as :data:`OTHER`."""
    REJECTED.labels(code if code in REASONS else OTHER).inc()


def serving(model: str, version: str, now: bool) -> None:
    """Record that this process serves a version now, or no longer."""
    SERVING.labels(model, version).set(int(now))
    FALLBACKS.labels(version)


def pulled(outcome: str) -> None:
    """Count one poll of the registry; *outcome* is one of :data:`OUTCOMES`."""
    PULLS.labels(outcome).inc()
