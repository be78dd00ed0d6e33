"""The rated movies that speak for a recommendation: they add up, and training agrees."""

from __future__ import annotations

import numpy as np
import pytest

from services.errors import InputError
from services.recommender.explain import RIDGE, explain
from services.recommender.model.explain_requests import CODES, LARGEST_TOP, ExplainRequest
from services.recommender.recommender import Recommender
from services.recommender.training.trainer import fit


def test_the_reasons_are_rated_movies_the_strongest_first(recommender):
    [item] = recommender.recommend(7, 1).items
    explanation = explain(recommender, 7, item.movie_id, top=4)
    assert explanation.movie == item
    assert len(explanation.reasons) == 4
    contributions = [reason.contribution for reason in explanation.reasons]
    assert contributions == sorted(contributions, reverse=True)
    assert min(contributions) > 0
    rated = set(recommender.rated_by(7).tolist())
    assert {reason.movie_id for reason in explanation.reasons} <= rated
    assert explanation.rated == len(rated)
    places = recommender.movies.ids.indexes([reason.movie_id for reason in explanation.reasons])
    assert [r.title for r in explanation.reasons] == [recommender.movies.titles[p] for p in places]
    assert (explanation.model, explanation.version, explanation.user_id) == ("mf-bce", "3", 7)
    body = explanation.as_dict()
    assert body["reasons"][0] == explanation.reasons[0].as_dict()
    assert body["movie"] == item.as_dict()
    assert explain(recommender, 7, item.movie_id, top=4) == explanation


def test_the_contributions_are_those_of_a_ridge_regression(recommender):
    """Solved here by another way: least squares with rows of the ridge below the others."""
    user = recommender.user_ids.get(7)
    vectors = recommender.model.item_factors.astype(float)
    rated = recommender.ratings.items_of(user)
    ridge = RIDGE * (vectors**2).sum() / vectors.shape[1]
    below = np.sqrt(ridge) * np.eye(vectors.shape[1])

    def scores(rated):
        target = np.zeros(len(vectors) + len(below))
        target[rated] = 1
        return vectors @ np.linalg.lstsq(np.vstack([vectors, below]), target, rcond=None)[0]

    [item] = recommender.recommend(7, 1).items
    movie = recommender.movies.ids.get(item.movie_id)
    explanation = explain(recommender, 7, item.movie_id)
    assert explanation.total == pytest.approx(scores(rated)[movie])
    first = recommender.movies.ids.get(explanation.reasons[0].movie_id)
    without = scores(np.setdiff1d(rated, first))[movie]
    assert explanation.total - without == pytest.approx(explanation.reasons[0].contribution)
    others = np.setdiff1d(np.arange(len(vectors)), rated)
    own = vectors @ recommender.model.user_factors[user].astype(float)
    assert explanation.agreement == pytest.approx(
        np.corrcoef(scores(rated)[others], own[others])[0, 1]
    )


def test_it_mostly_agrees_with_the_model(recommender):
    agreements = []
    for user in range(1, 200, 5):
        [item] = recommender.recommend(user, 1).items
        agreements.append(explain(recommender, user, item.movie_id).agreement)
    assert np.mean(agreements) > 0.4
    assert min(agreements) > 0


def test_a_training_without_the_reasons_recommends_less(small, recommender):
    """The explanation's own arithmetic has no part in this: the model is trained anew, twice."""
    known, users = small.split.development, range(1, 200)
    rng = np.random.default_rng(0)
    tops = {user: recommender.recommend(user, 1).items[0].movie_id for user in users}
    named, random = [], []
    for user, movie in tops.items():
        reasons = explain(recommender, user, movie, top=4).reasons
        named += [(user, reason.movie_id) for reason in reasons]
        drawn = rng.choice(recommender.rated_by(user), len(reasons), replace=False)
        random += [(user, one) for one in drawn]

    def fall(removed) -> np.ndarray:
        u, m = np.array(removed).T
        gone = known.user_ids.indexes(u) * known.n_items + known.movies.ids.indexes(m)
        kept = ~np.isin(known.users * known.n_items + known.items, gone)
        model = fit("mf-bce", known.take(kept), progress=False)
        places = known.user_ids.indexes(users), known.movies.ids.indexes([*tops.values()])
        before, after = (m.scores(places[0]) for m in (recommender.model, model))
        return (before - after)[np.arange(len(users)), places[1]]

    difference = fall(named) - fall(random)
    error = difference.std() / np.sqrt(len(difference))
    assert difference.mean() > 5 * error
    assert fall(named).mean() > 1.5 * fall(random).mean()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([7], "request_invalid"),
        ({"movie_id": 5}, "user_id_missing"),
        ({"user_id": 7}, "movie_id_missing"),
        ({"user_id": 7, "movie_id": 5, "topk": 3}, "field_unknown"),
        ({"user_id": "7", "movie_id": 5}, "user_id_invalid"),
        ({"user_id": 7, "movie_id": -1}, "movie_id_invalid"),
        ({"user_id": 7, "movie_id": None}, "movie_id_invalid"),
        ({"user_id": 7, "movie_id": 5, "top": 0}, "top_invalid"),
        ({"user_id": 7, "movie_id": 5, "top": LARGEST_TOP + 1}, "top_invalid"),
        ({"user_id": 7, "movie_id": 5, "top": True}, "top_invalid"),
    ],
)
def test_bad_questions_are_refused(body, code):
    with pytest.raises(InputError) as caught:
        ExplainRequest.from_dict(body)
    assert (caught.value.code, caught.value.status) == (code, 422)
    assert caught.value.hint


def test_a_question_is_read_and_written():
    request = ExplainRequest.from_json(b'{"user_id": 7, "movie_id": 5}')
    assert request == ExplainRequest(7, 5)
    assert ExplainRequest.from_dict(request.as_dict()) == request
    with pytest.raises(InputError) as caught:
        ExplainRequest.from_json(b"{")
    assert (caught.value.code, caught.value.status) == ("json_invalid", 400)
    assert "movie_id" in caught.value.hint


def test_what_cannot_be_explained_is_refused(recommender, small, models):
    [item] = recommender.recommend(7, 1).items
    rated = int(recommender.rated_by(7)[0])
    known = small.split.development
    popular = Recommender(models["popularity"], known)
    emptied = Recommender(models["mf-bce"], known.take(known.users != 3))  # of user 4
    for who, user, movie, code, status in (
        (recommender, 10**30, item.movie_id, "user_unknown", 404),
        (emptied, 4, 5, "user_unknown", 404),
        (recommender, 7, 10**30, "movie_unknown", 404),
        (recommender, 7, rated, "movie_rated", 422),
        (popular, 7, item.movie_id, "not_explainable", 422),
    ):
        with pytest.raises(InputError) as caught:
            explain(who, user, movie)
        assert (caught.value.code, caught.value.status) == (code, status)
        assert code in CODES


def test_constant_scores_agree_with_nothing(small, models):
    flat = models["mf-bce"]
    arrays = flat.arrays() | {"user_factors": np.zeros_like(flat.user_factors)}
    recommender = Recommender(type(flat).from_arrays(arrays), small.split.development)
    [item] = recommender.recommend(7, 1).items
    assert explain(recommender, 7, item.movie_id).agreement == 0
