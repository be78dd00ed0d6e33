"""lab05.ex3: Count without losing one."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from labs.checks.lab05 import metrics as reading
from labs.checks.lab05.service import REASONS
from labs.engine import Context
from services.errors import InputError, ModelError

_SLEPT = 0.0245  # of no round number
"""Seconds that the stub detector takes."""


class _EmptyImageError(InputError):
    """A subclass that no answer can know."""


class _StopError(BaseException):
    """Not an Exception, like KeyboardInterrupt."""


def check(context: Context, count: Callable[..., Any]) -> None:
    """Let the detector answer, refuse, fail, be cancelled, and work on two images at once."""
    tail = context.random.randint(10, 99)
    with reading.in_memory():
        for found in ([], [{"box": 1}, {"box": 2}], None):
            _answered(context, count, found)
        for kind in (InputError, _EmptyImageError):
            for code in (*REASONS, f"body_{tail}", f"image_{tail}"):
                _refused(context, count, kind, code)
        for error in (
            RuntimeError("out of memory"),
            OSError("device lost"),
            KeyError("box"),
            ValueError("no such layer"),
            ModelError("no memory", code=REASONS[0], status=503, hint="Try again."),
        ):
            counted = _raised(context, count, error, f"a failure, {type(error).__name__}")
            _expect(context, counted, failed=1.0, where=f"a failure, {type(error).__name__}")
        for gone in (asyncio.CancelledError(), _StopError()):
            where = f"a call that is stopped: {type(gone).__name__}"
            counted = _raised(context, count, gone, where)
            _expect(context, counted, where=where, mistake="gone_fails")
        _two_at_once(context, count)
    context.note(ways_out="an answer, a refusal, a failure, a cancelled call", at_once=2)


@dataclass(frozen=True)
class _Metrics:
    """The four metrics that the learner's function is given."""

    in_progress: Gauge
    rejected: Counter
    failed: Counter
    seconds: Histogram


def _metrics() -> _Metrics:
    registry = CollectorRegistry()
    return _Metrics(
        Gauge("cards_in_progress", "Images in the detector now", registry=registry),
        Counter("cards_rejected", "Images refused, by reason", ["reason"], registry=registry),
        Counter("cards_failed", "Images on which the detector failed", registry=registry),
        Histogram("cards_duration_seconds", "Time in the detector", registry=registry),
    )


@dataclass
class _Detect:
    """A stub detector: it waits, looks at the gauge, and answers or raises as told."""

    metrics: _Metrics
    answer: Any = None
    error: BaseException | None = None
    inside: Callable[[], None] = field(default=lambda: None)
    calls: list[Any] = field(default_factory=list)
    seen: list[float] = field(default_factory=list)
    took: float = 0.0  # seconds of the last call

    def __call__(self, image: Any) -> Any:
        self.calls.append(image)
        self.seen.append(reading.total(self.metrics.in_progress))
        start = time.perf_counter()
        time.sleep(_SLEPT)
        self.inside()
        self.took = time.perf_counter() - start
        if self.error is not None:
            raise self.error
        return self.answer


def _counts(metrics: _Metrics) -> dict[str, Any]:
    """Return what the metrics counted; they are fresh for each call."""
    return {
        "in_progress": reading.total(metrics.in_progress),
        "rejected": {s.labels["reason"]: s.value for s in reading.samples(metrics.rejected)},
        "failed": reading.total(metrics.failed, "_total"),
        "observed": reading.total(metrics.seconds, "_count"),
        "seconds": reading.total(metrics.seconds, "_sum"),
    }


def _expect(
    context: Context,
    counted: dict[str, Any],
    where: str,
    failed: float = 0.0,
    rejected: str | None = None,
    mistake: str | None = None,
) -> None:
    """Fail unless exactly this was counted."""
    got = {reason: n for reason, n in counted["rejected"].items() if n}
    context.expect(
        counted["failed"] == failed,
        f"failed counted {counted['failed']:g}; {failed:g} was expected.",
        where=where,
        mistake=mistake if counted["failed"] > failed else None,
    )
    want = {rejected: 1.0} if rejected else {}
    context.expect(
        got == want,
        f"rejected counted {got or 'nothing'}; {want or 'nothing'} was expected.",
        where=where,
        mistake="open_label" if rejected == "other" and "other" not in got and got else None,
    )


def _asked_once(context: Context, detect: _Detect, image: Any, where: str) -> None:
    context.expect(
        len(detect.calls) == 1,
        f"The detector was called {len(detect.calls)} times; once was expected.",
        where=where,
    )
    given = detect.calls[0] is image
    context.expect(given, "The detector was given something other than the image.", where=where)
    context.expect(
        detect.seen == [1],
        f"While the detector is at work, in_progress is {detect.seen[0]:g} higher than before; 1 "
        "was expected.",
        where=where,
    )


def _answered(context: Context, answer: Any, found: Any) -> None:
    where = f"the detector returns {found}"
    metrics, image = _metrics(), context.picture(1)
    detect = _Detect(metrics, found)
    start = time.perf_counter()
    got = context.call(answer, detect, image, metrics, where=where)
    took = time.perf_counter() - start
    _asked_once(context, detect, image, where)
    context.expect(got is found, "count(…) did not return what the detector returned.", where=where)
    counted = _counts(metrics)
    down = counted["in_progress"] == 0
    context.expect(down, "After the call in_progress is higher than before.", where=where)
    _expect(context, counted, where)
    context.expect(
        counted["observed"] == 1,
        f"seconds was observed {counted['observed']:g} times; once was expected.",
        where=where,
    )
    is_larger = counted["seconds"] > 100 * took
    context.expect(
        detect.took - 0.001 <= counted["seconds"] <= took + 0.001,
        "The observed time is not the time that the detector took, in seconds.",
        where=where,
        cause="It is in a smaller unit, milliseconds for instance."
        if is_larger
        else "Read time.perf_counter() just before detect(picture) and just after it.",
    )


def _raised(context: Context, answer: Any, error: BaseException, where: str) -> dict[str, Any]:
    """Let the detector raise; return what was counted if the same exception comes out."""
    metrics, image = _metrics(), context.picture(1)
    detect = _Detect(metrics, error=error)
    try:
        got = answer(detect, image, metrics)
    except BaseException as raised:
        if raised is not error:
            if not isinstance(raised, Exception):
                raise
            raise context.raised(raised, where=where) from raised
    else:
        context.fail(
            f"{type(error).__name__} did not reach the caller; {type(got).__name__} was returned.",
            where=where,
            mistake="swallowed",
        )
    _asked_once(context, detect, image, where)
    counted = _counts(metrics)
    more = counted["in_progress"]
    context.expect(
        more == 0,
        f"in_progress is {abs(more):g} {'higher' if more > 0 else 'lower'} after the call than "
        "before.",
        where=where,
        mistake="not_decremented" if more > 0 else None,
    )
    context.expect(
        counted["observed"] == 0,
        f"seconds was observed {counted['observed']:g} times; only an answered image has a time.",
        where=where,
        mistake="times_errors",
    )
    return counted


def _refused(context: Context, answer: Any, kind: type[InputError], code: str) -> None:
    where = f"a refusal, {kind.__name__} with the code {code!r}"
    error = kind("The file is not an image.", code=code, status=422, hint="Send a PNG.")
    counted = _raised(context, answer, error, where)
    reason = code if code in REASONS else "other"
    context.expect(
        kind is InputError or not counted["failed"],
        "A refusal by a subclass of InputError was counted as failed.",
        where=where,
    )
    _expect(context, counted, where, rejected=reason, mistake="blames_server")


def _two_at_once(context: Context, answer: Any) -> None:
    """Let a second image come while the first is in the detector."""
    where = "a second image comes while the first is in the detector"
    metrics = _metrics()
    inner = _Detect(metrics, [])

    def second() -> None:
        thread = threading.Thread(target=answer, args=(inner, None, metrics), daemon=True)
        thread.start()
        thread.join(5)

    outer = _Detect(metrics, [], inside=second)
    context.call(answer, outer, None, metrics, where=where)
    counted, high = _counts(metrics), inner.seen[0] if inner.seen else 1.0
    context.expect(
        high == 2 and counted["in_progress"] == 0,
        f"in_progress is {high:g} with both, and {counted['in_progress']:g} after; 2 and 0 were "
        "expected.",
        where=where,
        mistake="set" if inner.seen and high == 1 else None,
    )
    context.expect(
        counted["observed"] == 2 and counted["seconds"] >= outer.took + inner.took - _SLEPT / 2,
        "The two observed times add up to less than the detector took.",
        where=where,
        cause="What belongs to one call, its start for instance, must be a local variable.",
    )
