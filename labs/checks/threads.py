"""Calls of the learner's code in threads of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any

PATIENCE = 5.0
"""Seconds to wait for a call that should end at once; a busy machine is slow."""

NAME = "labs-aside"
"""The name of these threads."""


def aside(function: Callable[..., Any], *arguments: Any) -> Future[Any]:
    """Call a function in a new thread."""
    call: Future[Any] = Future()

    def run() -> None:
        try:
            call.set_result(function(*arguments))
        except BaseException as error:
            call.set_exception(error)

    threading.Thread(target=run, name=NAME, daemon=True).start()
    return call


def ended(call: Future[Any], seconds: float = PATIENCE) -> bool:
    """Wait, and say whether a call came to its end."""
    return not wait([call], seconds).not_done


def result_of(call: Future[Any]) -> Any:
    """Return what a call returned, or raise what it raised.

    Raises
    ------
    TimeoutError
        If it has not come to its end.
    """
    if not ended(call):
        raise TimeoutError(f"no end after {PATIENCE:g} s: it waits for something")
    return call.result()
