"""lab01.ex3: Await, and all at once."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from labs.checks.detections import AnyError
from labs.engine import Context, fake_core


class _SlowMethod:
    """A Runner's method that takes its time, and counts the calls that are under way.

    The first image takes longest, so the right order never is the order of completion.
    """

    def __init__(self, fails: Any = None) -> None:
        self.fails = fails
        self.error: AnyError | None = None
        self.begun = self.at_once = self.most = 0
        self.finished: list[Any] = []
        self.blocking = False

    async def async_run(self, picture: Any) -> list[Any]:
        self.begun += 1
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        for _ in range(max(2, 300 - 4 * self.begun)):
            await asyncio.sleep(0)
        self.at_once -= 1
        if picture is self.fails and not self.error:
            self.error = AnyError("the Runner's process is gone")
            raise self.error
        self.finished.append(fake_core.boxes(picture))
        return list(self.finished[-1])

    def run(self, picture: Any) -> list[Any]:
        self.blocking = True
        return fake_core.boxes(picture)


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Call ``ask(runner, pictures)`` with a Runner that notices which calls overlap."""
    if not inspect.iscoroutinefunction(answer):
        context.fail(
            "ask is not a coroutine function.",
            layer="import",
            cause="Keep the `async` before `def`: only such a function can await.",
        )
    for count in (3, 1, 70, 0):
        pictures = [context.picture(context.random.randint(1, 5)) for _ in range(count)]
        if count > 4:
            pictures[4] = pictures[3]
        _all_at_once(context, answer, pictures)
    _passes_errors_on(context, answer, [context.picture(cards) for cards in (2, 3, 1)])
    context.note(under_way_at_once=70)


def _all_at_once(context: Context, answer: Callable[..., Any], pictures: list[Any]) -> None:
    method, handed, where = _SlowMethod(), list(pictures), f"{len(pictures)} images"
    got = context.call(_run, answer, method, handed, where=where, because=_because)
    if method.blocking:
        context.fail("run() was called, not async_run().", where=where, mistake="blocking")
    if any(inspect.isawaitable(item) for item in (got if isinstance(got, list) else [got])):
        context.fail(
            "ask returned awaitables, not boxes.", where=where, mistake="no_await", layer="schema"
        )
    context.expect(
        isinstance(got, list),
        f"ask returned a {type(got).__name__}; a list was expected.",
        where=where,
        layer="schema",
    )
    context.expect(handed == pictures, "You changed the caller's list of images.", where=where)
    want = [fake_core.boxes(picture) for picture in pictures]
    mistakes = {"order": method.finished} if len(method.finished) == len(want) else {}
    context.same(got, want, what="await ask(runner, pictures)", where=where, mistakes=mistakes)
    if method.most != len(pictures):
        context.fail(
            f"At most {method.most} of {len(pictures)} calls were under way at the same time; "
            f"all {len(pictures)} were expected.",
            where=where,
            mistake="one_by_one" if method.most == 1 else None,
        )


def _run(answer: Callable[..., Any], method: _SlowMethod, pictures: list[Any]) -> Any:
    async def main() -> Any:
        got = await answer(SimpleNamespace(inference=method), pictures)
        for item in got if isinstance(got, list | tuple) else [got]:
            if inspect.iscoroutine(item):
                item.close()
        return got

    return asyncio.run(main())


def _because(error: BaseException) -> str | None:
    awaited = "coroutine" in str(error) or "await" in str(error)
    return "no_await" if isinstance(error, TypeError) and awaited else None


def _passes_errors_on(context: Context, answer: Callable[..., Any], pictures: list[Any]) -> None:
    method = _SlowMethod(fails=pictures[1])
    where = "3 images, for one of which the Runner fails"
    try:
        got = _run(answer, method, pictures)
    except Exception as error:
        if _holds(error, method.error):
            return
        failure = context.raised(error, where=where)
        failure.differs += "; the Runner's own exception was expected."
        raise failure from error
    shown = [type(item).__name__ for item in got] if isinstance(got, list) else type(got).__name__
    context.fail(
        f"The call for the second image raised an error, and ask returned {shown}; the error was "
        "expected.",
        where=where,
        mistake="swallows" if method.begun == len(pictures) else None,
    )


def _holds(raised: Exception, error: Exception | None) -> bool:
    """Say whether an exception is *error*, or a group of exceptions in which it is."""
    if isinstance(raised, ExceptionGroup):
        return any(_holds(each, error) for each in raised.exceptions)
    return raised is error
