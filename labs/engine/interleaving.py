"""Interleave several calls of the learner's code at every step, so that a race always shows.

With normal scheduling, a race condition may show once in a thousand runs. Here a thread switches to
the next after each bytecode instruction of the learner's code, and coroutines switch at each
``await``. So if one call overwrites another call's value, the check notices.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import count
from types import FrameType
from typing import Any

from labs.engine.frames import is_learners

_BLOCKED = 2.0
"""After this many seconds, a thread that does not switch is assumed to wait for another's lock."""

_STEPS = 20_000
"""The maximum number of switches: a loop over pixels would take minutes."""

_LOCKED = 0.5
"""Seconds for a call that interrupts another; after that it is assumed to wait for a lock."""

_SLICE = 0.1
"""Time is counted in slices of this length; a pause of the whole process counts as one slice."""

_LINES = 40
_SECONDS = 30.0


def interleaved(calls: Sequence[Callable[[], Any]]) -> list[Future[Any]]:
    """Run *calls* at the same time, step by step in turn.

    Parameters
    ----------
    calls : sequence of callables without arguments
        They run in threads. If the first is a coroutine function, all run as tasks of one event
        loop instead. They should need the same number of steps (images with the same number of
        cards): nothing interferes with a call that runs ahead.

    Returns
    -------
    list of concurrent.futures.Future
        In the order of *calls*, all done; ``result()`` returns or raises what the call did.
    """
    if inspect.iscoroutinefunction(_unwrapped(calls[0])):
        return _as_tasks(calls)
    outcomes = _in_turns(calls)
    for outcome in outcomes:
        _settle(outcome, error=_never_ended())
    return outcomes


def _in_turns(calls: Sequence[Callable[[], Any]]) -> list[Future[Any]]:
    """Run *calls* in threads that take turns; a call that does not end leaves its future open."""
    turns = _Turns(len(calls))
    outcomes: list[Future[Any]] = [Future() for _ in calls]
    threads = [
        threading.Thread(target=turns.run, args=(n, call, outcomes[n]), daemon=True)
        for n, call in enumerate(calls)
    ]
    for thread in threads:
        thread.start()
    end = time.monotonic() + _SECONDS
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return outcomes


def interrupted(first: Callable[[], Any], second: Callable[[], Any]) -> Iterator[list[Future[Any]]]:
    """Pause *first* at each of its lines in turn, and run all of *second* there.

    Yields
    ------
    list of concurrent.futures.Future
        The outcomes of both for one line; at most 40 times.
    """
    for line in range(_LINES):
        outcomes: list[Future[Any]] = [Future(), Future()]
        other = threading.Thread(target=_make, args=(second, outcomes[1]), daemon=True)
        lines = count()

        def local(frame: FrameType, event: str, arg: Any) -> Any:
            if event == "line" and next(lines) == line:  # noqa: B023
                other.start()  # noqa: B023
                _waits(partial(_join, other), _LOCKED)  # noqa: B023
            return local

        def trace(frame: FrameType, event: str, arg: Any) -> Any:
            return local if is_learners(frame.f_code.co_filename) else None

        one = threading.Thread(target=_make, args=(first, outcomes[0], trace), daemon=True)
        one.start()
        one.join(_SECONDS)
        if other.ident is None:
            return
        other.join(_SECONDS)
        for outcome in outcomes:
            _settle(outcome, error=_never_ended())
        yield outcomes


def _make(call: Callable[[], Any], outcome: Future[Any], trace: Any = None) -> None:
    """Run *call* in this thread, traced."""
    _set_trace(trace)
    try:
        result = finished(call())
    except BaseException as error:
        _set_trace(None)
        _settle(outcome, error=error)
    else:
        _set_trace(None)
        _settle(outcome, result)


def _set_trace(function: Any) -> None:
    """Call ``sys.settrace``, which can fail while another thread calls it."""
    while True:
        try:
            return sys.settrace(function)
        except RuntimeError:
            time.sleep(0)


def _waits(wait: Callable[[float], bool], seconds: float) -> bool:
    """Wait up to *seconds*; return whether the wait succeeded."""
    return any(wait(_SLICE) for _ in range(round(seconds / _SLICE)))


def _join(thread: threading.Thread, seconds: float) -> bool:
    thread.join(seconds)
    return not thread.is_alive()


def _never_ended() -> TimeoutError:
    return TimeoutError("a call did not end: it waits for another call")


def finished(result: Any) -> Any:
    """Return *result*, awaited if necessary: an endpoint may be sync or async."""
    if not inspect.isawaitable(result):
        return result

    async def wait() -> Any:
        return await result

    return asyncio.run(wait())


def _unwrapped(call: Any) -> Any:
    while isinstance(call, partial):
        call = call.func
    return inspect.unwrap(getattr(call, "func", call))


class _Turns:
    """Whose turn it is; shared by the threads."""

    def __init__(self, count: int) -> None:
        self._changed = threading.Condition()
        self._ready = set(range(count))
        self._turn = 0
        self._left = _STEPS

    def run(self, me: int, call: Callable[[], Any], outcome: Future[Any]) -> None:
        """Run *call* in this thread, switching threads at each step."""
        step = partial(self._step, me)

        def local(frame: FrameType, event: str, arg: Any) -> Any:
            if event == "opcode" and self._left > 0:
                step()
            return local

        def trace(frame: FrameType, event: str, arg: Any) -> Any:
            if not is_learners(frame.f_code.co_filename):
                return None
            frame.f_trace_opcodes = True
            return local

        _make(call, outcome, trace)
        self._leave(me)

    def _step(self, me: int) -> None:
        with self._changed:
            self._left -= 1
            self._ready.add(me)
            self._hand_over(me)
            if not _waits(partial(self._changed.wait_for, lambda: self._turn == me), _BLOCKED):
                self._ready.discard(self._turn)
                self._turn = me

    def _leave(self, me: int) -> None:
        with self._changed:
            self._ready.discard(me)
            self._hand_over(me)

    def _hand_over(self, me: int) -> None:
        after = [other for other in sorted(self._ready) if other > me]
        self._turn = min(after or self._ready, default=me)
        self._changed.notify_all()


def _settle(outcome: Future[Any], result: Any = None, error: BaseException | None = None) -> None:
    """Set a future's outcome, unless its time was already up."""
    if outcome.done():
        return
    if error is None:
        outcome.set_result(result)
    else:
        outcome.set_exception(error)


class _Deferred(ThreadPoolExecutor):
    """Runs work that a coroutine sends to a thread in the event loop, one iteration later.

    So ``asyncio.to_thread`` takes the same number of steps in every task.
    """

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        outcome: Future[Any] = Future()

        def run() -> None:
            try:
                outcome.set_result(function(*args, **kwargs))
            except Exception as error:
                outcome.set_exception(error)

        asyncio.get_running_loop().call_soon(run)
        return outcome


def _as_tasks(calls: Sequence[Callable[[], Any]]) -> list[Future[Any]]:
    async def one(call: Callable[[], Any], outcome: Future[Any]) -> None:
        try:
            outcome.set_result(await call())
        except Exception as error:
            outcome.set_exception(error)

    async def main() -> None:
        asyncio.get_running_loop().set_default_executor(_Deferred())
        await asyncio.gather(*map(one, calls, outcomes))

    outcomes: list[Future[Any]] = [Future() for _ in calls]
    asyncio.run(main())
    return outcomes
