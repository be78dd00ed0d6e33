"""The recommender in service: it answers, counts, and is another one when the pointer says so.

It knows no serving framework and no registry. A worker has one; a thread of it looks at the pointer
from time to time. Who moves the pointer is :mod:`services.recommender.puller`'s business.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.errors import InputError
from services.recommender import telemetry
from services.recommender.cache import Version, VersionCache
from services.recommender.questions import Question
from services.recommender.recommender import Answer, Recommender

logger = logging.getLogger(__name__)

FAILURES = 3
"""So many failures in a row, and the model counts as broken. One may be the question's fault."""


@dataclass(frozen=True)
class Prediction:
    """A question and what was answered: what goes into a log.

    Attributes
    ----------
    question : Question
    answer : Answer
    seconds : float
        How long the model took.
    """

    question: Question
    answer: Answer
    seconds: float


def _nowhere(prediction: Prediction) -> None:
    """Drop it."""


class LiveRecommender:
    """A recommender that is replaced while it serves. Threads may share it.

    Parameters
    ----------
    cache : VersionCache
        Where the versions are, and the pointer that is followed.
    seconds : float
        Between two looks; 0 for none but the first.

    Attributes
    ----------
    record : callable
        Called with each :class:`Prediction`; set it to keep a log.

    Raises
    ------
    LookupError
        If there is no pointer, or nothing that could be served where it points.
    """

    def __init__(self, cache: VersionCache, *, seconds: float = 1.0) -> None:
        self.cache = cache
        self.seconds = seconds
        self.record: Callable[[Prediction], None] = _nowhere
        self._version: Version | None = None
        self._current: Recommender | None = None
        self._failures = 0
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        self._told = ""
        self.follow()
        if self._current is None:
            raise LookupError(f"there is no version to serve in {cache.folder}")

    @classmethod
    def pinned(cls, recommender: Recommender) -> LiveRecommender:
        """Serve this one for ever, as a Bento does that holds its model."""
        live = cls.__new__(cls)
        live.record = _nowhere
        live._failures = 0
        live.seconds = 0.0
        live._end = threading.Event()
        live._thread = None
        live._current = recommender
        live._version = None
        telemetry.serving(recommender.model.kind, recommender.version, True)
        return live

    # ------------------------------------------------------------ answering

    @property
    def current(self) -> Recommender:
        """The recommender that answers now; ask it twice and it may be two different ones."""
        assert self._current is not None  # the constructor would have raised
        return self._current

    @property
    def broken(self) -> bool:
        """Whether the last calls, :data:`FAILURES` or more of them, all raised."""
        return self._failures >= FAILURES

    def recommend_many(self, questions: Sequence[Question]) -> list[Answer | InputError]:
        """Answer a batch, all of it by one version, and measure it."""
        recommender = self.current
        start = time.perf_counter()
        try:
            results = recommender.recommend_many(questions)
        except Exception:
            self._failures += 1
            raise
        self._failures = 0
        seconds = (time.perf_counter() - start) / max(1, len(questions))
        for question, result in zip(questions, results, strict=True):
            if isinstance(result, InputError):
                telemetry.rejected(result.code)
            else:
                telemetry.observe(result, seconds)
                self.record(Prediction(question, result, seconds))
        return results

    # ------------------------------------------------------------ following

    def start(self) -> None:
        """Look at the pointer from now on, in a thread of its own."""
        if self.seconds > 0 and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="follow-prod", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Look no more; the model that serves goes on."""
        self._end.set()

    def follow(self) -> bool:
        """Serve what the pointer names; return whether that is another version than before.

        The old one serves until the new one is loaded and has passed its smoke test, and for good
        if it does not pass.
        """
        version = self.cache.pointed()
        if version is None or version == self._version:
            return False
        try:
            recommender = self.cache.load(version)
        except (OSError, ValueError) as error:
            self._tell(f"version {version.number} is not served: {error}")
            if isinstance(error, ValueError):
                self.cache.drop(version)  # so that it is fetched anew
            return False
        old = self._current
        self._version, self._current = version, recommender  # from here on it answers
        if old is not None:
            telemetry.serving(old.model.kind, old.version, False)
        telemetry.serving(recommender.model.kind, version.number, True)
        logger.info("version %s serves now", version.number)
        return True

    def _run(self) -> None:
        while not self._end.wait(self.seconds):
            try:
                self.follow()
            except Exception:  # whatever goes wrong here must not end the thread
                logger.exception("the pointer could not be followed")

    def _tell(self, trouble: str) -> None:
        """Log a trouble when it begins, not every time it is met."""
        if trouble != self._told:
            logger.warning("%s", trouble)
        self._told = trouble
