"""lab04.ex1: Ask both, side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from labs.checks import stubs
from labs.checks.lab04.model_entries import finish, two_at_once
from labs.engine import Context


def check(context: Context, ask_both: Callable[..., Any]) -> None:
    """Call ``ask_both(model_a, model_b, pixels)``: each stub model is the first to answer once."""
    for first, pauses in (("model_a", (0.02, 0.05)), ("model_b", (0.05, 0.02))):
        _answered(context, ask_both, first, pauses)
    for failing in ("model_a", "model_b"):
        _raised(context, ask_both, failing)
    two_at_once(context, lambda models, image: ask_both(*models.values(), image), list)
    context.note(under_way_at_once=2)


def _answered(
    context: Context, ask_both: Callable[..., Any], first: str, pauses: tuple[float, float]
) -> None:
    models = stubs.StubModels()
    stub_a, stub_b = (models.model(name, s) for name, s in zip(_NAMES, pauses, strict=True))
    pixels = context.numbers.integers(0, 256, (8, 9, 3), dtype=np.uint8)
    where = f"an image of shape {pixels.shape}; {first} is the first to answer"
    sent = pixels.copy()
    got, _ = finish(context, ask_both, stub_a, stub_b, sent, where=where, because=_never_awaited)
    context.expect(
        not models.blocked, "detect() was called, not to_async.detect().", mistake="blocking"
    )
    a, b = (stubs.boxes(name, pixels) for name in _NAMES)
    value = context.plain(got, what="the answer", where=where)
    context.expect(
        value != {"model_a": b, "model_b": a},
        "Each model's boxes are under the other model's name.",
        where=where,
        mistake="swapped" if first == "model_a" else "order",
    )
    what = "await ask_both(model_a, model_b, pixels)"
    context.same(value, {"model_a": a, "model_b": b}, what=what, where=where)
    context.expect(
        models.most == 2,
        f"At most {models.most} model was under way at a time; 2 were expected.",
        where=where,
        mistake="one_by_one",
    )
    context.expect(models.calls == 2, f"The models were called {models.calls} times, not twice.")


def _raised(context: Context, ask_both: Callable[..., Any], failing: str) -> None:
    """Let one model raise: the exception has to reach the caller, alone or in a group."""
    models, error = stubs.StubModels(), RuntimeError(f"{failing} is out of memory")
    both = [
        models.model(name, 0.01, raises=error) if name == failing else models.model(name, 0.05)
        for name in _NAMES
    ]
    pixels = context.numbers.integers(0, 256, (8, 9, 3), dtype=np.uint8)

    async def caught(*arguments: Any) -> Any:
        try:
            return await ask_both(*arguments)
        except Exception as raised:
            group = raised.exceptions if isinstance(raised, ExceptionGroup) else (raised,)
            if error not in group:
                raise
            return error

    where = f"{failing} raises an exception before the other model has answered"
    got, _ = finish(context, caught, *both, pixels, where=where)
    context.expect(
        got is error,
        f"ask_both returned a {type(got).__name__}; the model's exception was expected to go on to "
        "the caller.",
        where=where,
    )
    context.expect(
        models.calls == 2, f"The models were called {models.calls} times, not twice.", where=where
    )


_NAMES = ("model_a", "model_b")


def _never_awaited(error: BaseException) -> str | None:
    about_work = any(word in str(error) for word in ("coroutine", "await", "Future"))
    return "no_await" if isinstance(error, TypeError) and about_work else None
