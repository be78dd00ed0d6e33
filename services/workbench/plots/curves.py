"""Plots of how a detector learns and how well it does, in the style of :mod:`.plots`.

Each function returns a figure, to be shown with :func:`services.workbench.show.figure`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from services.workbench.plots import COLORS, STYLE

if TYPE_CHECKING:
    from services.id_card.training.history import Epoch
    from services.id_card.training.lesson import Answer

_LOSSES = (
    ("box_loss", "box: does it overlap?", "blue"),
    ("cls_loss", "class: is it a card?", "orange"),
    ("dfl_loss", "edges: where exactly?", "green"),
)
_QUALITIES = (("map50", "mAP50", "blue"), ("map50_95", "mAP50-95", "orange"))


@mpl.rc_context(STYLE)
def losses(epochs: Sequence[Epoch], *, title: str = "") -> Figure:
    """Draw the three parts of the loss, epoch by epoch; ValueError if there is no epoch."""
    _require(epochs)
    fig = Figure((6, 3), layout="constrained")
    _draw_losses(fig.subplots(), epochs, title)
    return fig


@mpl.rc_context(STYLE)
def training(epochs: Sequence[Epoch]) -> Figure:
    """Draw a whole training: its loss, and its quality on the validation scenes.

    Shading separates the stages. Raises ValueError if there is no epoch.
    """
    _require(epochs)
    fig = Figure((9.5, 3.6), layout="constrained")
    left, right = fig.subplots(1, 2)
    _draw_losses(left, epochs, "Loss on the training scenes")
    for name, label, color in _QUALITIES:
        values = [(i, getattr(epoch, name)) for i, epoch in enumerate(epochs, 1)]
        measured = [(i, value) for i, value in values if value is not None]
        if measured:
            right.plot(*zip(*measured, strict=True), ".-", color=COLORS[color])
            right.annotate(label, measured[-1], (-4, -14), textcoords="offset points", ha="right",
                           va="top", color=COLORS[color])  # fmt: skip
    right.set(ylim=(0, 1), xlabel="epoch", ylabel="average precision")
    right.set_title("Quality on validation designs", pad=18)
    _name_stages([left, right], epochs)
    return fig


def _require(epochs: Sequence[Epoch]) -> None:
    if not epochs:
        raise ValueError("there is no epoch to draw")


def _draw_losses(axes: Axes, epochs: Sequence[Epoch], title: str) -> None:
    numbers = range(1, len(epochs) + 1)
    for name, label, color in _LOSSES:
        values = [getattr(epoch, name) for epoch in epochs]
        axes.plot(numbers, values, ".-", color=COLORS[color], label=label)
    axes.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(title, pad=18)
    axes.legend(frameon=False, fontsize=9)


def _name_stages(panels: Sequence[Axes], epochs: Sequence[Epoch]) -> None:
    """Shade every other stage, and label each with the size of its images."""
    end = 0.5
    for number, (_, group) in enumerate(groupby(epochs, key=lambda epoch: epoch.stage)):
        stage = list(group)
        start, end = end, end + len(stage)
        for axes in panels:
            axes.set_xlim(0.5, len(epochs) + 0.5)
            if number % 2:
                axes.axvspan(start, end, color=COLORS["grey"], alpha=0.12, linewidth=0)
            axes.annotate(f"{stage[0].imgsz} px", ((start + end) / 2, 1.02), ha="center",
                          xycoords=("data", "axes fraction"), fontsize=9)  # fmt: skip


@mpl.rc_context(STYLE)
def quality(
    recall: ArrayLike,
    precision: ArrayLike,
    at: Callable[[float], tuple[float, float]],
    *,
    served: float = 0.5,
    title: str = "",
) -> Figure:
    """Draw precision against recall, and next to it both against the confidence threshold.

    *recall* and *precision*, of shape (n,), are the curve, 0 to 1; *at* returns both at a threshold
    from 0 to 1. The threshold *served* is marked in both panels.
    """
    fig = Figure((9.5, 3.8), layout="constrained")
    left, right = fig.subplots(1, 2)
    left.plot(recall, precision, color=COLORS["blue"])
    left.plot(*at(served), "o", color=COLORS["ink"])
    left.annotate(f"threshold {served:g}", at(served), (-8, -8), textcoords="offset points",
                  ha="right", va="top")  # fmt: skip
    left.set(xlabel="recall: share of the cards that are found", xlim=(0, 1.02), title=title)
    left.set(ylabel="precision: share of the boxes that are right", ylim=(0, 1.02))
    steps = [number / 100 for number in range(1, 100)]
    found, correct = zip(*map(at, steps), strict=True)
    right.plot(steps, correct, color=COLORS["blue"], label="precision")
    right.plot(steps, found, color=COLORS["orange"], label="recall")
    right.axvline(served, color=COLORS["ink"], linewidth=1.0, linestyle="--")
    right.annotate("served", (served, 0.04), (4, 0), textcoords="offset points")
    right.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="confidence threshold", ylabel="share")
    right.set_title("Effect of the threshold")
    right.legend(frameon=False, loc="lower left")
    for axes in (left, right):
        axes.grid(color=COLORS["grey"], alpha=0.2)
    return fig


@mpl.rc_context(STYLE)
def learning(panels: Mapping[str, Mapping[str, Sequence[Answer]]]) -> Figure:
    """Draw quality against the number of training images, one panel per training.

    *panels* has for each title of a panel its lines by name, each with its points; the shaded band
    is their interval. Raises ValueError if there is no panel.
    """
    if not panels:
        raise ValueError("there is no panel to draw")
    fig = Figure((9.5, 3.8), layout="constrained")
    row = fig.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (title, lines) in zip(row, panels.items(), strict=True):
        for (name, points), color in zip(lines.items(), ("blue", "orange", "green"), strict=False):
            x = [point.pictures for point in points]
            axes.plot(x, [p.map50 for p in points], ".-", color=COLORS[color], label=name)
            low, high = [p.low for p in points], [p.high for p in points]
            axes.fill_between(x, low, high, color=COLORS[color], alpha=0.15, linewidth=0)
        axes.set(xlabel="training images", ylim=(0, 1), title=title)
        axes.grid(color=COLORS["grey"], alpha=0.2)
    row[0].set_ylabel("mAP50")
    row[0].legend(frameon=False, loc="upper left", title="tested on", alignment="left")
    return fig
