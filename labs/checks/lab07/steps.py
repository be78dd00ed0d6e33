"""Lab 07: forces thread switches between any two steps of the learner's code.

A race condition may show once in a million calls. Here it shows in the first: before each
instruction of the learner's code that one thread runs, another thread runs a whole call.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import Future
from types import CodeType, FrameType
from typing import Any

from labs.checks.threads import PATIENCE, aside, ended
from labs.engine.frames import is_learners

LOCKED_OUT = 0.5
"""Seconds after which a parallel call is taken to wait for one of the learner's locks."""

MOST = 1000
"""Parallel calls, at most: a loop may have very many steps."""


def at_each_step(
    function: Callable[[], Any], beside: Callable[[], Any]
) -> tuple[Future[Any], list[Future[Any]]]:
    """Call *function*, and *beside* before each instruction of the learner's code in it.

    While a call of *beside* waits for a lock of the learner's, there is no other.

    Returns
    -------
    Future, list of Future
        That of *function*, and those of *beside*; all have come to their end, or never will.
    """
    calls: list[Future[Any]] = []
    learners: dict[CodeType, bool] = {}

    def step(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "opcode" and (not calls or (len(calls) < MOST and ended(calls[-1], 0))):
            calls.append(aside(beside))
            ended(calls[-1], LOCKED_OUT)
        return step

    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        if code not in learners:
            learners[code] = is_learners(code.co_filename)
        if not learners[code]:
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        return step

    def run() -> Any:
        sys.settrace(enter)
        try:
            return function()
        finally:
            sys.settrace(None)

    main = aside(run)
    ended(main, 6 * PATIENCE)
    for call in calls:
        ended(call)
    return main, calls
