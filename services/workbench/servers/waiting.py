"""Wait for something to become true, and not a moment longer."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(condition: Callable[[], object], *, seconds: float = 120.0, poll: float = 0.01) -> None:
    """Return once *condition* is true.

    Parameters
    ----------
    condition : callable
        Asked again and again; it must return soon.
    seconds : float
        How long it may take.
    poll : float
        Seconds between two looks.

    Raises
    ------
    TimeoutError
        If it is still false then.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"what was waited for did not happen within {seconds:g} s")
        time.sleep(poll)
