"""Wait until a condition becomes true, and no longer."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(condition: Callable[[], object], *, seconds: float = 120.0, poll: float = 0.01) -> None:
    """Return once *condition* is true.

    Parameters
    ----------
    condition : callable
        Called repeatedly; it must return quickly.
    seconds : float
        The longest time to wait.
    poll : float
        Seconds between two calls.

    Raises
    ------
    TimeoutError
        If it is still false then.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the condition did not become true within {seconds:g} s")
        time.sleep(poll)
