"""lab02.ex1: The endpoint."""

from __future__ import annotations

from typing import Any

from labs.checks.lab02.endpoints import call_without_server, is_answered
from labs.engine import Context


def check(context: Context, answer: Any) -> None:
    """Call the class without a server, then serve it with the fake core."""
    call_without_server(context, answer, set(context.exercise.mistakes))
    with context.serve(answer, fake_core=True) as running:
        is_answered(context, running, context.picture(4))
    context.note(images=8)
