"""Labs: you build something, and a check compares it with what was asked for.

In a lab's notebook::

    from labs import check, hint, preflight, solution

    check("lab01.ex1", boxes_of)    # a card: PASS, FAIL, NOT_ATTEMPTED, ERROR or NOT_RUN
    hint("lab01.ex1")               # the first of three hints; call it again for the next
    solution("lab01.ex1")           # one right answer

In a terminal, ``python -m labs start lab01`` makes your own copy of a lab under ``work/``.
"""

from typing import TYPE_CHECKING, Any

import services  # noqa: F401  (the settings, before any library is imported)

if TYPE_CHECKING:
    from labs.engine.api import check, hint, preflight, solution

__all__ = ["check", "hint", "preflight", "solution"]


def __getattr__(name: str) -> Any:
    """Import a function on first use: ``python -m labs`` needs none, and imports take seconds."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from labs.engine import api

    return getattr(api, name)
