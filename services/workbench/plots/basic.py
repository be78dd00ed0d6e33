"""The few kinds of plot that the notebooks share, in one style.

Each function returns a figure, to be shown with :func:`services.workbench.show.figure`. The style
is applied inside these functions only: importing this module changes nothing for other plots.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

if TYPE_CHECKING:
    from services.id_card.detector import Detection

COLORS = {
    "blue": "#0072B2",
    "orange": "#D55E00",
    "green": "#009E73",
    "yellow": "#F0E442",
    "sky": "#56B4E9",
    "pink": "#CC79A7",
    "grey": "#8A8A8A",
    "ink": "#222222",
}
"""The Okabe-Ito colours, which people with any kind of colour vision can tell apart."""

STYLE: dict[Any, Any] = {
    "figure.facecolor": "white",  # also readable on a dark page
    "figure.dpi": 100,
    "axes.facecolor": "white",
    "axes.edgecolor": COLORS["grey"],
    "axes.labelcolor": COLORS["ink"],
    "axes.titlecolor": COLORS["ink"],
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=[COLORS[name] for name in ("blue", "orange", "green")]),
    "font.family": "DejaVu Sans",  # included in Matplotlib, so text looks the same everywhere
    "font.size": 10,
    "text.color": COLORS["ink"],
    "xtick.color": COLORS["ink"],
    "ytick.color": COLORS["ink"],
}
"""Matplotlib settings of every plot here; for your own plots: ``with mpl.rc_context(STYLE):``."""


@mpl.rc_context(STYLE)
def picture_grid(
    images: Sequence[Image.Image],
    titles: Sequence[str] | None = None,
    *,
    width: float = 9.0,
) -> Figure:
    """Draw images side by side, row by row, up to three in a row, on *width* inches.

    The height follows from the images. Each has a title if *titles* are given. Raises ValueError if
    there is no image, or the number of titles differs.
    """
    if not images:
        raise ValueError("there is no image to draw")
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"{len(images)} images, but {len(titles)} titles")
    columns = min(3, len(images))
    title_height = 0.35 if titles else 0.05
    heights = [
        width / columns * max(image.height / image.width for image in images[i : i + columns])
        + title_height
        for i in range(0, len(images), columns)
    ]
    fig = Figure((width, sum(heights)), layout="compressed")
    axes = fig.subplots(len(heights), columns, squeeze=False, height_ratios=heights).flat
    for index, cell in enumerate(axes):
        cell.set_axis_off()
        if index < len(images):
            cell.imshow(np.asarray(images[index].convert("RGB")))
            cell.set_title(titles[index] if titles else "")
    return fig


@mpl.rc_context(STYLE)
def ratio_bars(
    labels: Sequence[str],
    ratios: Sequence[float],
    *,
    reference: str = "reference",
    title: str = "",
    xlabel: str = "times the reference",
) -> Figure:
    """Draw ratios as horizontal bars relative to a line at 1, the first label on top.

    Ratios carry over from one machine to another; seconds do not. Each is finite and above 0; bars
    above 1 and below 1 differ in colour. The line is labelled with what has the ratio 1,
    *reference*. Raises ValueError if a ratio is not one, or there is not one for each label.
    """
    if not labels or len(labels) != len(ratios):
        raise ValueError(f"{len(labels)} labels, but {len(ratios)} ratios")
    for label, ratio in zip(labels, ratios, strict=True):
        if not (math.isfinite(ratio) and ratio > 0):
            raise ValueError(f"a ratio must be finite and above 0; {label!r} has {ratio}")
    fig = Figure((7, 1.2 + 0.4 * len(labels)), layout="constrained")
    axes = fig.subplots()
    places = range(len(labels))
    colors = [COLORS["orange"] if ratio > 1 else COLORS["blue"] for ratio in ratios]
    bars = axes.barh(places, ratios, height=0.6, color=colors)
    axes.bar_label(bars, [_times(ratio) for ratio in ratios], padding=4)
    axes.axvline(1, color=COLORS["ink"], linewidth=1.2, linestyle="--")
    axes.annotate(
        f"{reference} = 1",
        (1, 1),
        xycoords=("data", "axes fraction"),
        xytext=(4, 2),
        textcoords="offset points",
        fontsize=9,
    )
    axes.set_yticks(places, labels)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, 1.15 * max(1.0, *ratios))
    axes.set_xlabel(xlabel)
    axes.set_title(title, pad=20)
    return fig


@mpl.rc_context(STYLE)
def boxes_on(
    image: Image.Image, detections: Sequence[Detection], *, title: str = "", width: float = 6.0
) -> Figure:
    """Draw detections on their upright image, each with its name and confidence.

    The figure is *width* inches wide. A detection is any object with ``name``, ``confidence`` and
    ``box`` (in the image's pixels).
    """
    height = width * image.height / image.width + (0.4 if title else 0.0)
    fig = Figure((width, height), layout="compressed")
    axes = fig.subplots()
    axes.set_axis_off()
    axes.imshow(np.asarray(image.convert("RGB")))
    axes.set_title(title)
    for detection in detections:
        _draw_box(axes, detection)
    return fig


@mpl.rc_context(STYLE)
def over_time(
    quantities: Mapping[str, pd.DataFrame],
    *,
    marks: Mapping[str, float] | None = None,
    title: str = "",
    xlabel: str = "seconds",
) -> Figure:
    """Draw quantities in panels one below the other, over the same time axis.

    Each has a label, with its unit, and its values: indexed by time, one line per column; a missing
    value breaks the line. *marks* are points in time, keyed by what happened then. Raises
    ValueError if there is nothing to draw.
    """
    if not quantities:
        raise ValueError("there is no quantity to draw")
    fig = Figure((8, 0.6 + 1.9 * len(quantities)), layout="constrained")
    rows = fig.subplots(len(quantities), sharex=True, squeeze=False)[:, 0]
    for axes, (label, values) in zip(rows, quantities.items(), strict=True):
        for column in values.columns:
            axes.plot(values.index, values[column], label=str(column))
        for moment in (marks or {}).values():
            axes.axvline(moment, color=COLORS["grey"], linewidth=1.2, linestyle="--")
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
        if len(values.columns) > 1:
            axes.legend(frameon=False)
    for text, moment in (marks or {}).items():
        place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
        rows[0].annotate(text, (moment, 1), xytext=(0, 3), ha="center", fontsize=9, **place)
    rows[0].set_title(title, pad=18 if marks else 6)
    rows[-1].set_xlabel(xlabel)
    return fig


def _times(ratio: float) -> str:
    number = f"{ratio:.2g}" if ratio < 10 else f"{ratio:.0f}"
    return f"{number} \N{MULTIPLICATION SIGN}"


def _draw_box(axes: Axes, detection: Detection) -> None:
    x1, y1, x2, y2 = detection.box
    color = COLORS["orange"]
    axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=color, linewidth=2))
    axes.annotate(
        f"{detection.name} {detection.confidence:.2f}",
        (x1, y1),
        xytext=(3, -3),
        textcoords="offset points",
        verticalalignment="top",
        color="white",
        fontsize=9,
        bbox={"facecolor": color, "edgecolor": "none", "pad": 2},
    )
