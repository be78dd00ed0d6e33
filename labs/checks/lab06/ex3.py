"""lab06.ex3: Roll back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import bentoml

from labs.checks.lab06.refusal import expect_value_error
from labs.checks.lab06.store import empty_store, put_bento, tags_of
from labs.engine import Context


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Roll back in a store with real Bentos, once and again, past bad ones, and to the end."""
    name = f"cards_{context.random.randint(10, 99)}"
    with empty_store():
        order = _fill(context, name)
        newest = len(order) - 1
        unknown = f"{name}:{context.random.randint(20, 90)}.0.0"
        _is_not_sorted_by_tag(context, answer, order)
        for place in (newest, newest - 1, newest - 2, 1, newest):
            _back(context, answer, order, place, set())
        for bad in (
            {order[3], unknown},
            {order[3], order[2], order[0]},
            {order[3], order[newest]},
            {f"{name}_small:{_versions([order[3]])}", order[3][:-3], f"{order[3]}.post1"},
        ):
            _back(context, answer, order, newest, bad)
        _back(context, answer, order, 2, {order[2], order[3], order[0]})
        for serving, bad, why in (
            (order[0], set(), "the oldest one"),
            (order[2], set(order[:2]), "all older ones are bad"),
        ):
            where = f"serving is {serving}, {why}"
            expect_value_error(context, answer, serving, bad, where=where, names=[serving])
        for serving in (unknown, f"{name}:latest", order[3][:-2]):
            where = f"serving is {serving}, the store has {_versions(order)}"
            bad = {order[0], order[3]}
            where += f"; bad are {', '.join(sorted(bad))}"
            expect_value_error(context, answer, serving, bad, where=where, names=order)
        order.append(f"{name}:{context.random.randint(20, 90)}.1.0")
        put_bento(name, _versions(order[-1:]), datetime(2026, 3, 1, tzinfo=UTC))
        _back(context, answer, order, newest + 1, set())
    context.note(went_back="11 times", refused="5 times")


def _fill(context: Context, name: str) -> list[str]:
    """Put Bentos into the store; return their tags, from the oldest to the newest.

    Neither the texts (1.10 before 1.9) nor the numbers nor the folders' times are in the order in
    which the Bentos were built, and two were built on the same day.
    """
    major = context.random.randint(1, 7)
    order = [f"{major}.9.0", f"{major}.11.0", f"{major}.9.1", f"{major}.10.0", f"{major + 1}.0.0"]
    start = datetime(2026, 1, 5, 8, tzinfo=UTC) + timedelta(days=context.random.randint(0, 20))
    times = [start + timedelta(hours=hours) for hours in (0, 24, 48, 55, 72)]
    for n in (1, 4, 0, 3, 2):
        put_bento(name, order[n], times[n])
    for other in (f"{name}_small", "recommender"):
        put_bento(other, f"{major}.9.5", times[-2] + timedelta(hours=1))
    return [f"{name}:{version}" for version in order]


def _is_not_sorted_by_tag(context: Context, answer: Callable[..., Any], order: list[str]) -> None:
    """Fail if every rollback goes back one step in the order of the tags, as texts or numbers."""
    got = []
    for serving in order:
        try:
            got.append(answer(serving, set()))
        except Exception:
            got.append(None)
    for mistake, key in (("by_name", None), ("by_number", _numbers)):
        line = sorted(order, key=key)
        if got == [line[line.index(tag) - 1] if tag != line[0] else None for tag in order]:
            context.fail(
                f"From {_versions(line[-1:])} on, the rollbacks go to {_versions(line[-2::-1])}.",
                where=f"built in this order: {_versions(order)}",
                mistake=mistake,
            )


def _back(
    context: Context, answer: Callable[..., Any], order: list[str], place: int, bad: set[str]
) -> None:
    """Roll back from one place in the order of time."""
    serving = order[place]
    where = f"built in this order: {_versions(order)}; serving is {serving}"
    where += f"; bad are {', '.join(sorted(bad))}" if bad else ""
    older = [tag for tag in order[:place] if tag not in bad]
    there, given = tags_of(bentoml.list()), set(bad)

    def because(error: BaseException) -> str | None:
        return "serves_bad" if serving in bad and isinstance(error, ValueError) else None

    got = context.call(answer, serving, given, where=where, because=because)
    if given != bad:
        context.fail("roll_back(serving, bad) changed the caller's set `bad`.", where=where)
    context.same(
        got,
        older[-1],
        what="roll_back(serving, bad)",
        where=where,
        mistakes=[
            *[("takes_bad", order[place - 1])] * (order[place - 1] in bad),
            *[("second_newest", order[-2])] * (place < len(order) - 1),
            *[("other_name", tag) for tag in there if tag not in order],
        ],
    )
    if tags_of(bentoml.list()) != there:
        context.fail("The Bentos in the store have changed.", where=where)


def _versions(tags: list[str]) -> str:
    return ", ".join(tag.partition(":")[2] for tag in tags)


def _numbers(tag: str) -> list[int]:
    return [int(part) for part in tag.partition(":")[2].split(".")]
