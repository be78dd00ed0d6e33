"""The simulated users: what the steps rely on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.loop import world
from services.recommender.training.movielens import load_movielens


def test_written_ratings_are_read_again(tmp_path: Path) -> None:
    users = world.write(tmp_path, seed=1)
    read = load_movielens(tmp_path)
    assert len(read) == len(users.ratings) == world.RATINGS + world.NEW * world.USERS
    assert (np.sort(read.timestamps) == np.sort(users.ratings.timestamps)).all()
    assert read.values.sum() == users.ratings.values.sum()


def test_version_1_and_the_candidate_share_no_held_out_rating(tmp_path: Path) -> None:
    users = world.write(tmp_path, seed=1)
    ratings = load_movielens(tmp_path)
    split = world.split(ratings, users.since, seed=3)
    old = world.old_split(ratings, users.since, seed=3)
    for held_out in (split.validation, split.test):
        for known in (split.train, old.train):
            assert not known.contains(held_out.users, held_out.items).any()
    assert split.validation.timestamps.min() >= users.since > split.test.timestamps.max()
    assert split.train.timestamps.min() < users.since <= split.train.timestamps.max()


def test_without_new_ratings_there_is_no_split(tmp_path: Path) -> None:
    ratings = load_movielens(world.write(tmp_path, seed=1) and tmp_path)
    with pytest.raises(ValueError, match="too few"):
        world.split(ratings, since=2**40)


def test_wishes_change_for_some_movies_only() -> None:
    users = world.make_world(seed=1)
    moved = (users.before.exposure != users.after.exposure).any(axis=0)
    assert 0.3 < moved.mean() < 0.7
    assert np.allclose(users.before.exposure.std(), users.after.exposure.std(), rtol=0.05)


def test_an_answer_that_never_comes_ends_in_a_clear_error() -> None:
    with pytest.raises(TimeoutError, match=r"does not serve version 3 as prod after 0\.3 s"):
        world.wait_for("http://127.0.0.1:9", "prod", 3, seconds=0.3)
    lost = world.visit("http://127.0.0.1:9", changed=True)
    assert (lost.status == 0).all()
    assert (lost.clicks == 0).all()
