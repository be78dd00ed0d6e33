"""lab04.ex2: One fails, the other's answer stays."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np

from labs.checks import stubs
from labs.checks.lab04 import model_entries
from labs.engine import Context


class _OutOfMemoryError(Exception):
    """An exception that no answer can know."""


_ERRORS = (ValueError, RuntimeError, ConnectionError, KeyError, OSError, _OutOfMemoryError)
_ROUNDS = (
    {"model_a": "answers", "model_b": "answers"},
    {"model_a": "raises", "model_b": "answers"},
    {"model_a": "sees no card", "model_b": "hangs"},
    {"model_a": "hangs", "model_b": "raises", "model_c": "answers"},
    {"model_a": "is cancelled", "model_b": "answers"},
)


def check(context: Context, ask_all: Callable[..., Any]) -> None:
    """Call ``ask_all(models, pixels, seconds)`` while models answer, raise, hang or see nothing."""
    for states in _ROUNDS:
        for kind in _ERRORS if "raises" in states.values() else _ERRORS[:1]:
            _round(context, ask_all, states, kind(model_entries.secret_text(context)))
    model_entries.two_at_once(
        context,
        lambda models, image: ask_all(models, image, 9),
        lambda boxes: {"found": boxes},
    )
    context.note(rounds=len(_ROUNDS))


def _round(
    context: Context, ask_all: Callable[..., Any], states: dict[str, str], error: Exception
) -> None:
    observed, seconds = stubs.StubModels(), context.random.choice((0.4, 3, 45))
    slow = {"answers": 0.9 * seconds, "hangs": 50 * seconds}
    raised = {"raises": error, "is cancelled": asyncio.CancelledError()}
    models = {
        name: observed.model(
            name,
            slow.get(state, 0.1 * seconds),
            raised.get(state),
            [] if state == "sees no card" else None,
        )
        for name, state in states.items()
    }
    pixels = context.numbers.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    where = ", ".join(f"{name} {state}" for name, state in states.items())
    if "is cancelled" in states.values():
        _cancelled(context, ask_all, models, pixels, seconds, where)
        return
    got, took = model_entries.finish(
        context, ask_all, models, pixels.copy(), seconds, where=where, because=_all_lost
    )
    context.expect(not observed.blocked, "detect() was called, not to_async.detect().", where=where)
    context.expect(
        observed.calls >= len(states),
        f"{observed.calls} of {len(states)} models were called.",
        where=where,
    )
    context.expect(
        observed.most == len(states),
        f"At most {observed.most} of {len(states)} models were under way at a time; all of them "
        "were expected.",
        where=where,
        mistake="one_by_one" if observed.most == 1 else None,
    )
    context.expect(
        took <= 1.01 * seconds,
        f"ask_all took {took:g} s; {seconds:g} s are allowed.",
        where=where,
        mistake="no_timeout" if took > 10 * seconds else None,
        cause="The time limit applies to each model as a whole, retries included.",
    )
    _entries(context, got, states, pixels, error, where)


def _all_lost(error: BaseException) -> str | None:
    return "all_lost" if isinstance(error, (*_ERRORS, TimeoutError)) else None


def _entries(
    context: Context, got: Any, states: dict[str, str], pixels: Any, error: Exception, where: str
) -> None:
    """Compare each model's entry with what that model did."""
    got = context.plain(got, what="the answer", where=where)
    if not isinstance(got, dict) or got.keys() != states.keys():
        shown = sorted(got) if isinstance(got, dict) else type(got).__name__
        context.fail(
            f"The answer has {shown}; an entry for each of {sorted(states)} was expected.",
            where=where,
            layer="schema",
        )
    for name, state in states.items():
        if state in ("answers", "sees no card"):
            want = stubs.boxes(name, pixels) if state == "answers" else []
            model_entries.detected(context, got[name], want, name, where)
        else:
            code = {"raises": "model_failed", "hangs": "model_timeout"}[state]
            raised = (type(error).__name__, str(error)) if state == "raises" else None
            one_code = "model_timeout" not in str(got)
            model_entries.failed(context, got[name], code, name, raised, where, one_code)


def _cancelled(
    context: Context, ask_all: Any, models: Any, pixels: Any, seconds: float, where: str
) -> None:
    """Let one model's call be cancelled, and then that of ask_all: neither is an error."""
    cause = "Your code catches asyncio.CancelledError, as a bare `except:` does, for instance."

    async def watched() -> Any:
        try:
            return await ask_all(models, pixels, seconds)
        except (asyncio.CancelledError, Exception):  # without this model's answer, any will do
            return None

    got, _ = model_entries.finish(context, watched, where=where)
    entry = got.get("model_a") if isinstance(got, dict) else None
    context.expect(
        not (isinstance(entry, dict) and "error" in entry),
        "The entry for model_a is an error, but its call was cancelled: the client went away.",
        where=where,
        cause=cause,
    )

    async def left() -> bool:
        task = asyncio.ensure_future(ask_all({"model_b": models["model_b"]}, pixels, seconds))
        await asyncio.sleep(0.1 * seconds)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    cancelled, _ = model_entries.finish(context, left, where="the client goes away")
    context.expect(
        cancelled is True,
        "The call of ask_all was cancelled, and did not end with CancelledError.",
        where="the client goes away while model_b is at work",
        cause=cause,
    )
