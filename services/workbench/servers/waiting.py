"""Wait until a condition becomes true, and no longer."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(condition: Callable[[], object], *, seconds: float = 120.0, poll: float = 0.01) -> None:
    """Return once *condition* is true; it is called every *poll* seconds and must return quickly.

    Raises TimeoutError if it is still false after *seconds*.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the condition did not become true within {seconds:g} s")
        time.sleep(poll)
