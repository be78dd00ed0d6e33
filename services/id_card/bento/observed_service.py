"""The detector as it runs in production: honest probes, metrics, and a log of its answers.

::

    bentoml serve services.id_card.bento.observed_service:IdCardDetector --host 127.0.0.1

The endpoints are those of :mod:`.service`. ``ID_CARD_WORKERS`` (1) says how many
processes share the work, ``ID_CARD_LOG`` (``build/monitoring``) where the log goes.
"""

from __future__ import annotations

import logging
import os
from concurrent.futures import Future, ThreadPoolExecutor

import bentoml
from bentoml.exceptions import ServiceUnavailable

from services.bentoml_support import labels
from services.bentoml_support.log import FileMonitor, write_if_possible
from services.environment import build_dir
from services.id_card.bento import service
from services.id_card.bento.model_store import pinned_weights
from services.id_card.detector import Detection
from services.id_card.monitoring import metrics
from services.id_card.monitoring.observed_detector import ObservedDetector
from services.id_card.validation import ImageValidationMiddleware

logger = logging.getLogger(__name__)

labels.count_by_route()


@bentoml.service(
    name="id_card_detector",
    workers=int(os.environ.get("ID_CARD_WORKERS", "1")),
    threads=service.THREADS,
    traffic={"timeout": 60},
    image=service.IMAGE,
)
class IdCardDetector(service.IdCardDetector.inner):  # type: ignore[name-defined]
    """Find ID cards in an image; with probes, metrics and a log of the answers."""

    def __init__(self) -> None:
        # In the background: a server that loads in its constructor answers no probe until it has.
        loader = ThreadPoolExecutor(1, "load-the-model")
        self._loading: Future[ObservedDetector] = loader.submit(_load)
        loader.shutdown(wait=False)

    @property
    def detector(self) -> ObservedDetector:
        """The detector; a call waits while it is being loaded."""
        try:
            return self._loading.result()
        except Exception as error:
            raise ServiceUnavailable("The model could not be loaded.") from error

    def __is_ready__(self) -> bool:
        """Say whether a request would be answered: the model is loaded, warm, and works."""
        return self._loading.done() and self.__is_alive__()

    def __is_alive__(self) -> bool:
        """Say whether to leave this process alone: false if loading failed or the model broke."""
        if not self._loading.done():
            return True
        return self._loading.exception() is None and not self._loading.result().broken


def _load() -> ObservedDetector:
    try:
        detector = ObservedDetector.from_environment(pinned_weights())
    except Exception:
        logger.exception("The model could not be loaded; /livez and /readyz answer 503 from now on")
        raise
    detector.record = lambda *answer: write_if_possible(_write, detector, *answer)
    # BentoML prints only its own loggers' messages. Each worker logs this once.
    logging.getLogger("bentoml").info("the model is loaded and warm")
    return detector


def _write(
    detector: ObservedDetector, size: tuple[int, int], found: list[Detection], seconds: float
) -> None:
    """Write one line into this worker's log of answers."""
    options = {"log_path": os.environ.get("ID_CARD_LOG", str(build_dir() / "monitoring"))}
    with bentoml.monitor("id_card_detector", FileMonitor, options) as row:
        width, height = size
        row.log(width, "width", "feature", "numerical")
        row.log(height, "height", "feature", "numerical")
        confidences = [round(detection.confidence, 4) for detection in found]
        row.log(confidences, "confidences", "prediction", "numerical_sequence")
        row.log(round(seconds, 4), "seconds", "prediction", "numerical")
        row.log(detector.model, "model", "prediction", "categorical")
        row.log(detector.version, "version", "prediction", "categorical")


IdCardDetector.add_asgi_middleware(
    ImageValidationMiddleware,
    paths=("/inference", "/invocation", "/render"),
    on_refusal=metrics.rejected,
)
