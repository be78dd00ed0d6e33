"""The core: what it answers, what it refuses, and that a saved one answers the same."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from services.errors import InputError
from services.recommender.model import storage
from services.recommender.model.ids import IdMap
from services.recommender.model.models import Popularity
from services.recommender.model.ratings import Movies, Ratings
from services.recommender.model.requests import RecommendRequest
from services.recommender.recommender import Recommender
from services.recommender.training.trainer import RECIPES


def with_gaps(ratings):
    """Return the ratings with raw ids that are neither from 0 nor without gaps."""
    user_ids = IdMap(1000 + 3 * np.arange(ratings.n_users))
    movies = replace(ratings.movies, ids=IdMap(50 + 7 * np.arange(ratings.n_items)))
    return replace(ratings, user_ids=user_ids, movies=movies)


@pytest.fixture(scope="module")
def ratings(small):
    return with_gaps(small.split.development)


@pytest.fixture(scope="module", params=list(RECIPES))
def recommender(request, models, ratings):
    return Recommender(models[request.param], ratings, version="7")


@pytest.fixture(scope="module")
def mf(models, ratings):
    return Recommender(models["mf-bce"], ratings)


# ---------------------------------------------------------------- answers


def test_the_answer_is_the_models_order_without_what_was_rated(recommender, ratings):
    user = 17
    answer = recommender.recommend(1000 + 3 * user, top_k=5)
    scores = recommender.model.scores(np.array([user]))[0]
    free = np.setdiff1d(np.arange(ratings.n_items), ratings.items_of(user))
    expected = sorted(free, key=lambda item: (-scores[item], item))[:5]
    assert [item.movie_id for item in answer.items] == [50 + 7 * item for item in expected]
    assert [item.title for item in answer.items] == [ratings.movies.titles[i] for i in expected]
    assert [item.score for item in answer.items] == [scores[item] for item in expected]
    assert (answer.fallback, answer.ignored) == (None, ())
    assert (answer.model, answer.version) == (recommender.model.kind, "7")


def test_what_the_client_says_was_rated_is_left_out_too(mf):
    first = [item.movie_id for item in mf.recommend(1000).items]
    second = mf.recommend(1000, rated=first[:3])
    assert [item.movie_id for item in second.items][:7] == first[3:]
    assert not set(first[:3]) & {item.movie_id for item in second.items}
    as_array = mf.recommend(np.int64(1000), np.int32(10), np.array(first[:3]))
    assert as_array == second


def test_rated_movies_that_the_catalogue_lacks_are_ignored_and_named(mf):
    answer = mf.recommend(1000, rated=[51, 50, 10**30, 51, -4])
    assert answer.ignored == (51, 10**30, -4)
    assert answer.items == mf.recommend(1000, rated=[50]).items


@pytest.mark.parametrize("stranger", [0, 1, 17, 1001, 999_999, 10**30])
def test_an_unknown_user_gets_what_is_popular_and_is_told_so(mf, ratings, stranger):
    answer = mf.recommend(stranger, 3)
    counts = ratings.per_item()
    top = np.argsort(-counts, kind="stable")[:3]
    assert [item.movie_id for item in answer.items] == (50 + 7 * top).tolist()
    assert [item.score for item in answer.items] == counts[top].tolist()
    assert (answer.fallback, answer.model, answer.user_id) == ("popularity", "popularity", stranger)


def test_a_user_of_whom_training_saw_no_rating_is_unknown(models, ratings):
    without = ratings.take(ratings.users != 4)
    recommender = Recommender(models["mf-bce"], without)
    assert 1012 in recommender.user_ids
    assert recommender.recommend(1012).fallback == "popularity"
    assert recommender.rated_by(1012).tolist() == []


def test_of_equal_scores_the_smaller_id_comes_first(ratings):
    flat = Popularity(np.ones(ratings.n_items, np.float32), 3.0)
    answer = Recommender(flat, ratings).recommend(10**6, 4, rated=[57])
    counts = ratings.per_item().copy()
    assert answer.fallback == "popularity"
    known = Recommender(flat, ratings).recommend(1000, 4)
    ids = [item.movie_id for item in known.items]
    assert ids == sorted(ids)
    assert ids[0] == 50 + 7 * np.setdiff1d(np.arange(len(counts)), ratings.items_of(0))[0]


def test_an_answer_is_plain_json(mf):
    answer = mf.recommend(1000, 2, rated=[3])
    told = json.loads(json.dumps(answer.as_dict()))
    assert told == answer.as_dict()
    assert list(told) == ["user_id", "items", "fallback", "ignored", "model", "version"]
    assert list(told["items"][0]) == ["movie_id", "title", "score"]


def test_the_ratings_the_core_was_trained_on_are_told_in_raw_ids(mf, ratings):
    assert mf.rated_by(1006).tolist() == (50 + 7 * ratings.items_of(2)).tolist()


# ---------------------------------------------------------------- batches


def test_a_batch_answers_as_one_by_one_and_a_bad_question_spoils_none(recommender):
    questions = [
        RecommendRequest(1000 + 3 * user, 1 + user, rated)
        for user, rated in enumerate([None, [50], (57, 1), []])
    ]
    bad = [RecommendRequest("x"), RecommendRequest(1000, 10**6)]
    mixed = [bad[0], questions[0], RecommendRequest(5, 2), *questions[1:], bad[1]]
    answers = recommender.recommend_many(mixed)
    assert [type(answer) for answer in (answers[0], answers[-1])] == [InputError, InputError]
    assert answers[2].fallback == "popularity"
    alone = [recommender.recommend(q.user_id, q.top_k, q.rated) for q in questions]
    for together, single in zip([answers[1], *answers[3:6]], alone, strict=True):
        assert [i.movie_id for i in together.items] == [i.movie_id for i in single.items]
        scores = [[item.score for item in answer.items] for answer in (together, single)]
        np.testing.assert_allclose(*scores, rtol=1e-9)
    assert recommender.recommend_many([]) == []


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ({"user_id": "7"}, "user_id_invalid", "'user_id' is '7', a string."),
        ({"top_k": -5}, "top_k_invalid", "'top_k' is -5."),
        ({"rated": np.array([[50.5]])}, "rated_invalid", "'rated', entry 0, is [50.5]"),
    ],
)
def test_a_bad_question_is_refused_with_what_to_change(mf, arguments, code, message):
    with pytest.raises(InputError) as refusal:
        mf.recommend(**{"user_id": 1000, **arguments})
    assert (refusal.value.code, refusal.value.status) == (code, 422)
    assert message in refusal.value.message
    assert refusal.value.hint


def test_more_than_what_is_left_is_refused_with_the_number_left(mf, ratings):
    left = 300 - len(ratings.items_of(0)) - 1
    rated = [mf.recommend(1000, 1).items[0].movie_id]
    assert len(mf.recommend(1000, left, rated=rated).items) == left
    with pytest.raises(InputError, match=f"top_k is 301, but {left} movies are left for user 1000"):
        mf.recommend(1000, 301, rated=rated)
    with pytest.raises(InputError) as refusal:
        mf.recommend(1000, left + 1, rated=rated)
    assert (refusal.value.code, refusal.value.status) == ("top_k_too_large", 422)
    assert refusal.value.hint == f"Ask for {left} or fewer."
    everything = (50 + 7 * np.arange(300)).tolist()
    with pytest.raises(InputError, match="0 movies are left") as refusal:
        mf.recommend(1000, 1, rated=everything)
    assert refusal.value.hint == "Every movie is in 'rated': shorten it."


def test_a_model_of_other_ratings_is_refused(models, ratings):
    fewer = Movies(IdMap(np.arange(10)), ("a",) * 10, ((),) * 10)
    table = Ratings([0], [0], [3.0], [0], ratings.user_ids, fewer)
    with pytest.raises(ValueError, match="not trained on these 200 users and 10 movies"):
        Recommender(models["mf-bce"], table)
    more = replace(ratings, user_ids=IdMap(np.arange(201)))
    with pytest.raises(ValueError, match="not trained on these 201 users"):
        Recommender(models["mf-bce"], more)


# ---------------------------------------------------------------- keeping


def test_a_saved_recommender_answers_the_same(recommender, tmp_path):
    path = recommender.save(tmp_path / "deep" / "model.npz")
    loaded = Recommender.load(path, version="7")
    for user in (1000, 1003, 1597, 5):
        assert loaded.recommend(user, 20, [57]) == recommender.recommend(user, 20, [57])
    assert loaded.movies == recommender.movies
    assert Recommender.load(path).version == "unregistered"
    assert list(path.parent.iterdir()) == [path]


def test_the_same_model_is_the_same_file(recommender, tmp_path):
    one = recommender.save(tmp_path / "one.npz")
    again = Recommender.load(one).save(tmp_path / "again.npz")
    assert one.read_bytes() == again.read_bytes()


def test_the_file_holds_no_pickle(mf, tmp_path):
    with np.load(mf.save(tmp_path / "model.npz"), allow_pickle=False) as file:
        assert all(file[name].dtype.kind in "ifU" for name in file.files)


def test_a_file_that_is_no_model_is_refused(mf, tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"make one with 'python -m services"):
        Recommender.load(tmp_path / "none.npz")
    path = mf.save(tmp_path / "model.npz")
    content = path.read_bytes()
    damaged = tmp_path / "damaged.npz"
    middle = len(content) // 2
    flipped = content[:middle] + bytes(b ^ 255 for b in content[middle:][:64])
    for spoilt in (b"", b"no archive", content[:middle], flipped + content[middle + 64 :]):
        damaged.write_bytes(spoilt)
        with pytest.raises(ValueError, match=r"damaged\.npz is not a model of this project, or"):
            Recommender.load(damaged)
    np.savez(damaged, format=np.array([object()], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        Recommender.load(damaged)
    np.savez(damaged, format=1, kind="mf-bce")
    with pytest.raises(ValueError, match="not a model of this project"):
        Recommender.load(damaged)
    monkeypatch.setattr(storage, "FORMAT", 2)
    with pytest.raises(ValueError, match="format 1; this code reads format 2"):
        Recommender.load(path)


def test_what_cannot_be_kept_leaves_the_old_file(mf, small, ratings, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"saved as an \.npz file"):
        mf.save(tmp_path / "model.pkl")
    with pytest.raises(ValueError, match="kind 'oracle' is not made to be served"):
        Recommender(small.truth, ratings).save(tmp_path / "oracle.npz")
    path = mf.save(tmp_path / "model.npz")
    before = path.read_bytes()

    def full_disk(file, **_):
        file.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full_disk)
    with pytest.raises(OSError, match="No space"):
        mf.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
