"""lab14.ex3: Choose for a machine."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from labs.checks import pure_functions
from labs.engine import Context

Row = dict[str, Any]
Needs = dict[str, Any]


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Compare ``choose(table, needs)`` for random measurements and machines."""
    cases = list(_cases(context.random))
    pure_functions.compare(
        context,
        answer,
        cases,
        _choose,
        what="choose(table, needs)",
        where=_described,
        wrong=_WRONG,
        tolerance=1e-9,
    )
    context.note(machines=len(cases))


# What is special about a machine, and the needs that make it so: a number of cores, or where in the
# order of the table's figures a limit is (0.5: the middle; below 0: beyond all of them).
_CHANGES: dict[str, dict[str, float]] = {
    "all fit": {},
    "few cores": {"cores": 3},
    "a single core": {"cores": 1},
    "little memory": {"mib": 0.5},
    "a short p99": {"p99": 0.5},
    "every card counts": {"found": 0.5},
    "nothing fits": {"mib": -1},
}


def _described(about: str, table: list[Row], needs: Needs) -> str:
    rows = "; ".join(" ".join(str(value) for value in row.values()) for row in table)
    return f"{about}; needs {needs}; rows ({', '.join(table[0]) if table else 'none'}): {rows}"


def _cases(draw: random.Random) -> Iterator[pure_functions.Case]:
    for _ in range(2):
        for about, change in _CHANGES.items():
            table = _table(draw)
            needs = _needs(draw, table, change)
            yield about, table, needs
        # The load is a multiple of the best rate: exactly so many machines.
        table = _table(draw)
        needs = _needs(draw, table, {})
        best = _best(table, needs)
        assert best is not None
        yield "a load of whole machines", table, needs | {"load": 3 * best["rate"]}
        for name in ("mib", "p99", "found"):
            yield f"the limit of {name} is just met", table, needs | {name: best[name]}
    yield "no measurements", [], _needs(draw, _table(draw), {})


def _table(draw: random.Random) -> list[Row]:
    """Return measurements of a machine with 4 cores, each rate different."""
    base = draw.randint(20, 60)
    rows: list[Row] = []
    for backend, faster, found in (("onnx", 1.0, 0.9), ("int8", 1.6, 0.88), ("torch", 0.7, 0.9)):
        for workers, threads in ((1, 1), (1, 2), (2, 1), (1, 4), (2, 2), (4, 1), (4, 4)):
            rate = base * faster * workers * threads**0.7 * draw.uniform(0.95, 1.05)
            row = {
                "backend": backend,
                "workers": workers,
                "threads": threads,
                "rate": round(rate),
                "p99": round(1400 * workers / rate * draw.uniform(1, 1.4)),
                "mib": (90 if backend != "torch" else 400) * workers + draw.randint(0, 40),
                "found": round(found + draw.uniform(-0.005, 0.005), 3),
            }
            if row["rate"] not in [other["rate"] for other in rows]:
                rows.append(row)
    return draw.sample(rows, len(rows))


def _needs(draw: random.Random, table: list[Row], change: dict[str, float]) -> Needs:
    """Return needs whose limits are figures of the table: the widest, unless changed."""

    def limit(name: str, widest: Callable[[Any], Any]) -> Any:
        share = change.get(name)
        if share is None:
            return widest(row[name] for row in table)
        if share < 0:
            return min(row[name] for row in table) - 1
        return sorted(row[name] for row in table)[int(share * len(table))]

    return {
        "cores": int(change.get("cores", 4)),
        "mib": limit("mib", max),
        "p99": limit("p99", max),
        "found": limit("found", min),
        "load": draw.randint(150, 900),
        "usd": round(draw.uniform(0.05, 1.5), 3),
    }


def _best(
    table: list[Row],
    needs: Needs,
    *,
    cores: bool = True,
    strict: bool = False,
    by_p99: bool = False,
) -> Row | None:
    def within(value: float, limit: float) -> bool:
        return value < limit if strict else value <= limit

    fitting = [
        row
        for row in table
        if (not cores or within(row["workers"] * row["threads"], needs["cores"]))
        and within(row["mib"], needs["mib"])
        and within(row["p99"], needs["p99"])
        and within(needs["found"], row["found"])
    ]
    if by_p99:
        return min(fitting, key=lambda row: row["p99"], default=None)
    return max(fitting, key=lambda row: row["rate"], default=None)


def _choose(
    table: list[Row],
    needs: Needs,
    *,
    count: Callable[[float], float] = math.ceil,
    full_load: bool = False,
    **options: bool,
) -> Row | None:
    """Return what ``choose`` should; each option makes a mistake."""
    best = _best(table, needs, **options)
    if best is None:
        return None
    machines = count(needs["load"] / best["rate"])
    answers = machines * best["rate"] if full_load else needs["load"]
    return {
        "backend": best["backend"],
        "workers": best["workers"],
        "threads": best["threads"],
        "machines": machines,
        "usd": 1000 * machines * needs["usd"] / (3600 * answers),
    }


_WRONG: pure_functions.Wrong = [
    ("over_cores", partial(_choose, cores=False)),
    ("strict", partial(_choose, strict=True)),
    ("lowest_p99", partial(_choose, by_p99=True)),
    ("part_of_a_machine", partial(_choose, count=lambda machines: machines)),
    ("part_of_a_machine", partial(_choose, count=math.floor)),
    ("part_of_a_machine", partial(_choose, count=round)),
    ("at_full_load", partial(_choose, full_load=True)),
]
