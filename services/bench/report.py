"""Turn a result of the comparison into tables and plots."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from services.bench.peers import CORE, PEERS, TITLES
from services.bench.run import FORMAT
from services.workbench.plots import COLORS, STYLE

COMMITTED = Path(__file__).with_name("results") / "bench.json"
"""The result that ships with the repository; notebook 10 plots it."""

NOT_MEASURED = "not measured here"

Result = Mapping[str, Any]
Table = tuple[tuple[str, ...], list[tuple[Any, ...]]]
"""The headings, and the rows."""


def load(path: Path = COMMITTED) -> Result:
    """Read a result; "make bench" makes one.

    Raises FileNotFoundError if there is none, and ValueError if it has another format than this
    code reads.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no result; run: make bench")
    result: Result = json.loads(path.read_text(encoding="utf-8"))
    if result["format"] != FORMAT:
        raise ValueError(
            f"format {result['format']}; this code reads format {FORMAT}; run: make bench"
        )
    return result


def servers_of(result: Result) -> list[str]:
    """Return the names of the servers that took part, in the order of the tables."""
    return [name for name in PEERS if name in result["peers"]]


def conditions(result: Result) -> str:
    """Describe in a few lines the machine, its packages and its load."""
    machine = result["machine"]
    plan = result["plan"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return (
        f"{machine['cores']} cores of {machine['processor']}, {machine['memory_gib']} GiB, "
        f"{machine['system']}, Python {machine['python']}\n"
        f"{packages}\n"
        f"requests sent by {machine['client']}; {plan['rounds']} rounds of {plan['requests']} "
        f"requests each, {plan['null_requests']} with the null model\n"
        f"load average: {machine['load_before']} before, {machine['load_after']} at the end"
    )


def speed(result: Result, kind: str = "real") -> Table:
    """Return latency and throughput at each concurrency, with their ranges.

    *kind* is "real" for the detector, "null" for the network that computes nothing.
    """
    counts = [str(count) for count in result["plan"]["concurrency"]]
    head = [
        "server",
        *(f"{name} in ms, {count} at a time" for count in counts for name in ("p50", "p99")),
    ]
    head += [f"answers per second, {count} at a time" for count in counts]
    rows = []
    for name in (CORE, *servers_of(result)):
        figures = result["peers"][name][kind]
        cells = [_range(figures[count][which]) for count in counts for which in ("p50", "p99")]
        cells += [_range(figures[count]["rate"]) for count in counts]
        rows.append((TITLES[name], *cells))
    return tuple(head), rows


def overhead(result: Result) -> Table:
    """Return what a server adds to the bare core, one request at a time."""
    rows = []
    for name in servers_of(result):
        real, null = added(result, name), added(result, name, "null")
        rows.append((TITLES[name], f"{real:.1f}", f"{null:.1f}", _times(result, name)))
    head = ("server", "ms added to the detector", "ms added to the null model", "factor")
    return head, rows


def processor_time(result: Result, kind: str = "real") -> Table:
    """Return the processor time per answer, and its ratio to the bare core's.

    It depends less on what else the machine does than a rate, and it is what a bill counts.
    """
    counts = [str(count) for count in result["plan"]["concurrency"]]
    core = {count: result["peers"][CORE][kind][count]["cpu"]["median"] for count in counts}
    rows = []
    for name in (CORE, *servers_of(result)):
        spent = {count: result["peers"][name][kind][count]["cpu"] for count in counts}
        cells = [_range(spent[count]) for count in counts]
        cells += [f"{spent[count]['median'] / core[count]:.2f} times" for count in counts]
        rows.append((TITLES[name], *cells))
    head = ["server", *(f"CPU ms per answer, {count} at a time" for count in counts)]
    head += [f"of the core's, {count} at a time" for count in counts]
    return tuple(head), rows


def added(result: Result, name: str, kind: str = "real") -> float:
    """Return by how many milliseconds a server's p50 exceeds the bare core's, one at a time."""
    return float(_p50(result, name, kind) - _p50(result, CORE, kind))


def _p50(result: Result, name: str, kind: str) -> float:
    return float(result["peers"][name][kind]["1"]["p50"]["median"])


def _times(result: Result, name: str) -> str:
    return f"{_p50(result, name, 'real') / _p50(result, CORE, 'real'):.2f} times"


def offers(result: Result) -> Table:
    """Return everything about a server except its speed."""
    rows = []
    for name in servers_of(result):
        peer = result["peers"][name]
        row = {
            "server": TITLES[name],
            "seconds to ready": _range(peer["start_seconds"]),
            "memory in MiB (PSS)": peer["memory"]["pss_mib"] or peer["memory"]["rss_mib"],
            "processes": peer["memory"]["processes"],
            "adapter, lines": peer["lines"]["adapter"],
            "support, lines": peer["lines"]["support"],
            "POST endpoints": len(peer["endpoints"]["posts"]) or "not described",
            "pages": len(peer["endpoints"]["answers"]),
            "own metrics": len(own_metrics(peer["metrics"])),
            "bad input with a hint": f"{helped(result, name)} of {len(peer['bad_input'])}",
            "image": f"{peer['image_mib']} MiB" if peer["image_mib"] else NOT_MEASURED,
            "batching": peer["batching"],
        }
        rows.append(tuple(row.values()))
    return tuple(row), rows


def transposed(table: Table) -> Table:
    """Return a table with its rows as columns; easier to read if there are many columns."""
    head, rows = table
    turned = [(name, *(row[place] for row in rows)) for place, name in enumerate(head) if place]
    return ("measured", *(str(row[0]) for row in rows)), turned


def own_metrics(names: list[str]) -> list[str]:
    """Leave out the metrics that Prometheus's library exports for every Python process."""
    return [
        n for n in names if not n.startswith(("process_", "python_")) and not n.endswith("_created")
    ]


def helped(result: Result, name: str) -> int:
    """Return how many kinds of bad input get a 4xx that says what to change."""
    found = result["peers"][name]["bad_input"].values()
    return sum(case["verdict"] == "helps" for case in found)


def bad_input(result: Result) -> Table:
    """Return status and verdict of each bad request to each server."""
    names = servers_of(result)
    kinds = list(result["peers"][names[0]]["bad_input"])
    rows = []
    for name in names:
        cases = result["peers"][name]["bad_input"]
        cells = [f"{cases[kind]['status'] or '-'} {cases[kind]['verdict']}" for kind in kinds]
        rows.append((TITLES[name], *cells))
    return ("server", *kinds), rows


def sigterm(result: Result) -> Table:
    """Return what became of the requests that were in flight at SIGTERM."""
    rows = []
    for name in servers_of(result):
        if ends := result["peers"][name].get("sigterm"):
            sums = [sum(end[key] for end in ends) for key in ("sent", "before", "answered")]
            under_way, answered = sums[0] - sums[1], sums[2] - sums[1]
            refused, lost = (sum(end[key] for end in ends) for key in ("refused", "lost"))
            times = [end["seconds"] for end in ends]
            gone = "not gone" if None in times else str(max(times))
            rows.append((TITLES[name], len(ends), under_way, answered, refused, lost, gone))
    head = ("server", "ends", "under way", "answered", "refused", "lost", "seconds to end, at most")
    return head, rows


def lost(result: Result) -> dict[str, int]:
    """Return how many requests each server lost, over all its stops."""
    return {str(row[0]): int(row[5]) for row in sigterm(result)[1]}


def text(result: Result) -> str:
    """Return all tables as plain text."""
    parts = [conditions(result)]
    for title, (head, rows) in (
        ("with the detector", speed(result)),
        ("with the null model", speed(result, "null")),
        ("over the bare core", overhead(result)),
        ("processor time with the detector", processor_time(result)),
        ("processor time with the null model", processor_time(result, "null")),
        ("besides speed", offers(result)),
        ("bad input", bad_input(result)),
        ("SIGTERM under load", sigterm(result)),
    ):
        lines = [" | ".join(str(cell) for cell in row) for row in (head, *rows)]
        parts.append("\n".join([f"-- {title}", *lines]))
    return "\n\n".join(parts)


def figures(result: Result) -> dict[str, Figure]:
    """Return all plots by name."""
    return {
        "throughput": throughput(result),
        "latency": latency(result),
        "null_and_real": null_and_real(result),
    }


def throughput(result: Result, kind: str = "real") -> Figure:
    """Draw answers per second at each concurrency, with the range over the rounds."""
    return _bars(result, kind, "rate", "answers per second", "Throughput")


def latency(result: Result) -> Figure:
    """Draw the median latency at each concurrency, with the range over the rounds."""
    return _bars(result, "real", "p50", "median latency in milliseconds", "Latency")


def null_and_real(result: Result) -> Figure:
    """Draw the time of one request, with the null model and with the detector."""
    names = [CORE, *servers_of(result)]
    with mpl.rc_context(STYLE):
        fig = Figure((8, 0.8 + 0.5 * len(names)), layout="constrained")
        axes = fig.subplots()
        places = np.arange(len(names))
        for shift, kind, label in ((-0.2, "null", "null model"), (0.2, "real", "detector")):
            values = [_p50(result, name, kind) for name in names]
            color = COLORS["orange"] if kind == "null" else COLORS["blue"]
            bars = axes.barh(places + shift, values, height=0.38, label=label, color=color)
            axes.bar_label(bars, [f"{value:.1f}" for value in values], padding=3, fontsize=9)
        axes.set_yticks(places, [TITLES[name] for name in names])
        axes.invert_yaxis()
        axes.set_xlabel("median milliseconds per request, one at a time")
        axes.set_title("Time of one request with the null model and with the detector")
        axes.legend(frameon=False, loc="lower right")
    return fig


def _bars(result: Result, kind: str, which: str, xlabel: str, title: str) -> Figure:
    names = [CORE, *servers_of(result)]
    counts = [str(count) for count in result["plan"]["concurrency"]]
    height = 0.8 / len(counts)
    colors = ["sky", "blue", "orange"]
    with mpl.rc_context(STYLE):
        fig = Figure((8, 0.8 + 0.55 * len(names)), layout="constrained")
        axes = fig.subplots()
        places = np.arange(len(names))
        for index, count in enumerate(counts):
            found = [result["peers"][name][kind][count][which] for name in names]
            values = [each["median"] for each in found]
            low = [each["median"] - each["min"] for each in found]
            high = [each["max"] - each["median"] for each in found]
            axes.barh(
                places + (index - (len(counts) - 1) / 2) * height,
                values,
                height=0.9 * height,
                xerr=(low, high),
                color=COLORS[colors[index % len(colors)]],
                error_kw={"ecolor": COLORS["ink"], "elinewidth": 1},
                label=f"{count} at a time",
            )
        axes.set_yticks(places, [TITLES[name] for name in names])
        axes.invert_yaxis()
        axes.set_xlabel(xlabel)
        axes.set_title(title)
        fig.legend(frameon=False, loc="outside lower right", ncols=len(counts))
    return fig


def _range(value: Mapping[str, float]) -> str:
    return f"{value['median']:.1f} ({value['min']:.1f} to {value['max']:.1f})"
