"""Plots of drift, in the style of :mod:`.plots`.

Each function returns a figure, to be shown with :func:`services.workbench.show.figure`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from services.drift.distance import Bins
from services.workbench.plots import COLORS, STYLE

LINES = ("blue", "orange", "green", "pink", "sky", "grey")


@mpl.rc_context(STYLE)
def psi_against_size(table: pd.DataFrame, *, width: float = 7.0) -> Figure:
    """Draw what PSI two samples of one distribution have, and the two thresholds of habit.

    Parameters
    ----------
    table : pandas.DataFrame
        Of :func:`services.drift.lessons.psi_of_nothing`.
    width : float, default 7.0
        Width of the figure in inches, above 0.
    """
    fig = Figure((width, 3.8), layout="constrained")
    axes = fig.subplots()
    axes.fill_between(table.index, table.low, table.high, color=COLORS["blue"], alpha=0.2,
                      linewidth=0, label="nine of ten pairs")  # fmt: skip
    axes.plot(table.index, table["median"], ".-", color=COLORS["blue"], label="median")
    axes.plot(table.index, table.limit, ":", color=COLORS["ink"], label="limit by theory, 5 %")
    for level in (0.1, 0.25):
        axes.axhline(level, color=COLORS["orange"], linewidth=1.2, linestyle="--")
        axes.annotate(f"{level}", (1, level), (4, 0), xycoords=("axes fraction", "data"),
                      textcoords="offset points", va="center", color=COLORS["orange"])  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="requests in each sample", ylabel="PSI")
    axes.set_title("PSI of two samples between which nothing changed")
    _finish(axes)
    return fig


@mpl.rc_context(STYLE)
def ks_against_size(table: pd.DataFrame, *, width: float = 9.5) -> Figure:
    """Draw how sure a test gets of a shift that does not matter, and how large it stays.

    Parameters
    ----------
    table : pandas.DataFrame
        Of :func:`services.drift.lessons.ks_of_next_to_nothing`.
    width : float, default 9.5
        Width of the figure in inches, above 0.
    """
    fig = Figure((width, 3.4), layout="constrained")
    left, right = fig.subplots(1, 2)
    left.plot(table.index, table.significant, ".-", color=COLORS["blue"])
    left.axhline(0.05, color=COLORS["grey"], linewidth=1.2, linestyle="--")
    left.set(ylim=(0, 1.03), ylabel="share of tests with p < 0.05", title="How sure it is")
    right.plot(table.index, table.statistic, ".-", color=COLORS["blue"], label="measured")
    right.plot(table.index, table.distance, ":", color=COLORS["ink"], label="true")
    right.set(ylim=(0, None), ylabel="largest distance", title="How far apart they are")
    for axes in (left, right):
        axes.set(xscale="log", xlabel="requests in each sample")
        axes.grid(color=COLORS["grey"], alpha=0.2)
    right.legend(frameon=False)
    return fig


@mpl.rc_context(STYLE)
def alarms_against_features(table: pd.DataFrame, *, width: float = 7.0) -> Figure:
    """Draw how often at least one of many unchanged features looks drifted.

    Parameters
    ----------
    table : pandas.DataFrame
        Of :func:`services.drift.lessons.alarms_by_features`.
    width : float, default 7.0
        Width of the figure in inches, above 0.
    """
    fig = Figure((width, 3.6), layout="constrained")
    axes = fig.subplots()
    axes.plot(table.index, table.unadjusted, ".-", color=COLORS["orange"], label="each p as it is")
    axes.plot(table.index, table.expected, ":", color=COLORS["ink"], label="by theory")
    axes.plot(table.index, table.adjusted, ".-", color=COLORS["blue"],
              label="adjusted for the number of features")  # fmt: skip
    axes.set(ylim=(0, 1), xlim=(0, None), xlabel="features tested, none of which changed")
    axes.set(ylabel="share of days with an alarm", title="Look often enough and something drifts")
    _finish(axes)
    return fig


@mpl.rc_context(STYLE)
def psi_over_requests(
    looks: pd.DataFrame,
    limits: Mapping[str, float],
    *,
    change: int | None = None,
    title: str = "",
    width: float = 8.0,
) -> Figure:
    """Draw each feature's PSI as a share of its limit, look by look.

    Parameters
    ----------
    looks : pandas.DataFrame
        Of :meth:`services.drift.monitor.DriftMonitor.scan`.
    limits : mapping of str to float
        The monitor's.
    change : int, optional
        After how many requests something changed; it is marked.
    title : str, optional
        Heading.
    width : float, default 8.0
        Width of the figure in inches, above 0.

    Raises
    ------
    ValueError
        If there is no look to draw.
    """
    if looks.empty:
        raise ValueError("there is no look to draw: fewer requests than a window")
    fig = Figure((width, 3.6), layout="constrained")
    axes = fig.subplots()
    ratios = looks / pd.Series(limits)
    for place, name in enumerate(looks.columns):
        color = COLORS[LINES[place % len(LINES)]]
        axes.plot(ratios.index, ratios[name], color=color, label=str(name))
    axes.axhline(1, color=COLORS["ink"], linewidth=1.2, linestyle="--")
    axes.annotate("alarm", (1, 1), (4, 0), xycoords=("axes fraction", "data"),
                  textcoords="offset points", va="center")  # fmt: skip
    if change is not None:
        axes.axvline(change, color=COLORS["grey"], linewidth=1.2, linestyle="--")
        axes.annotate("change", (change, 1), (0, 3), xycoords=("data", "axes fraction"),
                      textcoords="offset points", ha="center", fontsize=9)  # fmt: skip
    axes.set(ylim=(0, None), xlabel="requests", ylabel="PSI, times its limit")
    axes.set_title(title, pad=18 if change is not None else 6)
    _finish(axes)
    return fig


@mpl.rc_context(STYLE)
def shares(
    reference: pd.Series, current: pd.Series, *, title: str = "", width: float = 8.0
) -> Figure:
    """Draw the shares that PSI compares, bin by bin.

    Parameters
    ----------
    reference, current : pandas.Series
        One feature of both samples, not empty. Empty bins are left out.
    title : str, optional
        Heading.
    width : float, default 8.0
        Width of the figure in inches, above 0.
    """
    bins = Bins.of(reference)
    both = np.array([bins.counts(each) / len(each) for each in (reference, current)])
    used = both.sum(axis=0) > 0
    labels = [label for label, there in zip(bins.labels, used, strict=True) if there]
    places = np.arange(len(labels))
    fig = Figure((width, 3.4), layout="constrained")
    axes = fig.subplots()
    axes.bar(places - 0.2, both[0, used], 0.4, color=COLORS["blue"], label="reference")
    axes.bar(places + 0.2, both[1, used], 0.4, color=COLORS["orange"], label="now")
    axes.set_xticks(places, labels, rotation=45, ha="right", fontsize=8)
    axes.set(ylabel="share of the requests", title=title)
    axes.legend(frameon=False)
    return fig


class Finding(Protocol):
    """What :func:`study` needs to know; see :mod:`services.recommender.drift_study`."""

    @property
    def detector(self) -> str: ...  # noqa: D102
    @property
    def scenario(self) -> str: ...  # noqa: D102
    @property
    def alarmed(self) -> float: ...  # noqa: D102
    @property
    def low(self) -> float: ...  # noqa: D102
    @property
    def high(self) -> float: ...  # noqa: D102
    @property
    def median(self) -> float | None: ...  # noqa: D102


@mpl.rc_context(STYLE)
def study(findings: Sequence[Finding], *, width: float = 10.0) -> Figure:
    """Draw which detector alarms how often, a panel for each scenario.

    Parameters
    ----------
    findings : sequence of Finding
        The bar is the share of services with an alarm, the line its interval, the number the
        requests to the alarm in the median.
    width : float, default 10.0
        Width of the figure in inches, above 0.

    Raises
    ------
    ValueError
        If there is no finding.
    """
    if not findings:
        raise ValueError("there is no finding to draw")
    scenarios = list(dict.fromkeys(finding.scenario for finding in findings))
    detectors = list(dict.fromkeys(finding.detector for finding in findings))
    fig = Figure((width, 1.4 + 0.34 * len(detectors)), layout="constrained")
    row = fig.subplots(1, len(scenarios), sharey=True, squeeze=False)[0]
    for axes, scenario in zip(row, scenarios, strict=True):
        for finding in (one for one in findings if one.scenario == scenario):
            _draw_finding(axes, detectors.index(finding.detector), finding)
        axes.set(xlim=(0, 1.35), xticks=(0, 0.5, 1), title=scenario)
        axes.set_xlabel("share with an alarm", fontsize=9)
    row[0].set_yticks(range(len(detectors)), detectors)
    row[0].invert_yaxis()
    return fig


def _draw_finding(axes: Axes, place: int, finding: Finding) -> None:
    good = COLORS["orange" if finding.scenario == "nothing" else "blue"]
    axes.barh(place, finding.alarmed, 0.6, color=good)
    axes.plot((finding.low, finding.high), (place, place), color=COLORS["ink"], linewidth=1.2)
    if finding.median is not None:
        axes.annotate(f"{finding.median:.0f}", (max(finding.alarmed, finding.high), place), (4, 0),
                      textcoords="offset points", va="center", fontsize=8)  # fmt: skip


def _finish(axes: Axes) -> None:
    axes.grid(color=COLORS["grey"], alpha=0.2)
    axes.legend(frameon=False, fontsize=9)
