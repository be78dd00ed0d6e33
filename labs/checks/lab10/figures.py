"""What lab 10 chooses by: the figures of a comparison, flat, each under a path."""

from __future__ import annotations

from services.bench import report

Figures = dict[str, float | None]
"""One server's figures by path; None, or no path at all, where nothing was measured."""

Table = dict[str, Figures]
"""The figures of every server by its name."""


def figures(result: report.Result) -> Table:
    """Return what *result* says of every server, the bare core left out.

    Parameters
    ----------
    result : Result
        Of :func:`services.bench.report.load`.

    Returns
    -------
    dict of str to dict
        For each server a figure by path: ``"real/16/p99/median"`` in ms,
        ``"real/16/rate/min"`` in answers a second, ``"start_seconds/max"``,
        ``"memory/pss_mib"``, ``"sigterm/lost"``, and so on. What was not measured is None.
    """
    return {name: _figures(result, name) for name in report.servers_of(result)}


def _figures(result: report.Result, name: str) -> Figures:
    peer = result["peers"][name]
    spreads = {"start_seconds": peer["start_seconds"]}
    for kind in ("real", "null"):
        for count, found in peer[kind].items():
            spreads |= {f"{kind}/{count}/{which}": spread for which, spread in found.items()}
    flat: Figures = {
        f"{path}/{part}": spread[part]
        for path, spread in spreads.items()
        for part in ("median", "min", "max")
    }
    ends = peer.get("sigterm")
    return flat | {
        "memory/pss_mib": peer["memory"]["pss_mib"],
        "memory/processes": peer["memory"]["processes"],
        "lines/adapter": peer["lines"]["adapter"],
        "lines/support": peer["lines"]["support"],
        "metrics/own": len(report.own_metrics(peer["metrics"])),
        "bad_input/helped": report.helped(result, name),
        "protocols/v2": int("/v2/health/ready" in peer["endpoints"]["answers"]),
        "sigterm/lost": sum(end["lost"] for end in ends) if ends else None,
        "image_mib": peer["image_mib"],
    }
