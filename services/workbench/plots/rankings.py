"""Plots of ratings and of recommenders, in the style of :mod:`.plots`.

Each function returns a figure, to be shown with :func:`services.workbench.show.figure`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from services.workbench.plots import COLORS, STYLE

if TYPE_CHECKING:
    from services.recommender.model.metrics import Metrics


@mpl.rc_context(STYLE)
def losses(curves: Mapping[str, Sequence[float]], *, width: float = 6.0) -> Figure:
    """Draw the mean loss of each epoch, one panel per training, on *width* inches.

    Their scales differ: one loss is in squared stars, another in nats. Raises ValueError if there
    is no curve, or one is empty.
    """
    if not curves or not all(len(curve) for curve in curves.values()):
        raise ValueError("there is no loss to draw")
    fig = Figure((width, 2.6), layout="constrained")
    panels = fig.subplots(1, len(curves), squeeze=False)[0]
    for axes, (name, curve) in zip(panels, curves.items(), strict=True):
        axes.plot(range(1, len(curve) + 1), curve, marker=".")
        axes.set(title=name, xlabel="epoch", ylabel="mean loss" if axes is panels[0] else "")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return fig


@mpl.rc_context(STYLE)
def overview(stars: ArrayLike, counts: ArrayLike) -> Figure:
    """Draw the distribution of the stars, and how unequally the ratings are shared among movies.

    *stars* has every rating, and *counts* the ratings of each movie, in any order.
    """
    fig = Figure((9.5, 3), layout="constrained")
    left, right = fig.subplots(1, 2)
    values, heights = np.unique(np.asarray(stars), return_counts=True)
    left.bar(values, heights / heights.sum(), width=0.8 * np.diff(values).min(initial=1))
    left.set(title="Stars that users give", xlabel="stars", ylabel="share of the ratings")
    falling = np.sort(np.asarray(counts))[::-1]
    right.fill_between(range(1, len(falling) + 1), falling, color=COLORS["orange"], linewidth=0)
    right.set(title="Ratings that movies get", xlabel="movies, most rated first", ylabel="ratings")
    right.set(xlim=(0, len(falling)), ylim=(0, None))
    half = int(np.searchsorted(np.cumsum(falling), falling.sum() / 2)) + 1
    right.axvline(half, color=COLORS["ink"], linewidth=1.0, linestyle="--")
    right.annotate(f"half of all ratings: {half} movies", (half, 0.9), (4, 0),
                   xycoords=("data", "axes fraction"), textcoords="offset points")  # fmt: skip
    return fig


@mpl.rc_context(STYLE)
def two_orders(
    models: Mapping[str, Metrics],
    intervals: Mapping[str, tuple[float, float]] | None = None,
) -> Figure:
    """Draw models twice: in the order of their RMSE, and in the order of their NDCG.

    A model without RMSE (NaN) is not shown on the left. *intervals* are the ends of the NDCG's
    confidence interval, by the model's name. Raises ValueError if there is no model.
    """
    if not models:
        raise ValueError("there is no model to draw")
    fig = Figure((9.5, 0.9 + 0.42 * len(models)), layout="constrained")
    left, right = fig.subplots(1, 2)
    rated = [(one.rmse, name) for name, one in models.items() if not math.isnan(one.rmse)]
    ranked = sorted((one.ndcg, name) for name, one in models.items())
    _bars(left, sorted(rated, reverse=True), {}, "RMSE of the stars: shorter is better")
    _bars(right, ranked, intervals or {}, "NDCG@10 of the lists: longer is better")
    return fig


def _bars(
    axes: Axes,
    rows: Sequence[tuple[float, str]],
    intervals: Mapping[str, tuple[float, float]],
    title: str,
) -> None:
    """Draw one bar per model, the best on top."""
    for place, (value, name) in enumerate(rows):
        axes.barh(place, value, color=_color(name), height=0.7)
        if name in intervals:
            axes.plot(intervals[name], (place, place), color=COLORS["ink"], linewidth=1.5)
        end = max([value, *intervals.get(name, ())])
        axes.annotate(f"{value:.3f}", (end, place), (5, 0), textcoords="offset points",
                      va="center")  # fmt: skip
    axes.set_yticks(range(len(rows)), [name for _, name in rows])
    axes.set_xlim(0, 1.18 * max((value for value, _ in rows), default=1.0))
    axes.set_title(title)


def _color(name: str) -> str:
    """Give a model the same colour in both panels."""
    known = {"popularity": "orange", "mf": "pink", "mf-bce": "blue", "neumf": "green"}
    known["oracle"] = "grey"  # it knows the truth, so it does not compete
    return COLORS[known.get(name, "sky")]
