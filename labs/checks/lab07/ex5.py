"""Check of lab 07, exercise 5: a model is replaced at every bad moment, and under load."""

from __future__ import annotations

import inspect
import sys
import threading
from contextlib import suppress
from functools import partial
from typing import Any

from labs.checks.lab07.shelf import Shelf, nothing
from labs.checks.lab07.steps import PATIENCE, Call, at_each_step
from labs.engine import Context

THREADS, ANSWERS, SWAPS = 4, 100, 20


class _Examiner:
    """One object of the learner's class."""

    def __init__(self, context: Context, answer: Any, last: int) -> None:
        self.context, self.shelf = context, Shelf(context, last)
        self.version = self.shelf.new()
        self.user = context.random.randint(1, 999)
        self.live = context.call(
            answer, self.shelf.load, self.shelf.smoke_test, self.version, where="Live(…)"
        )

    def ask(self) -> Any:
        return self.live.answer(self.user)

    def body(self, version: str) -> dict[str, Any]:
        return {"version": version, "items": self.shelf.items(version, self.user)}

    def says(self, version: str, where: str) -> None:
        """Ask, and fail unless the answer is that version's."""
        self.is_by(version, self.context.call(self.ask, where=where), where)

    def is_by(self, version: str, got: Any, where: str) -> None:
        """Fail unless an answer is that version's."""
        self.context.same(got, self.body(version), what="The answer", where=where)

    def is_whole(
        self, got: Any, versions: list[str], where: str, mistake: str | None = None
    ) -> None:
        """Fail unless an answer is wholly one of these versions'."""
        value = self.context.plain(got, what="The answer", where=where)
        if value in [self.body(version) for version in versions]:
            return
        items = value.get("items") if isinstance(value, dict) else None
        others = [one for one in versions if items == self.shelf.items(one, self.user)]
        if not others:
            expected = f"one of version {versions[0]} or a later one was expected"
            self.context.fail(f"The answer is {value!r:.80}; {expected}.", where=where)
        # With many versions, which two of them met is chance.
        said = f"version {value['version']}" if "version" in value else "no version"
        self.context.fail(
            f"The answer says {said}, and its movies are those of {others[0]}."
            if len(versions) == 2
            else "The answer names one version, and its movies are another's.",
            where=where,
            mistake=mistake,
        )

    def swap(self, version: str, want: bool, where: str) -> None:
        """Replace the model, and hold the result to what it should be."""
        got = self.context.call(self.live.swap, version, where=where)
        self.context.same(got, want, what=f'swap("{version}")', where=where)


def check(context: Context, answer: Any) -> None:
    """Replace the model of ``Live`` step by step, then under load."""
    if not inspect.isclass(answer):
        context.fail(f"Live is a {type(answer).__name__}, not a class.", layer="import")
    last = context.random.randint(20, 90)  # of both: the same numbers, and other models
    one, other = _Examiner(context, answer, last), _Examiner(context, answer, last)
    _starts(context, one, answer)
    _swaps(context, one)
    _refuses(context, one)
    _between_the_steps(context, one)
    _at_once(context, one)
    _under_load(context, one)
    other.says(other.version, "a second object of the class, after swaps of the first")
    other.version = other.shelf.new()
    other.swap(other.version, True, "a second object of the class, after swaps of the first")
    other.says(other.version, "a second object of the class, after its first swap")
    context.note(answers_under_load=THREADS * ANSWERS, swaps_meanwhile=SWAPS, lost_or_mixed=0)


def _cause(error: BaseException) -> str | None:
    return "dropped_first" if "'NoneType' object" in str(error) else None


def _starts(context: Context, one: _Examiner, answer: Any) -> None:
    shelf, where = one.shelf, "Live(…), and then three answers"
    tested = one.version in shelf.tests
    context.expect(
        tested,
        f"Version {one.version} was not tested.",
        where="Live(…)",
        mistake="untested",
        layer="start",
    )
    _loaded_once(context, one, one.version, "Live(…)")
    for _ in range(3):
        one.user = context.random.randint(1, 999)
        one.says(one.version, where)
    _loaded_once(context, one, one.version, where)
    useless = shelf.new()
    shelf.useless.add(useless)
    where = "Live(…) with a useless version"
    try:
        answer(shelf.load, shelf.smoke_test, useless)
    except ValueError:
        return
    except Exception as error:
        raise context.raised(error, where=where) from error
    context.fail("Live(…) did not raise smoke_test's ValueError.", where=where)


def _loaded_once(context: Context, one: _Examiner, version: str, where: str) -> None:
    count = one.shelf.loads.count(version)
    context.expect(
        count == 1,
        f"load was called {count} times; once was expected.",
        where=where,
    )


def _swaps(context: Context, one: _Examiner) -> None:
    """Replace the model, and ask while the new one is loaded and while it is tested."""
    old, new = one.version, one.shelf.new()
    where = f"version {new} takes the place of {old}"
    _ask_meanwhile(one, new, True, where)
    context.expect(
        new in one.shelf.tests,
        f"Version {new} serves, and was not tested.",
        where=where,
        mistake="untested",
    )
    _loaded_once(context, one, new, where)
    one.says(new, f"after the swap from {old} to {new}")
    one.version = new


def _ask_meanwhile(one: _Examiner, new: str, want: bool, where: str) -> None:
    """Call ``swap`` and ask meanwhile; everybody must be answered by the old version."""
    meanwhile: list[tuple[str, Call, bool]] = []

    def ask(doing: str) -> None:
        if meanwhile and not meanwhile[-1][2]:
            return
        call = Call(one.ask)
        meanwhile.append((f"an answer while version {new} is {doing}", call, call.ended()))

    one.shelf.on_load, one.shelf.on_test = partial(ask, "loaded"), partial(ask, "tested")
    try:
        one.swap(new, want, where)
    finally:
        one.shelf.on_load = one.shelf.on_test = nothing
    for place, call, ended in meanwhile:
        if not ended:
            one.context.fail(
                f"There was no answer within {PATIENCE:g} seconds.", where=place, mistake="blocks"
            )
        if call.error is not None:
            raise one.context.raised(call.error, where=place, because=_cause)
        one.is_by(one.version, call.value, place)


def _refuses(context: Context, one: _Examiner) -> None:
    """Offer bad versions: the old one goes on, and a good one can still come."""
    shelf = one.shelf
    useless, damaged, missing = shelf.new(), shelf.new(), shelf.new()
    shelf.useless.add(useless)
    shelf.bad[damaged] = ValueError(f"version {damaged} is damaged")
    shelf.bad[missing] = FileNotFoundError(f"there is no version {missing}")
    for version, what in (
        (useless, "loads, but does not pass its test"),
        (damaged, "is damaged: load raises ValueError"),
        (missing, "is not there: load raises FileNotFoundError"),
    ):
        where = f"version {version} {what}"
        _ask_meanwhile(one, version, False, where)
        one.says(one.version, f"after the refusal of {version}")
    new = shelf.new()
    one.swap(new, True, f"version {new} is good, after three bad ones")
    one.says(new, f"after the swap to {new}")
    one.version = new


def _between_the_steps(context: Context, one: _Examiner) -> None:
    """Answer between the steps of ``swap``, and swap between the steps of ``answer``."""
    old, new = one.version, one.shelf.new()
    main, calls = at_each_step(lambda: one.live.swap(new), one.ask)
    where = f"an answer between two steps of swap, from {old} to {new}"
    context.call(main.result, where=where)
    for call in calls:
        got = context.call(call.result, where=where, because=_cause)
        one.is_whole(got, [old, new], where, "two_steps")
    tried = [new]

    def swap() -> Any:
        tried.append(one.shelf.new())
        return one.live.swap(tried[-1])

    main, calls = at_each_step(one.ask, swap)
    where = "a swap between two steps of answer"
    got = context.call(main.result, where=where)
    one.is_whole(got, tried, where, "two_reads")
    for call in calls:
        context.call(call.result, where=where)
    one.version = tried[-1]
    one.says(one.version, "after many swaps")


def _at_once(context: Context, one: _Examiner) -> None:
    """Let two answers meet in the model."""
    meeting = threading.Barrier(2)

    def meet() -> None:
        with suppress(threading.BrokenBarrierError):
            meeting.wait(PATIENCE)

    one.shelf.on_recommend = meet
    calls = [Call(one.ask), Call(one.ask)]
    ended = all(call.ended(2 * PATIENCE) for call in calls)
    one.shelf.on_recommend = nothing
    context.expect(
        ended and not meeting.broken,
        "The second answer began only after the first had ended.",
        where="two answers in two threads",
        mistake="one_at_a_time",
    )


def _under_load(context: Context, one: _Examiner) -> None:
    """Answer in several threads while the model is replaced again and again."""
    versions = [one.version, *(one.shelf.new() for _ in range(SWAPS))]
    where = f"{THREADS} threads ask {ANSWERS} times each, during {SWAPS} swaps"

    def many() -> list[Any]:
        return [one.ask() for _ in range(ANSWERS)]

    pace = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # threads take turns as often as they can
    try:
        calls = [Call(many) for _ in range(THREADS)]
        for version in versions[1:]:
            one.swap(version, True, where)
        found = [context.call(call.result, where=where, because=_cause) for call in calls]
    finally:
        sys.setswitchinterval(pace)
    for got in (got for each in found for got in each):
        one.is_whole(got, versions, where)
    one.says(versions[-1], "after the load")
