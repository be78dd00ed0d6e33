"""An answer that has to raise a ValueError whose message helps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from labs.engine import Context


def expect_value_error(
    context: Context,
    function: Callable[..., Any],
    *args: Any,
    where: str,
    names: Sequence[str],
    mistake: str | None = None,
) -> None:
    """Call *function*, which has to raise a ValueError with each of *names* in its message.

    Parameters
    ----------
    context : Context
        The check's.
    function : callable
        The learner's code.
    *args : object
        Its arguments.
    where : str
        The input, in words.
    names : sequence of str
        What the message has to contain.
    mistake : str, optional
        The named mistake of an answer that raises nothing.
    """
    try:
        got = function(*args)
    except ValueError as error:
        missing = [name for name in names if name not in str(error)]
        if missing:
            context.fail(
                f"The ValueError says {str(error)[:100]!r}; it should name {', '.join(missing)}.",
                where=where,
            )
        return
    except Exception as error:
        failure = context.raised(error, where=where)
        failure.differs += "; a ValueError was expected."
        raise failure from error
    shown = (
        repr(got) if got is None or type(got) is str else f"a value of type {type(got).__name__}"
    )
    context.fail(
        f"Nothing was raised, and {shown[:80]} was returned; a ValueError was expected.",
        where=where,
        mistake=mistake,
    )
