"""Lab 07: forces thread switches between any two steps of the learner's code.

A race condition may show once in a million calls. Here it shows in the first: before each
instruction of the learner's code that one thread runs, another thread runs a whole call.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from labs.engine.frames import is_learners

PATIENCE = 5.0
"""Seconds to wait for a call that should end at once; a busy machine is slow."""

LOCKED_OUT = 0.5
"""Seconds after which a parallel call is taken to wait for one of the learner's locks."""


MOST = 1000
"""Parallel calls, at most: a loop may have very many steps."""


class Call:
    """One call in a new thread.

    Attributes
    ----------
    value : object
        What was returned.
    error : BaseException or None
        What was raised.
    """

    def __init__(self, function: Callable[[], Any]) -> None:
        self.value: Any = None
        self.error: BaseException | None = None
        self._function = function
        self._thread = threading.Thread(target=self._run, name="lab07", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.value = self._function()
        except BaseException as error:
            self.error = error

    def ended(self, seconds: float = PATIENCE) -> bool:
        """Wait, and say whether the call came to its end."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def result(self) -> Any:
        """Return what the call returned, or raise what it raised.

        Raises
        ------
        TimeoutError
            If it has not come to its end.
        """
        if not self.ended():
            raise TimeoutError(f"no end after {PATIENCE:g} s: it waits for something")
        if self.error is not None:
            raise self.error
        return self.value


def at_each_step(function: Callable[[], Any], beside: Callable[[], Any]) -> tuple[Call, list[Call]]:
    """Call *function*, and *beside* before each instruction of the learner's code in it.

    While a call of *beside* waits for a lock of the learner's, there is no other.

    Returns
    -------
    Call, list of Call
        That of *function*, and those of *beside*; all have come to their end, or never will.
    """
    calls: list[Call] = []
    learners: dict[CodeType, bool] = {}

    def step(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "opcode" and (not calls or (len(calls) < MOST and calls[-1].ended(0))):
            calls.append(Call(beside))
            calls[-1].ended(LOCKED_OUT)
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

    main = Call(run)
    main.ended(6 * PATIENCE)
    for call in calls:
        call.ended()
    return main, calls
