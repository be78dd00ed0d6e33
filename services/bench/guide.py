"""What follows from a result: the best server for each need, and which are just as good."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.bench.numbers import Spread
from services.bench.peers import TITLES
from services.bench.report import Result, Table, added, own_metrics, servers_of

Value = Callable[[Mapping[str, Any]], Spread]


def best(result: Result, value: Value, *, most: bool = False) -> list[str]:
    """Return the server with the best median, then those whose range overlaps its range.

    If the ranges of two servers overlap, each was the better one at times; calling one of them
    faster would be an opinion. *value* takes a server's part of the result and returns a quantity
    with its range, of which *most* or least is best.
    """
    found = {name: value(result["peers"][name]) for name in servers_of(result)}
    ranked = sorted(found, key=lambda name: found[name]["median"], reverse=most)
    first = found[ranked[0]]
    return [
        name
        for name in ranked
        if found[name]["min"] <= first["max"] and found[name]["max"] >= first["min"]
    ]


def counted(count: float) -> Spread:
    """Return a counted quantity, which has no range."""
    return {"median": count, "min": count, "max": count, "n": 1}


def guide(result: Result) -> Table:
    """Return the decision guide: for each need the best server, and the figures behind it."""
    busiest = str(max(result["plan"]["concurrency"]))

    def speed(count: str, which: str) -> Value:
        return lambda peer: peer["real"][count][which]

    rows = []
    needs: tuple[tuple[str, Value, bool, int, str], ...] = (
        ("low latency, one request at a time", speed("1", "p50"), False, 1, "ms"),
        (f"high throughput, {busiest} clients", speed(busiest, "rate"), True, 0, "per second"),
        (f"few slow answers, {busiest} clients", speed(busiest, "p99"), False, 0, "ms, p99"),
        ("little memory", lambda p: counted(_memory(p)), False, 0, "MiB"),
        ("a fast start, to scale from zero", lambda p: p["start_seconds"], False, 1, "seconds"),
        ("little new code", lambda p: counted(p["lines"]["adapter"]), False, 0, "lines"),
        ("little code to maintain in total", lambda p: counted(sum(p["lines"].values())), False, 0,
         "lines"),
        ("metrics without extra code", lambda p: counted(len(own_metrics(p["metrics"]))), True, 0,
         "metrics"),
    )  # fmt: skip
    for need, value, most, digits, unit in needs:

        def figure(name: str, value: Value = value, digits: int = digits) -> str:
            return f"{value(result['peers'][name])['median']:.{digits}f}"

        names = best(result, value, most=most)
        worst = _worst(result, value, most)
        measured = ", ".join(map(figure, names))
        rows.append((need, _named(names), measured, unit, f"{TITLES[worst]}: {figure(worst)}"))
    return ("you need", "take", "measured", "unit", "worst"), rows


def _memory(peer: Mapping[str, Any]) -> float:
    return float(peer["memory"]["pss_mib"] or peer["memory"]["rss_mib"])


def _worst(result: Result, value: Value, most: bool) -> str:
    pick = min if most else max
    return pick(servers_of(result), key=lambda name: value(result["peers"][name])["median"])


def _named(names: list[str]) -> str:
    return " or ".join(TITLES[name] for name in names)


def share_of_server(result: Result, name: str) -> float:
    """Return the share of one request's time that the server adds to the bare core's, 0 to 1."""
    core = result["peers"]["core"]["real"]["1"]["p50"]["median"]
    extra = added(result, name)
    return max(0.0, extra / (core + extra))
