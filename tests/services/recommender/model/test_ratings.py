"""Ids, the table, and the splits."""

from __future__ import annotations

import numpy as np
import pytest

from services.recommender.model.ids import IdMap
from services.recommender.model.ratings import Movies, Ratings, gini
from services.recommender.training.splits import at_random, by_time


def table(rows, n_users=3, n_movies=4):
    """Make ratings of (user index, item index, stars, time); raw ids are 10, 20, 30 …"""
    columns = np.array(rows).T.reshape(4, -1)
    ids = IdMap(10 * np.arange(1, n_movies + 1))
    movies = Movies(ids, tuple("abcdefgh"[:n_movies]), ((),) * n_movies)
    return Ratings(*columns, IdMap(10 * np.arange(1, n_users + 1)), movies)


def rows_of(ratings):
    columns = (ratings.users, ratings.items, ratings.values, ratings.timestamps)
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


# ---------------------------------------------------------------- ids


def test_ids_go_there_and_back():
    rng = np.random.default_rng(0)
    raw = rng.choice(163_950, 9_066, replace=False)
    ids = IdMap(raw)
    places = ids.indexes(raw)
    assert sorted(places.tolist()) == list(range(9_066))
    np.testing.assert_array_equal(ids.raw(places), raw)
    assert [ids.get(int(one)) for one in raw[:50]] == places[:50].tolist()
    assert ids == IdMap(raw[::-1])
    assert ids != IdMap(raw[1:])


@pytest.mark.parametrize("stranger", [0, 4, 163_950, -1])
def test_an_unknown_id_has_no_index(stranger):
    ids = IdMap([1, 50, 163_949])
    with pytest.raises(KeyError, match=f"no such id: {stranger}"):
        ids.indexes([1, stranger])
    assert ids.get(stranger) is None
    assert stranger not in ids
    assert ids.known([163_949, stranger, 1]) == [2, 0]


def test_an_id_of_any_size_can_be_asked_for():
    assert IdMap([1]).get(10**40) is None


def test_a_negative_index_is_refused_and_not_counted_from_the_end():
    with pytest.raises(IndexError, match="must be 0 or more; got -1"):
        IdMap([5, 6]).raw([0, -1])
    with pytest.raises(IndexError):
        IdMap([5, 6]).raw([2])


# ---------------------------------------------------------------- the table


def test_a_table_answers_who_rated_what():
    ratings = table([(1, 3, 5, 7), (0, 2, 1, 9), (1, 0, 2, 8)])
    assert ratings.items_of(1).tolist() == [0, 3]
    assert ratings.items_of(2).tolist() == []
    assert ratings.per_user().tolist() == [1, 2, 0]
    assert ratings.per_item().tolist() == [1, 0, 1, 1]
    users, items = np.divmod(np.arange(12), 4)
    assert np.flatnonzero(ratings.contains(users, items)).tolist() == [2, 4, 7]
    assert not table([]).contains(users, items).any()


def test_raw_ids_in_place_of_indexes_are_refused():
    with pytest.raises(ValueError, match="items are indexes 0 to 3, not raw ids; got 10 to 40"):
        table([(0, 10, 5, 0), (0, 40, 5, 0)])


def test_columns_of_different_lengths_are_refused():
    good = table([(0, 0, 5, 0)])
    with pytest.raises(ValueError, match="column values has the shape"):
        Ratings([0], [0], [1.0, 2.0], [0], good.user_ids, good.movies)
    with pytest.raises(ValueError, match="each movie needs one of each"):
        Movies(IdMap([1, 2]), ("only one",), ((), ()))


def test_a_table_cannot_be_changed():
    ratings = table([(0, 0, 5, 0)])
    with pytest.raises(ValueError, match="read-only"):
        ratings.values[0] = 1


def test_gini_of_known_spreads():
    assert gini(np.array([3, 3, 3])) == pytest.approx(0)
    assert gini(np.array([0, 0, 0, 8])) == pytest.approx(0.75)
    assert gini(np.zeros(3, int)) == 0


# ---------------------------------------------------------------- splits


@pytest.mark.parametrize("how", [at_random, by_time])
@pytest.mark.parametrize("seed", range(4))
def test_no_row_is_in_two_parts_or_in_none(how, seed):
    rng = np.random.default_rng(seed)
    n_users, n_movies = int(rng.integers(3, 30)), int(rng.integers(8, 40))
    pairs = rng.choice(n_users * n_movies, n_users * 6, replace=False)
    users, items = np.divmod(pairs, n_movies)
    times = rng.integers(0, 50, len(pairs))  # many at the same moment
    ids, movie_ids = IdMap(np.arange(n_users)), IdMap(np.arange(n_movies))
    movies = Movies(movie_ids, ("",) * n_movies, ((),) * n_movies)
    stars = rng.integers(1, 6, len(pairs))
    ratings = Ratings(users, items, stars, times, ids, movies)
    split = how(ratings)
    together = sorted(row for part in split for row in rows_of(part))
    assert together == rows_of(ratings)
    assert rows_of(split.development) == sorted(rows_of(split.train) + rows_of(split.validation))
    assert all(part.user_ids is ids and part.movies is movies for part in split)


def test_by_time_no_part_knows_the_next_ones_time(small):
    split = by_time(small.ratings)
    assert split.train.timestamps.max() < split.validation.timestamps.min()
    assert split.validation.timestamps.max() < split.test.timestamps.min()
    assert [len(part) / 12_000 for part in split] == pytest.approx([0.8, 0.1, 0.1], abs=0.01)


def test_at_random_takes_the_same_share_of_every_user(small):
    split = at_random(small.ratings)
    counts = small.ratings.per_user()
    for part, share in zip(split, (0.65, 0.1, 0.25), strict=True):
        assert np.abs(part.per_user() - share * counts).max() <= 2
    again, other = at_random(small.ratings), at_random(small.ratings, seed=1)
    assert rows_of(again.test) == rows_of(split.test)
    assert rows_of(other.test) != rows_of(split.test)


@pytest.mark.parametrize("split", [at_random, by_time])
@pytest.mark.parametrize("count", [1, 2])
def test_too_few_ratings_are_refused(split, count):
    rows = [(user, 0, 5, 7) for user in range(count)]  # all at one moment
    with pytest.raises(ValueError, match="too few for train, validation and test"):
        split(table(rows))
