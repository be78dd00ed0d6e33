from __future__ import annotations

import pandas as pd
import pytest

from services.drift import lessons
from services.recommender.drift_study import summarise
from services.workbench import drift_plots


def test_the_lessons_are_drawn() -> None:
    (axes,) = drift_plots.psi_against_size(lessons.psi_of_nothing((50, 500), repeats=20)).axes
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert {"0.1", "0.25"} <= {text.get_text() for text in axes.texts}
    left, right = drift_plots.ks_against_size(
        lessons.ks_of_next_to_nothing((50, 100), repeats=4)
    ).axes
    assert list(left.lines[0].get_xdata()) == [50, 100]
    assert right.get_ylim()[0] == 0
    (axes,) = drift_plots.alarms_against_features(
        lessons.alarms_by_features((1, 3), repeats=20)
    ).axes
    assert len(axes.get_legend().get_texts()) == 3


def test_psi_is_drawn_as_a_share_of_its_limit() -> None:
    looks = pd.DataFrame({"a": [0.1, 0.4], "b": [0.0, 0.1]}, index=[500, 550])
    (axes,) = drift_plots.psi_over_requests(looks, {"a": 0.2, "b": 0.1}, change=520).axes
    assert [list(line.get_ydata()) for line in axes.lines[:2]] == [[0.5, 2], [0, 1]]
    assert "change" in {text.get_text() for text in axes.texts}
    with pytest.raises(ValueError, match="no look to draw"):
        drift_plots.psi_over_requests(looks[:0], {"a": 1, "b": 1})


def test_shares_stand_side_by_side() -> None:
    (axes,) = drift_plots.shares(pd.Series(["x", "x", "y"]), pd.Series(["y", "z"])).axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["x", "y", "(other)"]
    heights = [bar.get_height() for bar in axes.patches]
    assert heights == pytest.approx([2 / 3, 1 / 3, 0, 0, 0.5, 0.5])


def test_a_study_has_a_panel_for_each_scenario() -> None:
    findings = [
        summarise(detector, scenario, [100, None], 1000)
        for scenario in ("nothing", "taste")
        for detector in ("PSI", "ADWIN")
    ]
    left, right = drift_plots.study(findings).axes
    assert (left.get_title(loc="left"), right.get_title(loc="left")) == ("nothing", "taste")
    assert [bar.get_width() for bar in left.patches] == [0.5, 0.5]
    assert [text.get_text() for text in left.get_yticklabels()] == ["PSI", "ADWIN"]
    with pytest.raises(ValueError, match="no finding"):
        drift_plots.study([])
