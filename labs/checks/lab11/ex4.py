"""Check of lab 11, exercise 4: a core that counts its blocks, and refuses large ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from labs.checks.lab11.cores import Scorer
from labs.checks.unchanged import unchanged
from labs.engine import Context
from labs.engine.plain import NotPlainError, array, shown


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Call ``recommend_all(core, users, k, n)``; compare with answers user by user."""
    for turn in range(3):
        n, movies = context.random.randint(4, 6), context.random.randint(50, 60)
        # One user comes twice, in two blocks. The last block is full in the last turn only.
        known = context.random.sample(range(100, 9999), 3 * n - 1 + (turn < 2) * (n - 2))
        users = [*known[: n + 1], known[1], *known[n + 1 :]]
        core = Scorer(context.numbers, known, movies, n)
        k = [10, movies - 8, 10 * movies][turn]
        where = f"{len(users)} users, {movies} movies, k={k}, n={n}"
        with unchanged(context, where, users=users):
            got = context.call(answer, core, users, k, n, where=where, because=_cause)
        _asks_in_blocks(context, core, users, n, where)
        rows = _rows(context, got, len(users), where)
        for user, row in zip(users, rows, strict=True):
            _compare(context, core, user, k, row, where)
        context.expect(
            got[1] is not got[n + 1],
            f"Rows 1 and {n + 1}, both of user {known[1]}, are one and the same list.",
            where=where,
            cause="A change of one row would change the other. Make a new list for each.",
        )
    context.note(users=len(users), largest_block=n)


def _cause(error: BaseException) -> str | None:
    return "all_at_once" if isinstance(error, MemoryError) else None


def _asks_in_blocks(context: Context, core: Scorer, users: list[int], n: int, where: str) -> None:
    """Fail unless the scores were computed once for each block, and not kept."""
    want = [users[start : start + n] for start in range(0, len(users), n)]
    context.expect(
        core.blocks == want,
        f"core.scores was called for {len(core.blocks)} blocks, {shown(core.blocks, 60)}; "
        f"{len(want)} blocks, {shown(want, 60)}, were expected.",
        where=where,
    )
    context.expect(
        core.held <= 2,
        f"The scores of {core.held} earlier blocks were still in memory when the next ones were "
        "computed.",
        where=where,
        mistake="keeps_scores",
    )


def _rows(context: Context, got: Any, count: int, where: str) -> list[Any]:
    """Return the rows as lists; arrays are accepted, too."""

    def listed(value: Any) -> Any:
        try:
            return array(value).tolist()
        except NotPlainError:
            return value

    rows = [listed(row) for row in got] if isinstance(got, list | tuple) else listed(got)
    rows = context.plain(rows, what="what recommend_all returned", where=where)
    if not isinstance(rows, list) or len(rows) != count:
        shape = f"{len(rows)} rows" if isinstance(rows, list) else f"a {type(rows).__name__}"
        context.fail(f"recommend_all returned {shape}; {count} rows were expected.", where=where)
    return list(rows)


def _best(scores: dict[int, float], k: int, tie: int = 1) -> list[int]:
    """Return the ids of the best k; of equal ones the lowest first, or the highest if tie is -1."""
    return sorted(scores, key=lambda movie: (-scores[movie], tie * movie))[:k]


def _compare(context: Context, core: Scorer, user: int, k: int, row: Any, where: str) -> None:
    scores, rated = core.row(user), set(core.rated_by(user))
    left = {movie: score for movie, score in scores.items() if movie not in rated}
    last = scores | dict.fromkeys(rated, -np.inf)
    zero = _best(scores | dict.fromkeys(rated, 0.0), k)
    mistakes = [
        ("fills_up", _best(last, k)),
        ("zeroed", zero),
        ("zeroed", [movie for movie in zero if movie not in rated]),
        ("ties", _best(left, k, tie=-1)),
    ]
    what = f"The row of user {user}"
    context.same(row, _best(left, k), what=what, where=where, mistakes=mistakes)
