"""Plots of drift, in the style of :mod:`.plots`.

Each function returns a figure, to be shown with :func:`services.workbench.show.figure`.
"""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from services.workbench.plots import COLORS, STYLE

LINES = ("blue", "orange", "green", "pink", "sky", "grey")


@mpl.rc_context(STYLE)
def psi_over_requests(
    looks: pd.DataFrame,
    limits: Mapping[str, float],
    *,
    change: int | None = None,
    title: str = "",
) -> Figure:
    """Draw each feature's PSI as a multiple of its limit, check by check.

    *looks* is the result of :meth:`services.drift.monitor.DriftMonitor.scan`, *limits* are the
    monitor's, and *change* is the number of requests after which something changed, to be marked.
    Raises ValueError if there is no check to draw.
    """
    if looks.empty:
        raise ValueError("there is no check to draw: fewer requests than a window")
    fig = Figure((8, 3.6), layout="constrained")
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
    axes.set(ylim=(0, None), xlabel="requests", ylabel="PSI as a multiple of its limit")
    axes.set_title(title, pad=18 if change is not None else 6)
    axes.grid(color=COLORS["grey"], alpha=0.2)
    axes.legend(frameon=False, fontsize=9)
    return fig
