"""Plots of ratings and of recommenders, in the style of :mod:`.plots`.

Each function returns a figure, to be shown with :func:`services.workbench.show.figure`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from services.workbench.plots import STYLE


@mpl.rc_context(STYLE)
def losses(curves: Mapping[str, Sequence[float]], *, width: float = 6.0) -> Figure:
    """Draw the loss of one or more trainings, epoch by epoch, a panel each.

    Their scales differ: one loss is in squared stars, another in nats.

    Parameters
    ----------
    curves : mapping of str to sequence of float
        The mean loss of each epoch, by the model's name.
    width : float, default 6.0
        Width of the figure in inches, above 0.

    Raises
    ------
    ValueError
        If there is no curve, or one is empty.
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
