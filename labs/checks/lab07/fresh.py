"""Lab 07: the answer as a new process would have it, without what earlier calls kept in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labs.engine.export import module_of


def in_new_process(answer: Callable[..., Any]) -> Callable[..., Any]:
    """Return *answer* with its own globals, made again from the cells that it needs.

    If these cells cannot be found, *answer* itself is returned.
    """
    try:
        text, name = module_of(answer)
        names: dict[str, Any] = {"__name__": "answer"}
        exec(compile(text, "<answer>", "exec"), names)
        return names[name]
    except Exception:
        return answer
