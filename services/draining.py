"""Let the processes of the models outlive the web servers that ask them.

BentoML ends a server by sending SIGTERM to all of its processes at once. A web server then answers
the requests that it has begun; but the models that it would ask are ending, too. Their sockets stay
open in the supervisor, so the web server connects, and waits for an answer that nobody will give.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType

import psutil

_POLL = 0.05


def outlive(*callers: str, seconds: float = 8.0) -> None:
    """Put off this process's end, when it is asked to end, until its callers are gone.

    Call it where a model is loaded. It does nothing where no server is at work: in a test, in a
    notebook. A second signal ends the process at once.

    Parameters
    ----------
    *callers : str
        Words of the command line by which a caller is known, e.g. the name of its service. Only
        processes that have the same parent as this one count.
    seconds : float
        How long to wait for them at most.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # Python sets signal handlers in the main thread only
    for number in (signal.SIGTERM, signal.SIGINT):
        stop = signal.getsignal(number)
        # The web server under BentoML (uvicorn) has put a method here; Python's own is a function.
        if getattr(stop, "__self__", None) is not None:
            _put_off(number, callers, seconds)


def _put_off(number: signal.Signals, callers: tuple[str, ...], seconds: float) -> None:
    stop = signal.getsignal(number)

    def later(_number: int, _frame: FrameType | None) -> None:
        signal.signal(number, stop)
        threading.Thread(target=end, daemon=True).start()

    def end() -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and _any_running(callers):
            time.sleep(_POLL)
        os.kill(os.getpid(), number)

    signal.signal(number, later)


def _any_running(callers: tuple[str, ...]) -> bool:
    """Say whether a process with this one's parent has one of *callers* in its command line."""
    me = psutil.Process()
    parent = me.parent()
    if parent is None:
        return False
    for process in parent.children():
        try:
            if process != me and not set(callers).isdisjoint(process.cmdline()):
                return True
        except psutil.Error:
            continue  # it ended in between, or is a zombie
    return False
