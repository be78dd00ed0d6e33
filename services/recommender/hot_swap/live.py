"""The recommender in service: it answers, counts, and is replaced when the pointer moves.

Every worker has one live recommender. Its thread follows the pointer; in one of the workers that
share a cache, the thread also polls the registry and moves the pointer. This module imports no
serving framework.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.errors import InputError
from services.recommender.hot_swap.cache import CachedVersion, VersionCache
from services.recommender.hot_swap.pull import PullError, Registry
from services.recommender.model.requests import RecommendRequest
from services.recommender.monitoring import metrics
from services.recommender.recommender import Answer, Recommender

logger = logging.getLogger(__name__)

READ = "reading which version to serve"
"""What the log calls following the pointer."""

FAILURES = 3
"""After this many failures in a row the model counts as broken; one may be the request's fault."""

LONGEST_WAIT = 600.0
"""The longest time, in seconds, between two downloads of a version that cannot be served."""


@dataclass(frozen=True)
class Prediction:
    """A request, its answer, and the seconds that the model took, for the log."""

    request: RecommendRequest
    answer: Answer
    seconds: float


class Poller:
    """Polls the registry every *seconds* and moves a cache's pointer.

    Of the processes that share the cache, one polls; the cache's lock file decides which. The
    operating system releases the lock when that process ends, however it ends, and another takes
    over.
    """

    def __init__(self, cache: VersionCache, registry: Registry, seconds: float) -> None:
        self.cache, self.registry, self.seconds = cache, registry, seconds
        self.wait = seconds
        self._due = time.monotonic() + seconds

    def poll_if_due(self) -> bool:
        """Poll if it is time and no other process polls; return whether this one did."""
        if time.monotonic() < self._due or not self.cache.lead():
            return False
        try:
            self.poll()
        finally:
            self._due = time.monotonic() + self.wait
        return True

    def poll(self) -> None:
        """Poll once and count the outcome; raise a PullError if no version can be pulled."""
        before = self.cache.pointed()
        try:
            version = self.registry.pull(self.cache, before)
        except PullError as error:
            # Only repeated downloads are costly, so only they become rarer.
            rarer = min(2 * self.wait, max(LONGEST_WAIT, self.seconds))
            self.wait = rarer if error.reason == "damaged" else self.seconds
            metrics.pulled(error.reason)
            raise
        self.wait = self.seconds
        metrics.pulled("unchanged" if version == before else "moved")


class LiveRecommender:
    """A recommender that is replaced while it serves. Threads may share it.

    Parameters
    ----------
    cache : VersionCache
        The versions on disk, and the pointer to follow.
    seconds : float
        The time between two reads of the pointer; 0 to read it once.
    poller : Poller, optional
        Polls the registry between two reads.

    Attributes
    ----------
    record : callable
        Called with each :class:`Prediction`; set it to keep a log.

    Raises
    ------
    LookupError
        If there is no pointer, or the version it names cannot be served.
    """

    def __init__(
        self, cache: VersionCache | None, *, seconds: float = 1.0, poller: Poller | None = None
    ) -> None:
        self.cache, self.seconds, self.poller = cache, seconds, poller
        self.record: Callable[[Prediction], None] = lambda prediction: None
        self._version: CachedVersion | None = None
        self._current: Recommender | None = None
        self._failures = 0
        self._troubles: dict[str, str] = {}
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        if cache is not None:
            self.follow()
            if self._current is None:
                raise LookupError(f"there is no version to serve in {cache.folder}")

    @classmethod
    def pinned(cls, recommender: Recommender) -> LiveRecommender:
        """Serve this recommender only, as a Bento does that holds its model."""
        live = cls(None, seconds=0.0)
        live._replace(recommender)
        return live

    # ------------------------------------------------------------ answering

    @property
    def current(self) -> Recommender:
        """The recommender that answers now; the next access may return another one."""
        assert self._current is not None  # the constructor would have raised
        return self._current

    @property
    def broken(self) -> bool:
        """Whether at least the last :data:`FAILURES` calls all raised."""
        return self._failures >= FAILURES

    def recommend_many(self, requests: Sequence[RecommendRequest]) -> list[Answer | InputError]:
        """Answer a batch, all of it with one version, and measure it."""
        recommender = self.current
        start = time.perf_counter()
        try:
            results = recommender.recommend_many(requests)
        except Exception:
            self._failures += 1
            raise
        self._failures = 0
        seconds = (time.perf_counter() - start) / max(1, len(requests))
        for request, result in zip(requests, results, strict=True):
            if isinstance(result, InputError):
                metrics.rejected(result.code)
            else:
                metrics.observe(result, seconds)
                self.record(Prediction(request, result, seconds))
        return results

    # ------------------------------------------------------------ following

    def start(self) -> None:
        """Follow the pointer from now on, in a thread."""
        if self.seconds > 0 and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="follow-pointer", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop following; the current model stays in service."""
        self._end.set()

    def follow(self) -> bool:
        """Serve the version that the pointer names; return whether that is a new one.

        The old version serves until the new one is loaded and has passed its smoke test, and stays
        if it does not pass.
        """
        assert self.cache is not None
        version = self.cache.pointed()
        if version is None or version == self._version:
            return False
        try:
            recommender = self.cache.load(version)
        except (OSError, ValueError) as error:
            self._log_once(READ, f"version {version.number} is not served: {error}")
            return False
        self._version = version
        self._replace(recommender)  # from here on it answers
        logger.info("version %s of %s is in service", version.number, version.name)
        return True

    def _replace(self, new: Recommender) -> None:
        old, self._current = self._current, new
        if old is not None:
            metrics.serving(old.model.kind, old.version, False)
        metrics.serving(new.model.kind, new.version, True)

    def _run(self) -> None:
        steps: dict[str, Callable[[], bool]] = {READ: self.follow}
        if self.poller is not None:
            steps["polling the registry"] = self.poller.poll_if_due
        while not self._end.wait(self.seconds):
            for what, step in steps.items():
                try:
                    if step():
                        self._troubles.pop(what, None)
                except PullError as error:
                    self._log_once(what, f"{error}; the version in service stays")
                except Exception as error:  # nothing may end this thread, a full disk included
                    self._log_once(what, f"{what} failed: {error!r}")

    def _log_once(self, what: str, trouble: str) -> None:
        """Log a problem when it first occurs, not every time."""
        if self._troubles.get(what) != trouble:
            logger.warning("%s", trouble)
        self._troubles[what] = trouble
