"""The plots of the notebooks, in one style.

Imported by notebooks, the bench and tests.
"""

from services.workbench.plots.basic import (
    COLORS,
    STYLE,
    boxes_on,
    over_time,
    picture_grid,
    ratio_bars,
)

__all__ = ["COLORS", "STYLE", "boxes_on", "over_time", "picture_grid", "ratio_bars"]
