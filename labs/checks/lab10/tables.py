"""Tables of figures for lab 10, exercise 4: in each, another property of the rule matters."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from labs.checks.lab10.figures import Figures, Table

Case = tuple[str, Table, dict[str, Any]]

_NAMES = ["alder", "birch", "cedar", "elm", "fir", "hazel", "larch", "maple", "oak", "pine"]

_AT_MOST = {
    "memory/pss_mib": (150, 900),
    "start_seconds/max": (10, 30),
    "lines/support": (100, 800),
    "real/4/p99/max": (60, 300),
    "sigterm/lost": (2, 9),
}
_AT_LEAST = {"real/4/rate/min": (60, 200), "metrics/own": (20, 40), "bad_input/helped": (3, 9)}
_GOALS = {
    "least": ["real/1/p50", "real/1/p99", "real/16/p99"],
    "most": ["real/16/rate", "real/1/rate"],
}

# What is special about a table, and its servers: the goal's median as a multiple of the best one,
# how far the range reaches to both sides, and one sign for each need (the first is "at most", the
# second "at least"): "+" met, "=" exactly at the limit, "-" missed, "0" the figure 0, "?" None,
# "x" no such path. A median of None was not measured. With a reach of 0, the range begins where
# that of the table's first server ends.
_Server = tuple[float | None, float, str]
_TABLES: list[tuple[str, list[_Server]]] = [
    ("the best server misses a need", [(1, 0.05, "-+"), (1.5, 0.1, "++"), (2.5, 0.1, "++")]),
    ("the best server misses both needs", [(1, 0.05, "--"), (1.5, 0.1, "++"), (2, 0.1, "+-")]),
    ("figures at the limit", [(1, 0.05, "=="), (2, 0.1, "+="), (3, 0.1, "=+"), (4, 0.1, "++")]),
    ("a figure is None", [(1, 0.05, "?+"), (1.5, 0.1, "+?"), (2, 0.1, "++")]),
    ("a path is missing", [(1, 0.05, "+x"), (1.5, 0.1, "x+"), (2, 0.1, "++"), (3, 0.1, "xx")]),
    ("a figure is 0", [(1, 0.05, "0+"), (2, 0.1, "++")]),
    ("a figure is 0", [(1, 0.05, "+0"), (2, 0.1, "++")]),
    ("the goal was not measured", [(None, 0, "++"), (None, 1, "++"), (2, 0.1, "++")]),
    ("the goal was not measured, and a need is missed", [(None, 0, "+-"), (2, 0.1, "++")]),
    ("no server meets the needs", [(1, 0.05, "+-"), (1.5, 0.1, "-+"), (None, 0, "++")]),
    ("ranges that overlap, and one that touches", [
        (1.6, 0.12, "++"), (1.66, 0.12, "++"), (1.7, 0.2, "++"), (1.71, 0.03, "++"),
        (1.95, 0, "++"), (2.2, 0.15, "++"), (1.62, 0.1, "-+"), (1.63, 0.1, "+?")]),
    ("the best at an end of its range is not the best", [(2, 0.05, "++"), (2.1, 0.4, "++")]),
    ("an equal server behind another one", [(1, 0.05, "++"), (1.2, 0.05, "++"), (1.5, 0.4, "++")]),
    ("one server", [(1, 0.1, "++")]),
    ("no server at all", []),
]  # fmt: skip


def designed_cases(source: random.Random) -> Iterator[Case]:
    """Yield what is special, a table and needs; each table once for either wish."""
    for wish in ("least", "most"):
        for about, servers in _TABLES:
            goal = (source.choice(_GOALS[wish]), wish)
            must = [_need(source, "at most", _AT_MOST), _need(source, "at least", _AT_LEAST)]
            yield about, _table(source, servers, must, goal), {"must": must, "goal": goal}
        goal = (source.choice(_GOALS[wish]), wish)
        three: list[_Server] = [(1, 0.05, "-"), (2, 0.05, "="), (3, 0.05, "+")]
        lost = [("sigterm/lost", "at most", 0)]
        yield "a limit of 0", _table(source, three, lost, goal), {"must": lost, "goal": goal}
        yield "no needs", _table(source, three, lost, goal), {"must": [], "goal": goal}
        table = _table(source, three, lost, goal)
        table[source.choice(list(table))] |= {f"{goal[0]}/median": 0, f"{goal[0]}/min": 0}
        yield "a median of 0", table, {"must": [], "goal": goal}
        both = [("image_mib", "at least", 100), ("image_mib", "at most", 500)]
        table = _table(
            source, [(1, 0.05, ""), (2, 0.05, ""), (3, 0.05, ""), (4, 0.05, "")], [], goal
        )
        for own, value in zip(table.values(), source.sample([40, 300, 700, None], 4), strict=True):
            own["image_mib"] = value
        yield "two needs of one path", table, {"must": both, "goal": goal}
        table = _table(source, [(1, 0.05, ""), (3, 0.05, ""), (None, 0, "")], [], goal)
        median = f"{goal[0]}/median"
        on_goal = [(median, "at most" if wish == "least" else "at least", _middle(table, median))]
        yield "a need on the goal itself", table, {"must": on_goal, "goal": goal}


def _need(
    source: random.Random, relation: str, limits: dict[str, tuple[int, int]]
) -> tuple[str, str, float]:
    path = source.choice(sorted(limits))
    return path, relation, source.randint(*limits[path])


def _middle(table: Table, path: str) -> float:
    known = [value for own in table.values() if (value := own[path]) is not None]
    return round(sum(known) / len(known), 2)


def _table(
    source: random.Random,
    servers: Sequence[_Server],
    must: Sequence[tuple[str, str, float]],
    goal: tuple[str, str],
) -> Table:
    base = source.uniform(10, 40)
    table = {}
    for name, (times, reach, signs) in zip(
        source.sample(_NAMES, len(servers)), servers, strict=True
    ):
        own = _spread(goal, base, times, reach)
        for (path, relation, limit), sign in zip(must, signs, strict=True):
            if sign != "x":
                own[path] = _figure(limit, relation, sign)
        table[name] = own
        if times and not reach:
            ends = ("min", "max") if goal[1] == "least" else ("max", "min")
            own[f"{goal[0]}/{ends[0]}"] = next(iter(table.values()))[f"{goal[0]}/{ends[1]}"]
    return {name: table[name] for name in source.sample(list(table), len(table))}


def _figure(limit: float, relation: str, sign: str) -> float | None:
    if sign in "?0=":
        return {"?": None, "0": 0, "=": limit}[sign]
    less = (sign == "+") == (relation == "at most")
    return round(limit * 0.7, 1) if less else round(limit * 1.4, 1) or 3


def _spread(goal: tuple[str, str], base: float, times: float | None, reach: float) -> Figures:
    """Return the goal's median, min and max; unmeasured as None, or with no path if reach is 1."""
    path, wish = goal
    if times is None:
        return {} if reach else {f"{path}/{part}": None for part in ("median", "min", "max")}
    values = [base * times * (1 + shift) for shift in (0, -reach, reach)]
    if wish == "most":
        values = [2000 / values[0], 2000 / values[2], 2000 / values[1]]
    parts = zip(("median", "min", "max"), values, strict=True)
    return {f"{path}/{part}": round(value, 3) for part, value in parts}


def measured_case(source: random.Random, table: Table) -> Case:
    """Return needs for figures that were really measured; the limits are some of the figures."""

    def known(path: str) -> list[float]:
        return sorted({value for own in table.values() if (value := own.get(path)) is not None})

    relations = dict.fromkeys(_AT_MOST, "at most") | dict.fromkeys(_AT_LEAST, "at least")
    paths = [path for path in relations if known(path)]
    must = [(path, relations[path], source.choice(known(path))) for path in source.sample(paths, 2)]
    # With two equal medians it would be open which server is the best.
    goals = [
        (path, wish)
        for wish, some in _GOALS.items()
        for path in some
        if len(known(f"{path}/median")) == len(table)
    ]
    return "the committed figures", table, {"must": must, "goal": source.choice(goals)}
