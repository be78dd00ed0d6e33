"""The plots for services of several parts."""

from __future__ import annotations

import pytest

from services.workbench.plots import graphs


def texts(figure) -> dict[str, tuple[float, float]]:
    [axes] = figure.axes
    return {text.get_text(): text.get_position() for text in axes.texts if text.get_text()}


def test_the_graph_has_a_column_for_each_step() -> None:
    figure = graphs.dependency_graph({"web": ["grey", "a"], "grey": ["a", "b"]})

    columns = {name: x for name, (x, _) in texts(figure).items()}
    assert columns == {"web": 0, "grey": 1, "a": 2, "b": 2}
    assert sum(not text.get_text() for text in figure.axes[0].texts) == 4, "an arrow each"


def test_the_frame_leaves_out_the_first_column_and_holds_the_rest() -> None:
    figure = graphs.dependency_graph({"clients": ["web"], "web": ["a", "b"]}, frame="a service")
    [frame] = [p for p in figure.axes[0].patches if type(p).__name__ == "Rectangle"]
    places = {text.get_text(): text.get_position()[0] for text in figure.axes[0].texts}
    assert places["clients"] < frame.get_x() < places["web"]
    assert places["a"] < frame.get_x() + frame.get_width()
    assert "a service" in places


@pytest.mark.parametrize("depends_on", [{"a": ["b"], "b": ["a"]}, {"a": ["a"]}])
def test_what_is_no_graph(depends_on: dict) -> None:
    with pytest.raises(ValueError, match="form a cycle"):
        graphs.dependency_graph(depends_on)


def test_points_are_divided_at_the_share() -> None:
    figure = graphs.places_on_a_line([0.1, 0.2, 0.9], [0.0, 0.2, 1.0], ("old", "new"))

    lines = [line for line in figure.axes[0].lines if line.get_marker() == "|"]
    counts = [len(line.get_xdata()) for line in lines]
    assert counts == [3, 0, 2, 1, 0, 3]  # old and new, row by row; 0.2 itself is old's
    assert figure.axes[0].get_ylabel() == "share of new"


def test_distributions_are_shares() -> None:
    figure = graphs.two_distributions(
        {"old": [0.1, 0.1, 0.1, 0.9], "new": []}, bins=[0, 0.5, 1], xlabel="confidence"
    )

    [axes] = figure.axes
    heights = [bar.get_height() for bar in axes.containers[0]]
    assert heights == [0.75, 0.25]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["old (4)", "new (0)"]
    assert axes.get_xlabel() == "confidence"
