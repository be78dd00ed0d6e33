"""Check answers: time limit, fresh inputs, servers, and a result that says what differs.

Learners do not need this. Code that checks a lab needs ``Context``.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labs.engine.context import Context

__all__ = ["Context"]


def __getattr__(name: str) -> Any:
    """Import what checks use on first use; commands that only count points do not need it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from labs.engine.context import Context

    return Context
