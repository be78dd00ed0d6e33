"""Lab 06: what its checks share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from labs.engine import Context


def sha256(content: bytes) -> str:
    """Return the SHA-256 of *content*, 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def some_bytes(context: Context) -> bytes:
    """Return 2000 to 9000 fresh bytes: what stands for weights."""
    return context.random.randbytes(context.random.randint(2000, 9000))


def tags_of(listed: list[Any]) -> list[str]:
    """Return the tags of Bentos or models, sorted by their texts."""
    return sorted(str(item.tag) for item in listed)


def refused(
    context: Context,
    answer: Callable[..., Any],
    *args: Any,
    where: str,
    names: str,
    mistake: str,
    unclear: str,
) -> None:
    """Call *answer*, which has to raise a ValueError whose message has *names* in it.

    *mistake* is that of an answer which raises nothing, or something else; *unclear* that of one
    whose message does not help.
    """
    try:
        got = answer(*args)
    except ValueError as error:
        if names in str(error):
            return
        context.fail(
            f"The ValueError says {str(error)[:100]!r}; {names!r} is not in it.",
            where=where,
            mistake=unclear,
        )
    except Exception as error:
        raise context.raised(error, where=where, because=mistake) from error
    shown = repr(got) if got is None or type(got) is str else type(got).__name__
    context.fail(
        f"Nothing was raised, and {shown[:80]} was returned; ValueError was expected.",
        where=where,
        mistake=mistake,
    )
