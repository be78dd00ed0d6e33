"""lab12.ex2: Tests that catch broken services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labs.checks.lab12.clients import BROKEN, Client, right
from labs.engine import Context
from labs.engine.outcome import OutOfTimeError
from services.workbench.show import one_line


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Run the learner's test on the right service, then on the broken ones in any order."""
    if not callable(answer):
        context.fail(f"A {type(answer).__name__} was passed to check; a function was expected.")
    client = Client(right)
    got, error = _run(answer, client)
    if error is not None:
        failure = context.raised(error, where="the right service", because="fails_right")
        failure.differs = f"Your test fails: {one_line(error)}"
        raise failure from error
    if hasattr(got, "__await__"):
        context.fail("test_service(client) is a coroutine; a plain function was expected.")
    context.expect(client.requests > 0, "Your test sends no request.", where="the right service")
    missed = []
    for mistake, about, serve in context.random.sample(BROKEN, len(BROKEN)):
        _, error = _run(answer, Client(serve))
        if error is None:
            missed.append((mistake, f"a service that {about}"))
    if len(missed) == len(BROKEN):
        context.fail(
            "Your test passes.",
            where="each of the broken services",
            cause="Nothing in it fails: a returned value, a tuple after `assert` and a caught "
            "AssertionError do not make a test fail.",
        )
    for mistake, where in missed:
        context.fail("Your test passes.", where=where, mistake=mistake)
    context.note(broken_services_caught=len(BROKEN))


def _run(answer: Callable[..., Any], client: Client) -> tuple[Any, BaseException | None]:
    """Return what the test returns, and what it raises: ``pytest.fail`` raises no Exception."""
    try:
        return answer(client), None
    except (KeyboardInterrupt, OutOfTimeError):
        raise
    except BaseException as error:
        return None, error
