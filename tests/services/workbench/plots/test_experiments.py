"""The plots of a service that changes and of two groups of users."""

from __future__ import annotations

import pytest

from services.recommender.training.experiment import compare
from services.workbench.flow import Reply
from services.workbench.plots.experiments import differences, versions_over_time

REPLIES = [
    Reply(0.0, 0.01, 200, {"version": "1"}),
    Reply(0.1, 0.01, 200, {"version": "2"}),
    Reply(0.2, 0.02, 200, {"version": "2"}),
    Reply(0.3, 0.02, 503, {"error": {}}),
    Reply(0.4, 60.0, None, None),
]


def test_answers_are_counted_by_version_and_failures_shown() -> None:
    [axes] = versions_over_time(REPLIES, {"promoted": 0.05}, title="A swap").axes
    labels = axes.get_legend_handles_labels()[1]
    assert labels == ["version 1: 1 answers", "version 2: 2 answers", "failed: 2"]
    assert [text.get_text().strip() for text in axes.texts] == ["promoted"]
    assert axes.get_title(loc="left") == "A swap"


def test_a_difference_is_drawn_with_its_interval() -> None:
    one, other = compare([0.1, 0.2, 0.3], [0.4, 0.5, 0.6]), compare([0.1, 0.2], [0.1, 0.2])
    [axes] = differences({"clear": one, "none": other}).axes
    points = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"]
    assert points == pytest.approx([one.difference, other.difference])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["clear", "none"]
    assert axes.patches[0].get_width() == pytest.approx(2 * one.detectable)


def test_no_replies_are_no_plot() -> None:
    with pytest.raises(ValueError, match="no replies"):
        versions_over_time([], {})
