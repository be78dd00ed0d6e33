"""lab10.ex5: Open challenge: the fastest, in the least time."""

from __future__ import annotations

import itertools
import math
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from labs.checks.lab10.clock import Contest
from labs.engine import Context

_CONTESTS = 200
_RIGHT = 180
_TIMES_AS_FAST = 2.5


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Let ``fastest(turns)`` find the best of eight, in contests that are always the same.

    With fresh contests an answer near the limit would pass by chance, and fail the next time.
    """
    where = f"{_CONTESTS} contests of {Contest.SERVERS} servers"
    contests, named = [Contest(seed) for seed in range(_CONTESTS)], []
    for contest in contests:
        got = context.call(answer, contest.functions(), where=where)
        got = context.plain(got, what="fastest(turns)", where=where)
        if not isinstance(got, str) or got not in contest.true:
            context.fail(
                f"fastest(turns) is {got!r}; one of the names in turns was expected.",
                where=where,
                layer="schema",
            )
        named.append(got)
    right = sum(got == each.fastest for got, each in zip(named, contests, strict=True))
    context.expect(
        right >= _RIGHT,
        f"fastest named the right server in {right} of {_CONTESTS} contests; {_RIGHT} are needed.",
        where=where,
        mistake=_why_wrong(contests, named) if right < _RIGHT else None,
    )
    context.expect(all(each.turns for each in contests), "No turn was measured.", where=where)
    used = sum(each.milliseconds for each in contests)
    plain = sum(Contest(seed).plain_way() for seed in range(_CONTESTS))
    context.note(right=f"{right} of {_CONTESTS}",
                 times_as_fast_as_the_plain_way=f"{plain / used:.1f}")  # fmt: skip
    same_number = all(len(set(_turns_of_each(each).values())) == 1 for each in contests)
    context.expect(
        plain / used >= _TIMES_AS_FAST,
        f"You are {plain / used:.1f} times as fast as the plain way; {_TIMES_AS_FAST:g} times are "
        "needed.",
        where=where,
        mistake="plain" if same_number else None,
    )


def _why_wrong(contests: Sequence[Contest], named: Sequence[str]) -> str | None:
    """Return the mistake that the turns and the names show, None if they show none."""
    slowest = [max(each.true, key=each.true.__getitem__) for each in contests]
    if sum(map(str.__eq__, named, slowest)) > len(named) / 2:
        return "slowest"
    if all(list(_turns_of_each(each).values()) == [1] * each.SERVERS for each in contests):
        return "once"
    if all(_in_blocks(each) for each in contests):
        return "blocks"
    several = all(len(each.turns) > 2 * each.SERVERS for each in contests)
    by_mean = several and list(named) == [_least_mean(each) for each in contests]
    return "means" if by_mean else None


def _turns_of_each(contest: Contest) -> Counter[str]:
    return Counter(name for name, _ in contest.turns)


def _in_blocks(contest: Contest) -> bool:
    """Say whether, after a first turn of each perhaps, each server has all its turns in a row."""
    names = [name for name, _ in contest.turns]
    if len(set(names[: contest.SERVERS])) == contest.SERVERS:
        names = names[contest.SERVERS :]
    return len(names) > contest.SERVERS and len(list(itertools.groupby(names))) == len(set(names))


def _least_mean(contest: Contest) -> str:
    """Return the server with the least mean of its turns, the first one left out."""
    times: dict[str, list[float]] = {name: [] for name in contest.true}
    for name, milliseconds in contest.turns:
        times[name].append(milliseconds)
    return min(
        times, key=lambda name: statistics.fmean(times[name][1:] or times[name] or [math.inf])
    )
