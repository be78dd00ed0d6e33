"""Prometheus counters of requests and refusals, which KServe's ``/metrics`` lacks.

KServe 0.21 measures the seconds of ``preprocess``, ``predict`` and ``postprocess``, by model. How
many requests there were, and how many of them failed, is counted here. Every label value comes from
a bounded set: the models that are registered, three protocols, and codes of errors. These are our
own, or a predictor's behind a transformer; after the first :data:`MOST_CODES` a new one is "other".
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter

PROTOCOLS = ("v1", "v2", "grpc")

UNKNOWN = "unknown"
"""The label for every model that a request names and the server does not have."""

OUTCOMES = ("answered", "refused", "failed")
"""The request was answered; or the client has to change it (4xx); or the server failed (5xx)."""

MOST_CODES = 100

REQUESTS = Counter(
    "inference_requests", "Requests for a prediction", ["model_name", "protocol", "outcome"]
)
ERRORS = Counter(
    "inference_errors", "Requests not answered, by code", ["model_name", "protocol", "code"]
)

_models: set[str] = set()
_codes: set[str] = set()


def register(models: Iterable[str]) -> None:
    """Register the models' names, whose counts start at 0."""
    for model in (*models, UNKNOWN):
        _models.add(model)
        for protocol in PROTOCOLS:
            for outcome in OUTCOMES:
                REQUESTS.labels(model, protocol, outcome)


def answered(model: str, protocol: str) -> None:
    """Count one request that was answered."""
    REQUESTS.labels(_known(model), protocol, "answered").inc()


def not_answered(model: str, protocol: str, status: int, code: str) -> None:
    """Count one request that was not answered, by its HTTP status and its error's code."""
    outcome = "refused" if status < 500 else "failed"
    REQUESTS.labels(_known(model), protocol, outcome).inc()
    if len(_codes) < MOST_CODES:
        _codes.add(code)
    ERRORS.labels(_known(model), protocol, code if code in _codes else "other").inc()


def _known(model: str) -> str:
    return model if model in _models else UNKNOWN
