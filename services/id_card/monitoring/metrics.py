"""The detector's own metrics: what it found, how sure it was, how long it took, what it refused.

They are ``prometheus_client`` metrics in the default registry, so BentoML's ``/metrics`` shows them
beside its own and adds up all processes of a server. Names follow Prometheus's conventions (base
units, ``_total`` on counters): https://prometheus.io/docs/practices/naming/

Every label value comes from a closed set or from the deployment. Nothing that a client
sends ever becomes a label: each new value is a new time series, kept until the server ends.

::

    with metrics.IN_PROGRESS.track_inprogress():
        start = time.perf_counter()
        [found] = detector.detect([image])
    metrics.observe(found, time.perf_counter() - start, model="yolov8_custom", version="1f0c…")
    metrics.rejected(refusal)

Several processes share their counts through files in ``PROMETHEUS_MULTIPROC_DIR``. ``bentoml
serve`` sets it for its workers; elsewhere it must be set before this module is imported.
"""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import Counter, Gauge, Histogram

from services.errors import InputError, ModelError
from services.id_card.detector import Detection

REASONS = (
    "body_too_large",
    "body_too_slow",
    "content_type",
    "id_invalid",
    "image_damaged",
    "image_empty",
    "image_format",
    "image_missing",
    "image_not_a_file",
    "image_repeated",
    "image_too_many_pixels",
    "image_too_slow",
    "multipart_malformed",
    "rate_limited",
    "request_incomplete",
    "too_many_requests",
    "unauthorized",
)
"""The codes of every :class:`~services.errors.InputError` that the services here answer with."""

OTHER = "other"
"""The label that any code outside :data:`REASONS` is counted under."""

DETECTIONS = Histogram(
    "id_card_detections",
    "Boxes found in one image",
    ["model", "version"],
    buckets=(0, 1, 2, 3, 4, 5, 10, 20, 50),
)
CONFIDENCE = Histogram(
    "id_card_detection_confidence_ratio",
    "Confidence of one box, 0 to 1",
    ["model", "version"],
    # Finer where a detector that drops boxes below 0.5 puts them; the drift alert reads these.
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1),
)
INFERENCE_SECONDS = Histogram(
    "id_card_inference_duration_seconds",
    "Time to find the boxes in one image, decoding and waiting left out",
    ["model", "version"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10),
)
REJECTED = Counter("id_card_rejected_inputs", "Requests refused with a 4xx, by code", ["reason"])
IN_PROGRESS = Gauge(
    "id_card_inferences_in_progress",
    "Images in the detector now",
    # The sum over the live processes: a dead one has no images in it.
    multiprocess_mode="livesum",
)

# A series that starts at its first event hides that event from rate(): it needs a 0 before.
for _reason in (*REASONS, OTHER):
    REJECTED.labels(_reason)


def observe(detections: Sequence[Detection], seconds: float, *, model: str, version: str) -> None:
    """Record what one image gave.

    Parameters
    ----------
    detections : sequence of Detection
        The boxes in one image; may be empty.
    seconds : float
        How long the detector took, 0 or more.
    model, version : str
        Which model answered, from its deployment and never from a request: for instance the name
        of its weights' file and the start of its hash.
    """
    DETECTIONS.labels(model, version).observe(len(detections))
    INFERENCE_SECONDS.labels(model, version).observe(seconds)
    confidence = CONFIDENCE.labels(model, version)
    for detection in detections:
        confidence.observe(detection.confidence)


def rejected(refusal: InputError | ModelError) -> None:
    """Count a refused request by its code, or as :data:`OTHER` if it is not in :data:`REASONS`."""
    REJECTED.labels(refusal.code if refusal.code in REASONS else OTHER).inc()
