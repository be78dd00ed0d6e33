from __future__ import annotations

import matplotlib as mpl

from services.id_card.training import history
from services.id_card.training.lesson import Answer
from services.workbench.plots import COLORS, curves


def epoch(
    stage: int = 1, imgsz: int = 96, box_loss: float = 3.0, *maps: float | None
) -> history.Epoch:
    return history.Epoch(stage, 1, imgsz, box_loss, 2.0, 1.0, *(maps or (None, None)))


def test_losses_are_drawn_from_zero_epoch_by_epoch() -> None:
    (axes,) = curves.losses([epoch(), epoch(box_loss=2.0)], title="Two epochs").axes
    assert [list(line.get_ydata()) for line in axes.lines] == [[3, 2], [2, 2], [1, 1]]
    assert list(axes.lines[0].get_xdata()) == [1, 2]
    assert axes.get_ylim()[0] == 0
    assert axes.get_title(loc="left") == "Two epochs"
    assert len(axes.get_legend().get_texts()) == 3


def test_training_skips_epochs_without_validation_and_names_the_stages() -> None:
    epochs = [epoch(1, 160), epoch(1, 160, 3.0, 0.5, 0.3), epoch(2, 224, 3.0, 0.7, None)]
    left, right = curves.training(epochs).axes
    assert [list(line.get_xdata()) for line in right.lines] == [[2, 3], [2]]
    assert list(right.lines[0].get_ydata()) == [0.5, 0.7]
    assert right.get_ylim() == (0, 1)
    for axes in (left, right):
        names = [text.get_text() for text in axes.texts]
        assert [name for name in names if name.endswith("px")] == ["160 px", "224 px"]
        assert axes.get_xlim() == (0.5, 3.5)


def test_training_without_any_validation_has_no_line_of_quality() -> None:
    _, right = curves.training([epoch()]).axes
    assert not right.lines


def test_quality_marks_the_served_threshold_in_both_panels() -> None:
    def at(threshold: float) -> tuple[float, float]:
        return 1 - threshold, 0.5 + threshold / 2

    left, right = curves.quality([0, 1], [1, 0], at, served=0.4, title="T").axes
    (dot,) = [line for line in left.lines if line.get_marker() == "o"]
    assert (list(dot.get_xdata()), list(dot.get_ydata())) == ([0.6], [0.7])
    assert list(right.lines[-1].get_xdata()) == [0.4, 0.4]
    precision, recall = right.lines[:2]
    assert precision.get_ydata()[0] < precision.get_ydata()[-1]
    assert recall.get_ydata()[0] > recall.get_ydata()[-1]
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["precision", "recall"]


def test_learning_has_a_panel_a_training_and_shades_the_intervals() -> None:
    points = [Answer("", "", 10, 0.2, 0.1, 0.3), Answer("", "", 20, 0.5, 0.4, 0.6)]
    figure = curves.learning({"few": {"seen": points, "unseen": points}, "many": {"seen": points}})
    few, many = figure.axes
    assert (few.get_title(loc="left"), many.get_title(loc="left")) == ("few", "many")
    assert list(few.lines[1].get_ydata()) == [0.2, 0.5]
    assert len(few.collections) == 2
    shade = few.collections[0].get_paths()[0].vertices
    assert (shade[:, 1].min(), shade[:, 1].max()) == (0.1, 0.6)
    assert mpl.colors.to_hex(few.lines[0].get_color()).upper() == COLORS["blue"]
