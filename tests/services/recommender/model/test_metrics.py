"""The metrics, against scikit-learn and against answers that are known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import ndcg_score, root_mean_squared_error

from services.recommender.model.ids import IdMap
from services.recommender.model.metrics import best, evaluate, rank, rmse
from services.recommender.model.ratings import Movies, Ratings


class Fixed:
    """A model with given scores and one rating for all."""

    kind = "fixed"

    def __init__(self, scores, rating=None):
        self.table, self.rating = np.asarray(scores, float), rating

    def scores(self, users):
        return self.table[users]

    def ratings(self, users, items):
        return None if self.rating is None else np.full(len(users), float(self.rating))


def ratings_of(mask, stars=4.0):
    users, items = np.nonzero(mask)
    ids = [IdMap(np.arange(size)) for size in mask.shape]
    movies = Movies(ids[1], ("",) * mask.shape[1], ((),) * mask.shape[1])
    return Ratings(users, items, np.full(len(users), stars), np.zeros(len(users)), ids[0], movies)


@pytest.fixture
def random_parts():
    rng = np.random.default_rng(3)
    part = rng.choice(3, (40, 60), p=[0.8, 0.12, 0.08])
    return part, ratings_of(part == 1), ratings_of(part == 2), rng.normal(size=part.shape)


@pytest.mark.parametrize("k", [1, 5, 10])
def test_ndcg_is_scikit_learns(random_parts, k):
    part, known, held_out, scores = random_parts
    lists = rank(Fixed(scores), known, held_out, k)
    # scikit-learn knows no candidates: give those that are none a score that never wins.
    expected = [
        ndcg_score([part[user] == 2], [np.where(part[user] == 1, -1e9, scores[user])], k=k)
        for user in lists.users
    ]
    np.testing.assert_allclose(lists.ndcg_per_user(), expected)
    assert len(lists.users) == ((part == 1).any(1) & (part == 2).any(1)).sum()


def test_hit_rate_and_coverage_are_what_a_loop_counts(random_parts):
    part, known, held_out, scores = random_parts
    lists = rank(Fixed(scores), known, held_out, 5)
    hit, shown = 0, set()
    for user in lists.users:
        candidates = [item for item in range(60) if part[user, item] != 1]
        top = sorted(candidates, key=lambda item: -scores[user, item])[:5]
        hit += any(part[user, item] == 2 for item in top)
        shown |= set(top)
    assert lists.hit_rate() == pytest.approx(hit / len(lists.users))
    assert lists.coverage() == pytest.approx(len(shown) / 60)


def test_known_movies_are_never_in_a_list(random_parts):
    part, known, held_out, _ = random_parts
    lists = rank(Fixed(part == 1), known, held_out, 60)  # would put just those first
    for user, items in zip(lists.users, lists.items, strict=True):
        shown = items[items >= 0]
        assert sorted(shown) == np.flatnonzero(part[user] != 1).tolist()


def test_perfect_and_useless_lists():
    part = np.array([[1, 2, 0, 0, 0], [1, 0, 2, 2, 0]])
    known, held_out = ratings_of(part == 1), ratings_of(part == 2)
    perfect = evaluate(Fixed(part == 2), known, held_out, 2)
    assert (perfect.ndcg, perfect.hit_rate, perfect.users, perfect.k) == (1, 1, 2, 2)
    useless = evaluate(Fixed(part != 2), known, held_out, 1)
    assert (useless.ndcg, useless.hit_rate) == (0, 0)


def test_users_without_known_or_held_out_ratings_do_not_count():
    part = np.array([[1, 2, 0], [0, 2, 0], [1, 0, 0]])
    model, known, held_out = Fixed(np.zeros((3, 3))), ratings_of(part == 1), ratings_of(part == 2)
    assert rank(model, known, held_out, 2).users.tolist() == [0]
    with pytest.raises(ValueError, match="no user has both"):
        rank(model, ratings_of(np.zeros((3, 3), bool)), held_out, 2)


def test_of_equal_scores_the_first_is_the_better():
    scores = np.array([[1.0, 3, 3, 0, 3], [0, 0, 0, 0, 0]])
    assert best(scores, 2).tolist() == [[1, 2], [0, 1]]
    assert best(scores, 9).tolist() == [[1, 2, 4, 0, 3], [0, 1, 2, 3, 4]]


def test_what_is_no_candidate_is_no_place():
    scores = np.array([[-np.inf, 2, -np.inf, 5], [-np.inf] * 4])
    assert best(scores, 3).tolist() == [[3, 1, -1], [-1, -1, -1]]


def test_best_is_a_stable_sort():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 6, (50, 30)).astype(float)  # full of ties
    np.testing.assert_array_equal(best(scores, 10), np.argsort(-scores, kind="stable")[:, :10])


def test_rmse_is_scikit_learns_and_cut_to_the_scale(random_parts):
    held_out = random_parts[2]
    stars = np.random.default_rng(0).integers(1, 6, len(held_out))
    held_out = Ratings(held_out.users, held_out.items, stars, held_out.timestamps,
                       held_out.user_ids, held_out.movies)  # fmt: skip

    def error(guess):
        return root_mean_squared_error(stars, np.full(len(stars), guess))

    assert rmse(Fixed([], 3.3), held_out) == pytest.approx(error(3.3))
    assert rmse(Fixed([], 99), held_out) == pytest.approx(error(5.0))


def test_a_model_that_only_ranks_has_no_rmse(random_parts):
    _, known, held_out, scores = random_parts
    metrics = evaluate(Fixed(scores), known, held_out)
    assert np.isnan(metrics.rmse)
    assert set(metrics.as_dict()) == {"hr_at_10", "ndcg_at_10", "coverage_at_10"}
    with_rating = evaluate(Fixed(scores, 4), known, held_out, 3).as_dict()
    assert set(with_rating) == {"rmse", "hr_at_3", "ndcg_at_3", "coverage_at_3"}
    assert with_rating["rmse"] == 0
