"""Check of lab 07, exercise 1: maps of the same ids in several orders, and ids they do not know."""

from __future__ import annotations

import inspect
import time
from typing import Any

from labs.checks.unchanged import unchanged
from labs.engine import Context

SMALL, LARGE = 1_000, 300_000
SLOWER = 20
"""So many times longer than in the small map may a lookup in the large map take."""


def check(context: Context, answer: Any) -> None:
    """Hold ``IdMap`` to one row for each id, the same for every order of the ids."""
    if not inspect.isclass(answer):
        context.fail(f"IdMap is a {type(answer).__name__}, not a class.", layer="import")
    several = context.random.randint(40, 60)
    for count in (several, 1):
        ids = context.random.sample(range(1, 200_000), count)
        ids[1:2] = [0] * (count > 1)
        often = [*ids, *context.random.choices(ids, k=2 * count)]
        context.random.shuffle(often)
        where = f"{len(often)} ids, {count} of them different"
        with unchanged(context, where, raw_ids=often):
            trained = context.call(answer, often, where=where)
        rows = [_row(context, trained, one, where) for one in ids]
        _are_all_rows(context, ids, rows, where)
        for one, row in zip(ids, rows, strict=True):
            back = context.plain(context.call(trained.raw, row, where=where), what=f"raw({row})")
            context.expect(
                type(back) is int and back == one,
                f"raw({row}) is {back!r}; {one} was expected, because row({one}) is {row}.",
                where=where,
            )
        _are_unknown(context, trained, ids, where)
        for other in (sorted(ids, reverse=True), sorted(ids), context.random.sample(ids, count)):
            served = context.call(answer, other, where="the same ids in another order")
            for one, row in zip(ids, rows, strict=True):
                got = _row(context, served, one, where)
                context.expect(
                    got == row,
                    f"The id {one} has row {row} in one map and row {got} in the other.",
                    where="two maps of the same ids, which came in another order",
                    mistake="order",
                )
    _are_independent(context, answer)
    _does_not_search(context, answer)
    context.note(ids=several, maps=12)


def _row(context: Context, ids: Any, one: int, where: str) -> Any:
    got = context.call(ids.row, one, where=f"row({one}) of {where}")
    return context.plain(got, what=f"row({one})", where=where)


def _are_all_rows(context: Context, ids: list[int], rows: list[Any], where: str) -> None:
    """Fail unless the rows of the different ids are 0 to n - 1."""
    count = len(ids)
    for one, row in zip(ids, rows, strict=True):
        said = f"row({one}) is {row!r}; a whole number was expected."
        context.expect(type(row) is int, said, where=where)
    context.expect(
        sorted(rows) == list(range(count)),
        f"The rows go from {min(rows)} to {max(rows)}, {len(set(rows))} of them different; "
        f"0 to {count - 1} were expected.",
        where=where,
        mistake="minus_one" if rows == [one - 1 for one in ids] else None,
    )


def _are_unknown(context: Context, ids: Any, known: list[int], where: str) -> None:
    """Look up ids that do not exist: beyond the last, next to a known one, 0, and below."""
    before = repr(getattr(ids, "__dict__", None))
    for one in (max(known) + 1, max(known) + 1000, known[0] - 1, known[0] + 1, len(known), 0, -1):
        if one in known:
            continue
        place = f"row({one}), an id that the map does not know"
        got = context.call(ids.row, one, where=place, because=_cause)
        row = context.plain(got, what=f"row({one})", where=where)
        context.expect(
            row is None,
            f"row({one}) is {row!r}; None was expected.",
            where=place,
            mistake="somebody" if type(row) is int and -1 <= row < len(known) else None,
        )
    context.expect(
        repr(getattr(ids, "__dict__", None)) == before,
        "The map has changed after lookups of ids that it does not know.",
        where=where,
        cause="A lookup stores the unknown id, so the map grows with each of them.",
    )


def _are_independent(context: Context, answer: Any) -> None:
    """Fail if one map knows, or is changed by, the ids of another."""
    ids = sorted(context.random.sample(range(1, 200_000), 20))
    where = "two maps of different ids"
    first, second = (context.call(answer, part, where=where) for part in (ids[10:], ids[:10]))
    for name, mapped, part in (("first", first, ids[10:]), ("second", second, ids[:10])):
        for one in ids:
            row = _row(context, mapped, one, where)
            known = "a row from 0 to 9" if one in part else "None"
            context.expect(
                (row in range(10)) if one in part else row is None,
                f"The {name} map has row {row} for the id {one}; {known} was expected.",
                where=where,
                cause="Keep ids and rows in self: what is in the class belongs to all maps.",
            )


def _cause(error: BaseException) -> str | None:
    return "raises" if isinstance(error, KeyError | ValueError | IndexError) else None


def _does_not_search(context: Context, answer: Any) -> None:
    """Fail if a lookup takes longer the more ids there are."""
    seconds = []
    for count in (SMALL, LARGE):
        ids = context.call(answer, list(range(0, 7 * count, 7)), where=f"{count:,} ids")
        asked = [7 * (count - 1 - number) for number in range(20)]
        seconds.append(min(_duration(ids, asked) for _ in range(5)))
    times = seconds[1] / seconds[0]
    context.expect(
        times < SLOWER,
        f"With {LARGE // SMALL} times as many ids, row() takes more than {SLOWER} times as long.",
        where=f"{SMALL:,} and {LARGE:,} ids",
        mistake="searches",
    )


def _duration(ids: Any, asked: list[int]) -> float:
    start = time.perf_counter()
    for one in asked:
        ids.row(one)
    return time.perf_counter() - start
