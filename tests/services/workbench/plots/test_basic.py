from __future__ import annotations

import subprocess
import sys
from typing import Any

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib.patches import Rectangle
from PIL import Image

from services.environment import ROOT
from services.id_card.detector import Detection
from services.workbench import plots
from services.workbench.plots import curves, experiments, graphs, rankings
from services.workbench.plots.gallery import gallery


def picture(width: int = 40, height: int = 30, mode: str = "RGB") -> Image.Image:
    return Image.linear_gradient("L").resize((width, height)).convert(mode)


def test_ratio_bars_end_at_the_ratios_and_name_the_reference() -> None:
    fig = plots.ratio_bars(
        ["a", "b", "c"], [0.5, 1.0, 123.4], reference="torch", title="Time", xlabel="times torch"
    )
    (axes,) = fig.axes
    bars = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert [bar.get_width() for bar in bars] == [0.5, 1.0, 123.4]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c"]
    assert axes.yaxis_inverted(), "the first label is on top"
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["0.5 ×", "1 ×", "123 ×", "torch = 1"]  # noqa: RUF001
    assert list(axes.lines[0].get_xdata()) == [1, 1]
    assert axes.get_title(loc="left") == "Time"
    assert axes.get_xlabel() == "times torch"


def test_ratio_bars_show_in_colour_which_side_of_one() -> None:
    (axes,) = plots.ratio_bars(["a", "b"], [0.5, 2.0]).axes
    assert [mpl.colors.to_hex(bar.get_facecolor()).upper() for bar in axes.patches] == [
        plots.COLORS["blue"],
        plots.COLORS["orange"],
    ]


def test_quantities_over_time_share_the_axis_and_the_marks() -> None:
    rate = pd.DataFrame({"a": [1.0, 2.0], "b": [float("nan"), 4.0]}, index=[-1.0, 0.0])
    fig = plots.over_time(
        {"requests / s": rate, "latency, s": rate[["a"]]}, marks={"killed": -0.5}, title="Load"
    )
    upper, lower = fig.axes
    assert [list(line.get_ydata()) for line in lower.lines[:1]] == [[1.0, 2.0]]
    assert [axes.get_ylabel() for axes in fig.axes] == ["requests / s", "latency, s"]
    assert [text.get_text() for text in upper.get_legend().get_texts()] == ["a", "b"]
    assert lower.get_legend() is None
    assert [axes.lines[-1].get_xdata()[0] for axes in fig.axes] == [-0.5, -0.5]
    assert [text.get_text() for text in upper.texts] == ["killed"]
    assert (upper.get_title(loc="left"), lower.get_xlabel()) == ("Load", "seconds")
    assert upper.get_ylim()[0] == 0


@pytest.mark.parametrize(
    ("draw", "nothing", "message"),
    [
        (plots.over_time, {}, "no quantity"),
        (plots.picture_grid, [], "no image"),
        (gallery, [], "no image"),
        (curves.losses, [], "no epoch"),
        (curves.training, [], "no epoch"),
        (curves.learning, {}, "no panel"),
        (experiments.differences, {}, "nothing to draw"),
        (graphs.dependency_graph, {}, "nothing to draw"),
        (rankings.losses, {}, "no loss"),
        (rankings.losses, {"mf": []}, "no loss"),
        (rankings.two_orders, {}, "no model"),
    ],
)
def test_nothing_to_draw_is_refused(draw: Any, nothing: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw(nothing)


@pytest.mark.parametrize("ratio", [0.0, -1.0, float("nan"), float("inf")])
def test_ratio_bars_refuse_what_is_no_ratio(ratio: float) -> None:
    with pytest.raises(ValueError, match="'a' has"):
        plots.ratio_bars(["a"], [ratio])


def test_ratio_bars_need_one_ratio_for_each_label() -> None:
    with pytest.raises(ValueError, match="2 labels, but 1 ratios"):
        plots.ratio_bars(["a", "b"], [1.0])
    with pytest.raises(ValueError, match="0 labels"):
        plots.ratio_bars([], [])


def test_picture_grid_places_every_picture() -> None:
    images = [picture(), picture(mode="RGBA"), picture(mode="P"), picture(30, 60)]
    fig = plots.picture_grid(images, ["a", "b", "c", "d"], width=6)
    drawn = [axes for axes in fig.axes if axes.images]
    assert len(fig.axes) == 6
    assert [axes.get_title(loc="left") for axes in drawn] == ["a", "b", "c", "d"]
    assert [axes.images[0].get_size() for axes in drawn] == [(30, 40)] * 3 + [(60, 30)]
    assert not any(axes.axison for axes in fig.axes)


def test_picture_grid_uses_no_more_columns_than_pictures() -> None:
    fig = plots.picture_grid([picture(), picture()], width=4)
    assert len(fig.axes) == 2
    assert fig.get_figwidth() == 4


def test_picture_grid_needs_a_title_for_each_image() -> None:
    with pytest.raises(ValueError, match="1 images, but 2 titles"):
        plots.picture_grid([picture()], ["a", "b"])


def test_boxes_stand_where_the_detections_are() -> None:
    fig = plots.boxes_on(picture(), [Detection("id_card", 0, 0.934, (5, 6, 25, 20))], title="One")
    (axes,) = fig.axes
    (box,) = axes.patches
    assert isinstance(box, Rectangle)
    assert (box.get_xy(), box.get_width(), box.get_height()) == ((5, 6), 20, 14)
    assert [text.get_text() for text in axes.texts] == ["id_card 0.93"]
    assert not list(plots.boxes_on(picture(), []).axes[0].patches)


def test_neither_import_nor_plot_changes_the_settings_of_others() -> None:
    program = """
import matplotlib as mpl
before = mpl.rcParams.copy()
from services.workbench import plots
plots.ratio_bars(["a"], [2.0])
assert mpl.rcParams.copy() == before
import matplotlib.pyplot as plt
assert plt.get_fignums() == [], "a figure that pyplot knows is shown a second time"
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
