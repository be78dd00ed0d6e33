"""Plots for composed services: dependencies, routing by hash bucket, and two distributions.

Each function returns a figure in the style of :mod:`services.workbench.plots`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from services.workbench.plots import COLORS, STYLE

PAIR = (COLORS["blue"], COLORS["orange"])
"""The colours of the first and the second of two versions."""


def dependency_graph(
    depends_on: Mapping[str, Sequence[str]],
    *,
    frame: str = "",
    width: float = 7.0,
) -> Figure:
    """Draw a dependency graph: names that nothing depends on are left, dependencies to the right.

    A name may occur only as a value. *frame* is the label of a frame around all columns but the
    first; *width* is in inches. Raises ValueError if there is nothing to draw, or a cycle.
    """
    columns = _columns(depends_on)
    places = {
        name: (float(column), (len(names) - 1) / 2 - row)
        for column, names in enumerate(columns)
        for row, name in enumerate(names)
    }
    with mpl.rc_context(STYLE):
        fig = Figure((width, 0.6 + 0.65 * max(map(len, columns))), layout="constrained")
        axes = fig.subplots()
        axes.set_axis_off()
        axes.set_xlim(-0.5, len(columns) - 0.5)
        axes.set_ylim(-max(map(len, columns)) / 2, max(map(len, columns)) / 2)
        style = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": COLORS["blue"]}
        boxes = {
            name: axes.text(x, y, name, ha="center", va="center", bbox=style).get_bbox_patch()
            for name, (x, y) in places.items()
        }
        if frame:
            _draw_frame(axes, frame, len(columns), max(map(len, columns)))
        for name, others in depends_on.items():
            for other in others:
                arrow = {"arrowstyle": "-|>", "color": COLORS["ink"], "shrinkA": 0, "shrinkB": 2}
                ends = {"patchA": boxes[name], "patchB": boxes[other]}
                axes.annotate("", places[other], places[name], arrowprops={**arrow, **ends})
    return fig


def _draw_frame(axes: Axes, label: str, columns: int, rows: int) -> None:
    """Draw a dashed frame around all columns but the first, with *label* in its corner."""
    corner = (0.55, -rows / 2 + 0.05)
    frame = Rectangle(corner, columns - 1.1, rows - 0.1, fill=False, linestyle="--", zorder=0)
    frame.set_edgecolor(COLORS["grey"])
    axes.add_patch(frame)
    axes.text(0.6, rows / 2 - 0.1, label, va="top", fontsize=9, color=COLORS["grey"])


def _columns(depends_on: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Assign columns: every name comes one column after the last name that depends on it."""
    names = list(dict.fromkeys([*depends_on, *(n for ns in depends_on.values() for n in ns)]))
    if not names:
        raise ValueError("there is nothing to draw")
    column = dict.fromkeys(names, 0)
    for _ in names:
        for name, others in depends_on.items():
            for other in others:
                column[other] = max(column[other], column[name] + 1)
    if max(column.values()) >= len(names):
        raise ValueError(f"the dependencies form a cycle: {', '.join(names)}")
    return [[n for n in names if column[n] == i] for i in range(max(column.values()) + 1)]


def places_on_a_line(
    places: Sequence[float],
    shares: Sequence[float],
    labels: tuple[str, str],
    *,
    title: str = "",
) -> Figure:
    """Draw the same points once per share; points below the share belong to the second label.

    *places* are the hash bucket of each id, and *shares* a row each, both 0 to 1.
    """
    points = np.asarray(places, dtype=float)
    with mpl.rc_context(STYLE):
        fig = Figure((8, 1.1 + 0.5 * len(shares)), layout="constrained")
        axes = fig.subplots()
        for row, share in enumerate(shares):
            for label, color, own in zip(
                labels, PAIR, (points >= share, points < share), strict=True
            ):
                axes.plot(
                    points[own],
                    np.full(own.sum(), row),
                    "|",
                    markersize=16,
                    color=color,
                    label=label if row == 0 else None,
                )
            axes.plot([share, share], [row - 0.4, row + 0.4], color=COLORS["ink"], linewidth=1.2)
        axes.set_yticks(range(len(shares)), [f"{share:.0%}" for share in shares])
        axes.set_ylim(len(shares) - 0.4, -0.6)
        axes.set_xlim(-0.01, 1.01)
        axes.set_xlabel("hash bucket of the id")
        axes.set_title(title)
        axes.set_ylabel(f"share of {labels[1]}")
        fig.legend(loc="outside upper right", ncols=2, frameon=False)
    return fig


def two_distributions(
    values: Mapping[str, Sequence[float]],
    *,
    bins: Sequence[float],
    xlabel: str,
    ylabel: str = "share of the values",
    title: str = "",
) -> Figure:
    """Draw the histograms of one or two groups in one plot, each as shares of its own group.

    A group may be empty. *bins* are the edges, ascending; values outside are left out.
    """
    with mpl.rc_context(STYLE):
        fig = Figure((7, 3.15), layout="constrained")
        axes = fig.subplots()
        for (name, group), color in zip(values.items(), PAIR, strict=False):
            weights = np.full(len(group), 1 / max(1, len(group)))
            label = f"{name} ({len(group)})"
            axes.hist(group, bins, weights=weights, alpha=0.3, color=color)
            axes.hist(group, bins, weights=weights, histtype="step", color=color, label=label)
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
        axes.set_title(title)
        axes.legend(frameon=False, loc="upper left")
    return fig
