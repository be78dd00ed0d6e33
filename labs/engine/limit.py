"""Run something that may never end, within a time limit.

It uses a thread, not a process: a learner's objects live in the notebook's kernel, and most cannot
be sent to another process. When the time is up, an exception is raised inside the thread. Code that
waits in C (a socket, a lock) does not see it; that thread is abandoned and ends with the kernel.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import psutil

from labs.engine import serving
from labs.engine.outcome import OutOfTimeError
from services.workbench.servers import processes

_PATIENCE = 2.0
_NAME = "labs-check"


class TimeIsUpError(Exception):
    """The time limit was reached.

    Attributes
    ----------
    stack : traceback.StackSummary
        The calls that were running then, outermost first.
    """

    def __init__(self, seconds: float, stack: traceback.StackSummary) -> None:
        super().__init__(f"no end after {seconds:g} s")
        self.seconds = seconds
        self.stack = stack


def within(seconds: float, function: Callable[[], object]) -> None:
    """Call *function* in a separate thread, and re-raise its exception.

    Raises
    ------
    TimeIsUpError
        If it takes longer than *seconds*.
    """
    failure: list[BaseException] = []

    def run() -> None:
        try:
            function()
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=run, name=_NAME, daemon=True)
    thread.start()
    try:
        thread.join(seconds)
    except BaseException:  # Ctrl-C: the learner stops the check
        _interrupt(thread)
        raise
    if thread.is_alive():
        stack = _stack(thread)
        _interrupt(thread)
        raise TimeIsUpError(seconds, stack)
    if failure:
        raise failure[0]


@contextmanager
def nothing_left_behind() -> Iterator[None]:
    """End what a check started and could not end: its servers, and a timed-out thread's children.

    Processes from before the block are left alone: they are the learner's.
    """
    before = set(psutil.Process().children(recursive=True))
    try:
        yield
    finally:
        serving.close_all()
        if any(t.name == _NAME and t.is_alive() for t in threading.enumerate()):
            for child in processes.alive(psutil.Process().children(recursive=True)):
                if child not in before:
                    child.kill()


def _stack(thread: threading.Thread) -> traceback.StackSummary:
    frame: FrameType | None = sys._current_frames().get(thread.ident or 0)
    return traceback.extract_stack(frame) if frame else traceback.StackSummary()


def _interrupt(thread: threading.Thread) -> None:
    """Raise in *thread* until it ends: a bare ``except`` in a loop may swallow it several times."""
    deadline = time.monotonic() + _PATIENCE
    while thread.is_alive() and time.monotonic() < deadline:
        _raise_in(thread)
        thread.join(0.05)
    if thread.is_alive():
        _take_back_the_signal()


def _take_back_the_signal() -> None:
    """Allow traced functions to be entered again.

    An exception pending for a thread that waits in C keeps an interpreter-wide flag set. While the
    flag is set, CPython 3.11 cannot enter a function that is traced by opcodes: it checks the flag
    forever. A delivered exception clears the flag, so this thread raises one in itself.
    """
    try:
        _raise_in(threading.current_thread())
        for _ in range(1000):
            pass
    except OutOfTimeError:
        pass


def _raise_in(thread: threading.Thread) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident or 0), ctypes.py_object(OutOfTimeError)
    )
