from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from services.workbench.plots import rankings

MODELS = {
    name: SimpleNamespace(rmse=rmse, ndcg=ndcg)
    for name, rmse, ndcg in (("mf", 0.9, 0.1), ("mf-bce", math.nan, 0.4), ("popularity", 1.1, 0.2))
}


def names(axes) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


def test_losses_have_a_panel_each_and_start_at_epoch_one() -> None:
    left, right = rankings.losses({"mf": [3.0, 2.0], "neumf": [0.6, 0.5, 0.4]}).axes
    assert [axes.get_title(loc="left") for axes in (left, right)] == ["mf", "neumf"]
    assert list(right.lines[0].get_xdata()) == [1, 2, 3]
    assert list(right.lines[0].get_ydata()) == [0.6, 0.5, 0.4]


def test_overview_shares_add_up_and_half_of_the_ratings_is_marked() -> None:
    left, right = rankings.overview([1, 2, 2, 5], [1, 10, 4, 1]).axes
    assert sum(bar.get_height() for bar in left.patches) == pytest.approx(1)
    assert [text.get_text() for text in right.texts] == ["half of all ratings: 1 movies"]


def test_each_panel_has_its_own_order_the_best_on_top() -> None:
    left, right = rankings.two_orders(MODELS, {"mf": (0.05, 0.15)}).axes
    assert names(left) == ["popularity", "mf"]
    assert names(right) == ["mf", "popularity", "mf-bce"]
    (interval,) = right.lines
    assert list(interval.get_xdata()) == [0.05, 0.15]
    assert list(interval.get_ydata()) == [0, 0]
