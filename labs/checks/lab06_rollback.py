"""Lab 06, rolling back: a store with Bentos, and one step back in it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import bentoml

from labs.checks.lab06_common import refused, tags_of
from labs.checks.lab06_store import put_bento
from labs.engine import Context


def store_of(context: Context, name: str) -> list[str]:
    """Put Bentos into the store whose times, texts and numbers are in different orders.

    Returns
    -------
    list of str
        Their tags, from the oldest to the newest.
    """
    major = context.random.randint(1, 7)
    # Neither the texts (1.10 before 1.9) nor the numbers are in the order of time.
    order = [f"{major}.9.0", f"{major}.11.0", f"{major}.9.1", f"{major}.10.0", f"{major + 1}.0.0"]
    start = datetime(2026, 1, 5, 8, tzinfo=UTC) + timedelta(hours=context.random.randint(0, 500))
    times = [start + timedelta(hours=7 * n) for n in range(len(order))]
    pairs = list(zip(order, times, strict=True))
    for version, time in context.random.sample(pairs, len(pairs)):
        put_bento(name, version, time)
    for other in (f"{name}_small", "recommender"):
        put_bento(other, f"{major}.9.5", times[-2] + timedelta(hours=1))
    return [f"{name}:{version}" for version in order]


def words(tags: list[str]) -> str:
    """Return the versions of *tags*, to be read."""
    return ", ".join(tag.partition(":")[2] for tag in tags)


def refuses(
    context: Context,
    answer: Callable[..., Any],
    serving: str,
    bad: set[str],
    *,
    where: str,
    names: str,
) -> None:
    """Ask for a step back that does not exist."""
    refused(
        context,
        answer,
        serving,
        bad,
        where=where,
        names=names,
        mistake="no_refusal",
        unclear="unclear",
    )


def back(
    context: Context, answer: Callable[..., Any], order: list[str], place: int, bad: set[str]
) -> None:
    """Go back from one place in the order of time."""
    serving, name = order[place], order[0].partition(":")[0]
    where = f"built in this order: {words(order)}; serving is {serving}"
    where += f"; bad are {words(sorted(bad))}" if bad else ""
    want = [tag for tag in order[:place] if tag not in bad][-1]
    there = tags_of(bentoml.list())

    def because(error: BaseException) -> str | None:
        return "serves_bad" if serving in bad and isinstance(error, ValueError) else None

    got = context.plain(
        context.call(answer, serving, set(bad), where=where, because=because),
        what="roll_back(serving, bad)",
        where=where,
        types={"Tag": "no_text", "Bento": "no_text"},
    )
    by_text = _before(sorted(order), serving)
    by_number = _before(sorted(order, key=_numbers), serving)
    wrong = [
        *[("latest", f"{name}:latest"), ("latest", name)],
        *[("second_newest", order[-2])] * (place < len(order) - 1),
        *[("same", serving), *[("takes_bad", tag) for tag in bad]],
        *[("by_name", by_text), ("by_number", by_number)],
        *[("forward", tag) for tag in order[place + 1 :]],
        *[("other_name", tag) for tag in there if tag not in order],
    ]
    context.same(
        got,
        want,
        what="roll_back(serving, bad)",
        where=where,
        mistakes=[(mistake, tag) for mistake, tag in wrong if tag],
    )
    if tags_of(bentoml.list()) != there:
        context.fail("The store has other Bentos than before.", where=where, mistake="deletes")


def _before(tags: list[str], serving: str) -> str:
    place = tags.index(serving)
    return tags[place - 1] if place else ""


def _numbers(tag: str) -> list[int]:
    return [int(part) for part in tag.partition(":")[2].split(".")]
