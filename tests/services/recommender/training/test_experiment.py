"""Simulated clicks, and a test that finds a difference where there is one and none where not."""

from __future__ import annotations

import numpy as np
import pytest

from services.recommender.model.requests import RecommendRequest
from services.recommender.recommender import Recommender
from services.recommender.training.experiment import (
    chance_of_a_click,
    click_rates,
    compare,
    users_needed,
)


@pytest.fixture(scope="module")
def lists(models, small):
    """What each model shows to each user; the oracle knows what they want."""
    known = small.split.development
    shown = {"popularity": models["popularity"], "oracle": small.truth}
    questions = [RecommendRequest(user) for user in known.user_ids.ids.tolist()]
    return {
        kind: {
            answer.user_id: [item.movie_id for item in answer.items]
            for answer in Recommender(shown[kind], known).recommend_many(questions)
        }
        for kind in ("popularity", "oracle")
    }


def rates(lists, small, seed=0):
    return click_rates(lists, small.ratings, small.truth, seed=seed)


def test_the_same_seed_gives_the_same_clicks_whoever_else_is_there(lists, small):
    first = rates(lists["oracle"], small)
    assert rates(lists["oracle"], small) == first
    assert rates(lists["oracle"], small, seed=1) != first
    some = dict(list(lists["oracle"].items())[50:60])
    assert rates(some, small) == {user: first[user] for user in some}
    assert list(first) == list(lists["oracle"])


def test_it_is_the_truth_that_clicks(small):
    truth = small.truth
    best, worst = (np.argsort(sign * truth.exposure[3])[:10] for sign in (-1, 1))
    liked, disliked = (chance_of_a_click(3, items, truth) for items in (best, worst))
    assert (liked > disliked).all()
    assert (disliked > 0).all()
    assert (liked < 1).all()
    same = chance_of_a_click(3, np.full(10, best[0]), truth)
    assert (np.diff(same) < 0).all(), "further down it is seen less often"


def test_a_user_to_whom_nothing_is_shown_has_no_rate(small):
    assert click_rates({1: [], 2: [5]}, small.ratings, small.truth).keys() == {2}
    with pytest.raises(KeyError, match="no such id: 99999"):
        click_rates({99999: [5]}, small.ratings, small.truth)


def test_a_better_model_is_found_to_be_better(lists, small):
    a, b = (list(rates(lists[kind], small).values()) for kind in ("popularity", "oracle"))
    found = compare(a[::2], b[1::2])
    assert found.significant
    assert found.difference == pytest.approx(np.mean(b[1::2]) - np.mean(a[::2]))
    low, high = found.interval
    assert 0 < low < found.difference < high
    assert found.users == (100, 100)


def test_without_a_difference_the_alarm_is_false_as_often_as_it_says(lists, small):
    """500 A/A tests at 5 %: more than 43 or fewer than 10 come once in a few thousand runs."""
    rng = np.random.default_rng(0)
    everybody = np.array(list(rates(lists["popularity"], small).values()))
    alarms = covered = 0
    for _ in range(500):
        shuffled = rng.permutation(everybody)
        found = compare(shuffled[:100], shuffled[100:], seed=int(rng.integers(2**31)))
        alarms += found.significant
        covered += found.interval[0] <= 0 <= found.interval[1]
    assert 10 <= alarms <= 43
    assert 457 <= covered <= 490


def test_the_power_is_what_it_says():
    """With the number of users that is asked for, four of five experiments find it."""
    rng = np.random.default_rng(0)
    count = users_needed(0.1, 0.5)
    found = sum(
        compare(rng.normal(0, 0.5, count // 2), rng.normal(0.1, 0.5, count // 2)).significant
        for _ in range(300)
    )
    assert found / 300 == pytest.approx(0.8, abs=0.09)
    example = compare(rng.normal(0, 0.5, count // 2), rng.normal(0.1, 0.5, count // 2))
    assert example.detectable == pytest.approx(0.1, rel=0.1)


def test_an_uneven_split_needs_more_users():
    assert users_needed(0.02, 0.15, 0.1) > 2.5 * users_needed(0.02, 0.15)
    assert users_needed(0.02, 0.15) == users_needed(-0.02, 0.15)


def test_what_cannot_be_compared():
    with pytest.raises(ValueError, match="needs two users or more; got 1 and 2"):
        compare([0.1], [0.1, 0.2])
    for arguments in ((0, 0.1), (0.1, 0.1, 0), (0.1, 0.1, 1)):
        with pytest.raises(ValueError, match="difference other than 0"):
            users_needed(*arguments)
    assert compare([0.1] * 9, [0.1] * 9).p_value == 1.0
