"""Plots of a service that is updated while it answers, and of two groups of users.

Each function returns a figure in the style of :mod:`services.workbench.plots`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from services.workbench.flow import Reply
from services.workbench.plots import COLORS, STYLE

if TYPE_CHECKING:
    from services.recommender.training.experiment import Comparison

_ROTATION = ("blue", "orange", "green")


@mpl.rc_context(STYLE)
def versions_over_time(
    replies: Sequence[Reply], events: Mapping[str, float], *, title: str = ""
) -> Figure:
    """Draw the latency of every answer over time, in its version's colour.

    Replies whose body names no ``version`` are crosses at the lower edge. *events* are what was
    done, and when, in seconds; each is a line. Raises ValueError if there are no replies.
    """
    if not replies:
        raise ValueError("there are no replies to draw")
    fig = Figure((8, 3.2), layout="constrained")
    axes = fig.subplots()
    versions = sorted({reply.body["version"] for reply in replies if reply.ok})
    for version, color in zip(versions, _ROTATION * len(versions), strict=False):
        own = [reply for reply in replies if reply.ok and reply.body["version"] == version]
        times = [reply.at for reply in own]
        axes.plot(times, [1000 * reply.seconds for reply in own], ".", markersize=3,
                  color=COLORS[color], label=f"version {version}: {len(own)} answers")  # fmt: skip
    failed = [reply.at for reply in replies if not reply.ok]
    axes.set_yscale("log")
    # At the axes' lower edge, whatever the scale.
    axes.plot(failed, [0.0] * len(failed), "x", color=COLORS["ink"], clip_on=False,
              transform=axes.get_xaxis_transform(), label=f"failed: {len(failed)}")  # fmt: skip
    top = axes.get_ylim()[1]
    for name, at in events.items():
        axes.axvline(at, color=COLORS["ink"], linewidth=1, linestyle="--")
        axes.text(at, top, f" {name}", rotation=90, va="top", ha="left", fontsize="small")
    axes.set(title=title, xlabel="seconds", ylabel="latency (ms)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=4, markerscale=3)
    return fig


@mpl.rc_context(STYLE)
def differences(compared: Mapping[str, Comparison], *, title: str = "") -> Figure:
    """Draw the results of experiments: a point and an interval for each, and a line at zero.

    The first is at the top. A grey band marks differences that the experiment is too small to
    detect reliably. Raises ValueError if there is no experiment.
    """
    if not compared:
        raise ValueError("there is nothing to draw")
    fig = Figure((8, 1.2 + 0.6 * len(compared)), layout="constrained")
    axes = fig.subplots()
    for row, one in enumerate(compared.values()):
        low, high = one.interval
        axes.barh(row, 2 * one.detectable, left=-one.detectable, height=0.6,
                  color=COLORS["ink"], alpha=0.12, linewidth=0)  # fmt: skip
        axes.plot([low, high], [row, row], color=COLORS["blue"], linewidth=2)
        axes.plot(one.difference, row, "o", color=COLORS["blue"])
    axes.axvline(0, color=COLORS["ink"], linewidth=1)
    axes.set_yticks(range(len(compared)), list(compared))
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set(title=title, xlabel="click-through rate, B minus A (grey: too small to detect)")
    return fig
