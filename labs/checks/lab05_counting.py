"""Lab 05, exercise 3: what is counted on each way out of a function."""

from __future__ import annotations

import time
from typing import Any

from labs.checks import lab05_metrics as reading
from labs.checks.lab05_row import NAMES
from labs.checks.lab05_service import REASONS
from labs.engine import Context
from services.errors import InputError


def answered(context: Context, answer: Any, where: str, found: Any) -> None:
    """Let the detector answer, and look at everything that should be counted."""
    metrics = reading.metrics()
    before = reading.counts(metrics)
    detect = reading.Detect(metrics, found)
    picture = context.picture(1)
    start = time.perf_counter()
    got = context.call(answer, detect, picture, metrics, where=where)
    took = time.perf_counter() - start
    _asked_once(context, detect, picture, where)
    context.expect(got is found, "count(…) did not return what the detector returned.", where=where)
    context.expect(
        detect.seen[0] - before.in_progress == 1,
        f"While the detector is at work, in_progress is {detect.seen[0] - before.in_progress:g} "
        "higher than before; 1 was expected.",
        where=where,
        mistake="not_counted_up",
    )
    counted = reading.counts(metrics) - before
    _down(context, counted, where, None)
    _nothing_else(context, counted, where)
    context.expect(
        counted.observed == 1,
        f"seconds was observed {counted.observed:g} times; once was expected.",
        where=where,
        mistake="twice" if counted.observed > 1 else None,
    )
    _time(context, counted.seconds, took, where)


def _time(context: Context, observed: float, took: float, where: str) -> None:
    if not 0.9 * reading.SLEPT <= observed <= took + 0.01:
        context.fail(
            "The observed time is not the time that the detector took, in seconds.",
            where=where,
            mistake="milliseconds" if observed > 100 * took else None,
            cause="Read time.perf_counter() just before detect(picture) and just after it. "
            "process_time() does not see the time that is waited.",
        )


def _asked_once(context: Context, detect: reading.Detect, picture: Any, where: str) -> None:
    calls = detect.calls
    context.expect(
        len(calls) == 1,
        f"The detector was asked {len(calls)} times; once was expected.",
        where=where,
        mistake="asks_twice" if len(calls) > 1 else None,
    )
    context.expect(
        calls[0] is picture, "The detector was given something else than the picture.", where=where
    )


def _down(context: Context, counted: reading.Counts, where: str, mistake: str | None) -> None:
    context.expect(
        counted.in_progress == 0,
        f"in_progress is {counted.in_progress:g} higher after the call than before; it has to come "
        "back.",
        where=where,
        mistake=mistake,
    )


def _nothing_else(context: Context, counted: reading.Counts, where: str) -> None:
    context.expect(
        not counted.rejected and counted.failed == 0,
        f"rejected counted {sum(counted.rejected.values()):g} and failed {counted.failed:g}; "
        "nothing was refused and nothing failed.",
        where=where,
    )


def ends(
    context: Context, answer: Any, error: BaseException, where: str, ending: str = "cancelled"
) -> reading.Counts:
    """Let the detector raise; return what was counted if the same exception comes out."""
    metrics = reading.metrics()
    before = reading.counts(metrics)
    detect = reading.Detect(metrics, error=error)
    picture = context.picture(1)
    try:
        got = answer(detect, picture, metrics)
    except BaseException as raised:
        if raised is not error:
            if not isinstance(raised, Exception):
                raise
            mistake = "another_error" if detect.calls else None
            raise context.raised(raised, where=where, because=mistake) from raised
    else:
        context.fail(
            f"{type(error).__name__} did not come out; {type(got).__name__} was returned.",
            where=where,
            mistake="swallowed",
        )
    _asked_once(context, detect, picture, where)
    counted = reading.counts(metrics) - before
    _down(context, counted, where, "not_decremented" if ending != "cancelled" else "cancelled")
    context.expect(
        counted.observed == 0,
        f"seconds was observed {counted.observed:g} times; only an answer has a time.",
        where=where,
        mistake="times_errors",
    )
    return counted


def refused(context: Context, answer: Any, code: str) -> None:
    """Let the detector refuse a picture with this code."""
    known = code in REASONS
    where = f"a refusal with the code {code!r}" if known else "a refusal with an unknown code"
    message = f"The file {context.random.choice(NAMES)}.png is no picture."
    error = InputError(message, code=code, status=422, hint="Send a PNG or a JPEG.")
    counted = ends(context, answer, error, where, "refused")
    want = {code if known else "other": 1.0}
    if any(" " in reason for reason in counted.rejected):
        context.fail("The label reason got a text with spaces.", where=where, mistake="text_label")
    context.expect(
        counted.failed == 0,
        f"failed counted {counted.failed:g}; 0 was expected.",
        where=where,
        mistake="blames_server",
    )
    if counted.rejected == want:
        return
    unknown = not known and code in counted.rejected
    differs = f"rejected counted {_listed(counted.rejected)}; {_listed(want)} was expected."
    if unknown:
        differs = "rejected has a series for the unknown code; 'other' was expected."
    wrong = "unknown_code" if unknown else "not_refused"
    context.fail(differs, where=where, mistake=wrong)


def _listed(counts: dict[str, float]) -> str:
    times = {1: "once", 2: "twice"}
    return (
        ", ".join(
            f"{reason!r} {times.get(int(count), f'{count:g} times')}"
            for reason, count in counts.items()
        )
        or "nothing"
    )


def failed(context: Context, answer: Any, error: Exception) -> None:
    """Let the detector fail."""
    where = f"a failure, {type(error).__name__}"
    counted = ends(context, answer, error, where, "failed")
    context.expect(
        not counted.rejected,
        f"rejected counted {_listed(counted.rejected)}; nothing was expected.",
        where=where,
        mistake="blames_client",
    )
    context.expect(
        counted.failed == 1,
        f"failed counted {counted.failed:g}; 1 was expected.",
        where=where,
        mistake="not_failed" if counted.failed == 0 else None,
    )


def cancelled(context: Context, answer: Any, error: BaseException, where: str) -> None:
    """Let the client go away: nothing but the gauge may move."""
    counted = ends(context, answer, error, where)
    context.expect(
        counted.failed == 0 and not counted.rejected,
        f"failed counted {counted.failed:g}, rejected {_listed(counted.rejected)}; nothing was "
        "refused and nothing failed.",
        where=where,
        mistake="gone_fails",
    )


def two_at_once(context: Context, answer: Any) -> None:
    """Let a second picture come while the first is in the detector."""
    where = "a second picture comes while the first is in the detector"
    metrics = reading.metrics()
    before = reading.counts(metrics)
    inner = reading.Detect(metrics, [])
    outer = reading.Detect(metrics, [], inside=lambda: answer(inner, None, metrics))
    context.call(answer, outer, None, metrics, where=where)
    high = inner.seen[0] - before.in_progress if inner.seen else 0.0
    after = reading.counts(metrics) - before
    context.expect(
        high == 2 and after.in_progress == 0,
        f"in_progress is {high:g} higher with both, and {after.in_progress:g} after; 2 and 0 were "
        "expected.",
        where=where,
        mistake="set",
    )
