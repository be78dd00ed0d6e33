"""Lab 04: run a learner's coroutine function, and check one model's entry in an answer."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable
from typing import Any

import numpy as np

from labs.checks import stubs
from labs.engine import Context


def finish(context: Context, answer: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Await ``answer(*args)`` on a fake clock; return its value and the fake seconds it took.

    *options* are those of ``context.call``.
    """

    async def main() -> Any:
        work = answer(*args)
        if not inspect.isawaitable(work):
            context.fail(
                f"The function returned a {type(work).__name__}, which cannot be awaited.",
                layer="import",
                cause="Keep the `async` before `def`.",
            )
        got = await work
        if _not_awaited(got):
            context.fail(
                "The answer contains a coroutine or future that was not awaited, not boxes.",
                mistake="no_await" if "no_await" in context.exercise.mistakes else None,
                layer="schema",
            )
        return got, asyncio.get_running_loop().time()

    return context.call(stubs.run, main(), **options)


def _not_awaited(got: Any) -> bool:
    """Say whether there is an awaitable in an answer; end each."""
    items = got.values() if isinstance(got, dict) else got if isinstance(got, list | tuple) else ()
    pending = [one for one in (got, *items) if inspect.isawaitable(one)]
    for one in pending:
        end = getattr(one, "close", None) or getattr(one, "cancel", None)
        if callable(end):
            end()
    return bool(pending)


def detected(context: Context, value: Any, want: Any, name: str, where: str) -> None:
    """Fail unless a model's entry holds the boxes that it returned."""
    what = f"The entry for {name}"
    is_error = isinstance(value, dict) and "error" in value
    context.expect(not is_error, f"{what} is an error, but {name} answered.", where=where)
    context.same(value, {"found": want}, what=what, where=where)


def failed(
    context: Context,
    value: Any,
    code: str,
    name: str,
    raised: tuple[str, str] | None,
    where: str,
    one_code: bool = False,
) -> None:
    """Fail unless a model's entry is a proper error.

    Parameters
    ----------
    raised : tuple of str, optional
        The type and the text of the model's exception.
    one_code : bool
        Whether no entry of the answer has the code ``model_timeout``.
    """
    what = f"The entry for {name}"
    context.expect(
        value not in ({"found": []}, [], {"found": None}),
        f"{what} is {value}, but {name} did not answer.",
        where=where,
        mistake="looks_empty" if "looks_empty" in context.exercise.mistakes else None,
        cause="An empty list means that there is no card in the image.",
    )
    entry = value.get("error") if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(entry, dict) or entry.keys() != {"code", "message", "hint"}:
        context.fail(
            f"{what} is {value}; an error with code, message and hint was expected.",
            where=where,
            layer="schema",
        )
        return
    _keeps_to_itself(context, entry, raised or ("", ""), what, where)
    swapped = code == "model_timeout" and entry["code"] == "model_failed"
    context.expect(
        entry["code"] == code,
        f"{what} has the code {entry['code']!r}; {code!r} was expected.",
        where=where,
        mistake="one_code"
        if swapped and one_code and "one_code" in context.exercise.mistakes
        else None,
    )
    for part in ("message", "hint"):
        good = isinstance(entry[part], str) and bool(entry[part].strip())
        context.expect(good, f"The {part} is {entry[part]!r}; text was expected.", where=where)
    context.expect(
        name in entry["message"],
        f"The message is {entry['message']!r}; it does not contain {name!r}.",
        where=where,
        cause="With several models, an error must say which of them it is about.",
    )


def _keeps_to_itself(
    context: Context, entry: Any, raised: tuple[str, str], what: str, where: str
) -> None:
    """Fail if a part of the exception's text, or its type's name, is in the entry."""
    kind, text = raised
    pieces = [text[n : n + 4] for n in range(len(text) - 3)] + [kind]
    said = json.dumps(entry, ensure_ascii=False)
    leaked = next((piece for piece in pieces if piece and piece in said), None)
    context.expect(
        leaked is None,
        f"{what} contains {leaked!r}, which comes from the exception.",
        where=where,
        mistake="leaks" if "leaks" in context.exercise.mistakes else None,
        cause="The exception's text and type are for your log, not for the client.",
    )


def two_at_once(
    context: Context, ask: Callable[[Any, Any], Any], entry: Callable[[Any], Any]
) -> None:
    """Let two clients call ``ask(models, image)`` at once: nobody gets the other's boxes.

    *entry* turns a model's boxes into its entry in the answer.
    """
    models = {name: stubs.StubModels().model(name) for name in ("model_a", "model_b")}
    images = [context.numbers.integers(0, 256, (8, 8, 3), dtype=np.uint8) for _ in range(2)]

    async def both() -> Any:
        return await asyncio.gather(*[ask(models, image.copy()) for image in images])

    where = "two clients ask at the same time"
    got, _ = finish(context, both, where=where)
    want = [{name: entry(stubs.boxes(name, image)) for name in models} for image in images]
    context.same(got, want, what="The pair of answers", where=where)


def secret_text(context: Context) -> str:
    """Return fresh text for an exception; no part of it is an English word."""
    return "".join(context.random.choices("bcdfghjkmnpqrstvwxz0123456789", k=24))
