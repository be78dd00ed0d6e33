"""lab12.ex2: Tests that catch broken services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labs.checks.lab12.clients import BROKEN, Client, right
from labs.engine import Context
from services.workbench.show import one_line


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Run the learner's test on the right service, then on the broken ones in any order."""
    if not callable(answer):
        context.fail(f"A {type(answer).__name__} was passed to check; a function was expected.")
    client = Client(right)
    try:
        got = answer(client)
    except Exception as error:
        failure = context.raised(error, where="the right service", because="fails_right")
        failure.differs = f"Your test fails: {one_line(error)}"
        raise failure from error
    if hasattr(got, "__await__"):
        context.fail("test_service(client) is a coroutine; a plain function was expected.")
    context.expect(client.requests > 0, "Your test sends no request.", where="the right service")
    for mistake in context.random.sample(sorted(BROKEN), len(BROKEN)):
        about, serve = BROKEN[mistake]
        try:
            answer(Client(serve))
        except Exception:
            continue
        context.fail("Your test passes.", where=f"a service that {about}", mistake=mistake)
    context.note(broken_services_caught=len(BROKEN))
