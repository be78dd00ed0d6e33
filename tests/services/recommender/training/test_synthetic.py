"""The invented ratings: their shape, and that a seed is a seed."""

from __future__ import annotations

import re

import numpy as np
import pytest

from services.recommender.model.ratings import gini
from services.recommender.training.synthetic import make_ratings
from services.recommender.training.titles import GENRES


@pytest.fixture(scope="module")
def full():
    return make_ratings()


def test_the_shape_of_movielens(full):
    ratings, _ = full
    assert (len(ratings), ratings.n_users, ratings.n_items) == (100_000, 1000, 1500)
    assert ratings.values.mean() == pytest.approx(3.44, abs=0.06)
    assert ratings.values.std() == pytest.approx(1.10, abs=0.04)
    assert set(ratings.values) == {1, 2, 3, 4, 5}
    counts = ratings.per_user()
    assert counts.min() == 20
    assert np.median(counts) == pytest.approx(66, abs=5)
    assert 400 < counts.max() < 900
    assert gini(ratings.per_item()) == pytest.approx(0.55, abs=0.03)


def test_nobody_rates_a_movie_twice(full):
    ratings, _ = full
    pairs = ratings.users * ratings.n_items + ratings.items
    assert len(np.unique(pairs)) == len(pairs)


def test_ratings_come_in_bursts(full):
    ratings, _ = full
    assert (np.diff(ratings.timestamps) >= 0).all()
    order = np.lexsort((ratings.timestamps, ratings.users))
    gaps = np.diff(ratings.timestamps[order])[np.diff(ratings.users[order]) == 0]
    assert np.median(gaps) < 30  # seconds
    assert 0.005 < (gaps > 86_400).mean() < 0.05  # and now and then days
    assert gaps.max() > 7 * 86_400


def test_a_seed_gives_the_same_ratings_and_another_seed_others():
    (one, truth), (again, truth_again) = (make_ratings(60, 120, 2400, seed=5) for _ in range(2))
    other, _ = make_ratings(60, 120, 2400, seed=6)
    for column in ("users", "items", "values", "timestamps"):
        np.testing.assert_array_equal(getattr(one, column), getattr(again, column))
    np.testing.assert_array_equal(truth.exposure, truth_again.exposure)
    assert one.movies == again.movies
    assert one.movies.titles != other.movies.titles
    assert not np.array_equal(one.items, other.items)


def test_titles_have_years_and_are_all_different(full):
    movies = full[0].movies
    assert len(set(movies.titles)) == len(movies)
    years = [re.fullmatch(r"\S.*\S \((\d{4})\)", title)[1] for title in movies.titles]
    assert min(years) >= "1940"
    assert max(years) == "2023"
    assert {genre for each in movies.genres for genre in each} == set(GENRES)
    assert {len(each) for each in movies.genres} == {1, 2, 3}


def test_the_truth_is_what_the_ratings_came_from(full):
    ratings, truth = full
    expected = truth.ratings(ratings.users, ratings.items)
    assert 1 < expected.min() < expected.max() < 5
    # In ten groups by what was expected, what came is about that.
    groups = np.array_split(np.argsort(expected), 10)
    came = [ratings.values[rows].mean() for rows in groups]
    np.testing.assert_allclose(came, [expected[rows].mean() for rows in groups], atol=0.04)
    liked = truth.at_least(4, ratings.users, ratings.items)
    assert liked.mean() == pytest.approx((ratings.values >= 4).mean(), abs=0.01)


@pytest.mark.parametrize("n_ratings", [1999, 6001])
def test_impossible_sizes_are_refused(n_ratings):
    with pytest.raises(ValueError, match=f"give 2000 to 6000 ratings; got {n_ratings}"):
        make_ratings(100, 120, n_ratings)


@pytest.mark.parametrize("n_ratings", [2000, 6000])
def test_the_sizes_at_the_edge_are_drawn(n_ratings):
    ratings, _ = make_ratings(100, 120, n_ratings)
    assert len(ratings) == n_ratings
    assert ratings.per_user().min() >= 20
