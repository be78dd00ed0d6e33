"""Lab 10's made-up comparisons, and who is to be chosen by them.

Every server of a table plays a part, so that each usual mistake leads to another server.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labs.checks.lab10_figures import Figures, Table

Needs = Mapping[str, Any]

NAMES = ["alder", "birch", "cedar", "elm", "fir", "hazel", "larch", "maple", "oak", "pine"]

AT_MOST, AT_LEAST = "at most", "at least"
LEAST, MOST = "least", "most"

MUST = {
    "memory/pss_mib": (AT_MOST, 150, 900),
    "start_seconds/max": (AT_MOST, 10, 30),
    "lines/adapter": (AT_MOST, 60, 300),
    "lines/support": (AT_MOST, 100, 800),
    "null/1/p50/median": (AT_MOST, 10, 30),
    "real/4/p99/max": (AT_MOST, 60, 300),
    "real/4/rate/min": (AT_LEAST, 60, 200),
    "metrics/own": (AT_LEAST, 20, 40),
}
"""What may be asked for, in which direction, and from which limit to which."""

GOALS = {
    "real/1/p50": LEAST,
    "real/1/p99": LEAST,
    "real/16/p99": LEAST,
    "real/16/rate": MOST,
    "real/1/rate": MOST,
}

COUNTED = ("lines/", "metrics/", "memory/", "sigterm/")

PARTS = {
    "first": (1.0, 0.05),
    "half": (1.3, 0.12),
    "unknown": (1.4, 0.10),
    "right": (1.6, 0.12),
    "near": (1.66, 0.12),
    "wide": (1.7, 0.20),
    "narrow": (1.71, 0.03),
    "touching": (1.95, 0.10),
    "far": (2.0, 0.10),
}
"""How many times the goal's best median each part has, and how far its range reaches.

``first`` meets no need, ``half`` all but the last, and of ``unknown`` one figure was not measured.
``right`` is at the limit of one need. ``near`` comes next, ``wide`` is better at its best,
``narrow`` at its worst, and the range of ``touching`` begins where that of ``right`` ends: these
four cannot be told apart from it, ``far`` can.
"""


def value_of(figures: Figures, path: str, bend: str = "") -> float | None:
    """Return a figure, None where nothing was measured."""
    value = figures.get(path)
    return None if bend == "zero" and not value else value


def missed(figures: Figures, needs: Needs, bend: str = "") -> list[str]:
    """Return the paths of the needs that a server does not meet, the goal's too if unmeasured."""
    if bend == "regardless":
        return []
    found = []
    for path, relation, limit in needs["must"]:
        value = value_of(figures, path, bend)
        if value is None:
            meets = bend == "unmeasured"
        elif bend == "strict":
            meets = value < limit if relation == AT_MOST else value > limit
        else:
            meets = value <= limit if relation == AT_MOST else value >= limit
        if not meets:
            found.append(path)
    if bend == "any_need" and len(found) < len(needs["must"]):
        found = []
    median = f"{needs['goal'][0]}/median"
    return found if value_of(figures, median) is not None else [*found, median]


def choose(table: Table, needs: Needs, bend: str = "") -> dict[str, Any]:
    """Return what is to be chosen; *bend* names a mistake that is made on purpose."""
    goal, wish = needs["goal"]
    refused = {name: missed(figures, needs, bend) for name, figures in table.items()}
    fit = [name for name, paths in refused.items() if not paths]
    refused = {name: paths for name, paths in refused.items() if paths}
    if not fit:
        return {"server": None, "equal": [], "reasons": [], "refused": refused}

    def median(name: str) -> float:
        return table[name][f"{goal}/median"] or 0.0

    first = (max if (wish == MOST) != (bend == "wrong_way") else min)(fit, key=median)
    paths = [*(path for path, *_ in needs["must"]), f"{goal}/median"]
    return {
        "server": first,
        "equal": sorted(
            name for name in fit if name != first and overlap(table, goal, name, first)
        ),
        "reasons": [[path, table[first].get(path)] for path in paths],
        "refused": refused,
    }


def overlap(table: Table, goal: str, one: str, other: str) -> bool:
    """Say whether the ranges of two servers have a value in common."""
    ends = [table[name].get(f"{goal}/{end}") for end in ("min", "max") for name in (one, other)]
    measured = [end for end in ends if end is not None]
    return len(measured) == 4 and max(measured[:2]) <= min(measured[2:])


@dataclass(frozen=True)
class Case:
    """A table, needs, and who plays which part; ``about`` says it to the learner."""

    about: str
    table: Table
    needs: Needs
    parts: Mapping[str, str]


def case(
    source: random.Random,
    about: str,
    *,
    wish: str,
    zero: bool = False,
    silent: bool = False,
    fit: bool = True,
) -> Case:
    """Make a table and needs.

    Parameters
    ----------
    source : random.Random
    about : str
        The case in words.
    wish : {"least", "most"}
        What is good of the goal.
    zero : bool
        Whether a figure of the right server is 0, which is a figure.
    silent : bool
        Whether there is a server whose goal was not measured.
    fit : bool
        Whether any server meets the needs.
    """
    goal = source.choice([path for path, good in GOALS.items() if good == wish])
    paths = source.sample(sorted(MUST), 3)
    must = [_need(source, path) for path in paths]
    if zero:
        must[source.randrange(3)] = ("sigterm/lost", AT_MOST, source.randint(2, 4))
    needs = {"must": must, "goal": (goal, wish)}
    names = source.sample(NAMES, len(PARTS) + silent)
    parts = dict(zip([*PARTS, "silent"], names, strict=False))
    table = {}
    exact = source.randrange(len(must))
    base = source.uniform(10, 40)
    for part, name in parts.items():
        figures = _anything(source)
        figures |= _spread(goal, base, wish, *PARTS.get(part, (1.5, 0.1)))
        for number, (path, relation, limit) in enumerate(must):
            last = number == len(must) - 1
            misses = part == "first" or (last and (part == "half" or not fit))
            figures[path] = _figure(source, relation, limit, misses=misses)
            if part == "right" and not misses and (limit < 10 or number == exact):
                figures[path] = 0 if limit < 10 else limit
        if part == "unknown":
            _forget(source, figures, source.choice(must)[0])
        if part == "silent":
            for value in ("median", "min", "max"):
                figures[f"{goal}/{value}"] = None
        table[name] = figures
    near, end = (f"{goal}/{part}" for part in (("min", "max") if wish == LEAST else ("max", "min")))
    table[parts["touching"]][near] = table[parts["right"]][end]
    return Case(about, {name: table[name] for name in sorted(table)}, needs, parts)


def _need(source: random.Random, path: str) -> tuple[str, str, float]:
    relation, low, high = MUST[path]
    return path, relation, _rounded(path, source.uniform(low, high))


def _figure(source: random.Random, relation: str, limit: float, *, misses: bool) -> float:
    """Return a figure that meets a need, or does not, and is not near the limit."""
    if limit < 10:  # the need with a 0 in it
        low, high = (limit + 1, limit + 9) if misses else (0, limit - 1)
        return source.randint(int(low), int(high))
    factor = source.uniform(1.2, 2) if misses == (relation == AT_MOST) else source.uniform(0.5, 0.8)
    return int(limit * factor) if isinstance(limit, int) else round(limit * factor, 1)


def _forget(source: random.Random, figures: Figures, path: str) -> None:
    if source.random() < 0.5:
        del figures[path]
    else:
        figures[path] = None


def _spread(goal: str, base: float, wish: str, times: float, reach: float) -> Figures:
    middle, low, high = (base * times * (1 + shift) for shift in (0, -reach, reach))
    if wish == MOST:
        middle, low, high = (2000 / value for value in (middle, high, low))
    values = zip(("median", "min", "max"), (middle, low, high), strict=True)
    return {f"{goal}/{part}": round(value, 3) for part, value in values}


def _anything(source: random.Random) -> Figures:
    """Return figures that mean nothing, for all paths."""
    figures: Figures = {}
    for path in GOALS:
        figures |= _spread(path, source.uniform(10, 40), LEAST, source.uniform(1, 3), 0.1)
    for path, (_, low, high) in MUST.items():
        figures[path] = _rounded(path, source.uniform(low, high))
    return figures | {"sigterm/lost": source.randint(0, 9)}


def _rounded(path: str, value: float) -> float:
    return round(value) if path.startswith(COUNTED) else round(value, 1)


def real_case(source: random.Random, table: Table) -> Case:
    """Return needs of which some are at a limit, for a table that was really measured."""

    def known(path: str) -> list[float]:
        return sorted({value for f in table.values() if (value := f.get(path)) is not None})

    paths = [path for path in MUST if known(path)]
    must = [
        (path, MUST[path][0], source.choice(known(path)))
        for path in source.sample(paths, min(2, len(paths)))
    ]
    # Two equal medians would leave open who comes first.
    goals = [path for path in GOALS if len(known(f"{path}/median")) == len(table)]
    goal = source.choice(goals)
    needs = {"must": must, "goal": (goal, GOALS[goal])}
    return Case("the committed figures", table, needs, {})
