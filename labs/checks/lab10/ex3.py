"""lab10.ex3: The wait that a load generator forgets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labs.checks.lab10.clock import Connection, NegativeSleepError
from labs.engine import Context


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Call ``open_loop(send, clock, sleep, rate, count)`` with fake servers."""
    source = context.random
    servers = [  # requests a second, requests, the pause in gaps, an answer's time in gaps
        (source.choice((21, 23, 30)), source.randint(40, 60), 0, (0.2, 0.6)),  # no gap in whole ms
        (source.randint(4, 9), source.randint(50, 80), source.uniform(15, 25), (0.2, 0.6)),
        (source.uniform(0.3, 0.8), source.randint(50, 80), source.uniform(5, 9), (0.2, 0.6)),
        (2.5, 30, 0, (1.1, 1.4)),
        (3, 1, 0, (0.2, 0.6)),
    ]
    for rate, count, pause, (low, high) in servers:
        durations = [source.uniform(low, high) / rate for _ in range(count)]
        if pause:
            durations[source.randint(6, 12)] += pause / rate
        line = Connection(durations, source.uniform(1e3, 1e4), 1 / rate)
        kind = "is too slow for this rate" if low > 1 else "never pauses"
        paused = f"pauses once for {pause / rate:.1f} s" if pause else kind
        where = f"{count} requests at {rate:.3g} a second; the server {paused}"
        got = context.call(
            answer, line.send, line.clock, line.sleep, rate, count,
            where=where,
            because=_because,
        )  # fmt: skip
        _timetable(context, line, where, is_paused=bool(pause))
        _latencies(context, line, got, where)
    context.note(servers=len(servers))


def _because(error: BaseException) -> str | None:
    return "negative_sleep" if isinstance(error, NegativeSleepError) else None


def _timetable(context: Context, line: Connection, where: str, *, is_paused: bool) -> None:
    """Fail unless each request was sent when it was due, or as soon as possible after that."""
    context.expect(not line.overlaps, "A request was sent before the previous one was answered.",
                   where=where)  # fmt: skip
    due = line.due()
    if len(line.sent) != len(due):
        # On the server before, on which nothing is late, all requests were sent.
        skipped = is_paused and 1 < len(line.sent) < len(due)
        context.fail(
            f"{len(line.sent)} requests were sent; {len(due)} were expected.",
            where=where,
            mistake="skipped" if skipped else None,
        )
    for number, (sent, want) in enumerate(zip(line.sent, line.timetable(), strict=True)):
        if abs(sent - want) > line.tolerance:
            context.fail(
                f"Request {number} was sent {sent - line.start:.3f} s after the start; "
                f"{want - line.start:.3f} s was expected. It was due after "
                f"{due[number] - line.start:.3f} s.",
                where=where,
                mistake=_why_then(line, number),
            )


def _why_then(line: Connection, number: int) -> str | None:
    """Return the mistake that the times of all requests show, None if they show none."""
    gaps = [later - sent for sent, later in zip(line.sent, line.sent[1:], strict=False)]
    free = [gap - duration for gap, duration in zip(gaps, line.durations, strict=False)]
    small = line.tolerance
    if free and all(abs(each) < small for each in free):
        return "no_wait"
    if line.waited and all(abs(each - line.gap) < small for each in line.waited):
        return "sleeps_always"
    late = number > 0 and line.timetable()[number] > line.due()[number] + small
    return "drifts" if late and abs(gaps[number - 1] - line.gap) < small else None


def _latencies(context: Context, line: Connection, got: Any, where: str) -> None:
    """Fail unless each latency runs from when the request was due to its answer."""
    want = [sent + duration - due for sent, duration, due in
            zip(line.timetable(), line.durations, line.due(), strict=True)]  # fmt: skip
    value = context.plain(got, what="open_loop(…)", where=where)
    numbers = isinstance(value, list) and all(type(each) in (int, float) for each in value)
    if not numbers or len(value) != len(want):
        context.same(value, want, what="open_loop(…)", where=where)
    wrong = [n for n, right in enumerate(want) if not abs(value[n] - right) <= 2 * line.tolerance]
    if not wrong:
        return
    from_sent = all(
        abs(each - duration) <= line.tolerance
        for each, duration in zip(value, line.durations, strict=True)
    )
    context.fail(
        f"{len(wrong)} of {len(want)} latencies are wrong. For request {wrong[0]} you return "
        f"{value[wrong[0]]:.3f} s; it was answered {want[wrong[0]]:.3f} s after it was due.",
        where=where,
        mistake="from_sent" if from_sent else None,
    )
