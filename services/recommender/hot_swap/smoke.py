"""A smoke test: a few requests to a model before it goes into service."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from services.errors import InputError
from services.recommender.model.requests import RecommendRequest
from services.recommender.recommender import Recommender

USERS = 16
"""How many users are tested, spread evenly over the table."""


def load_tested(file: Path, version: str = "unregistered") -> Recommender:
    """Load a recommender and return it if it passes the smoke test.

    Raises
    ------
    OSError
        If the file is missing or cannot be read.
    ValueError
        If it is damaged, or its model useless.
    """
    try:
        return smoke_test(Recommender.load(file, version=version))
    except (OSError, ValueError, MemoryError):
        raise
    except Exception as error:  # whatever a file's arrays can lead to
        raise ValueError(f"the model fails: {error!r:.200}") from error


def smoke_test(recommender: Recommender) -> Recommender:
    """Return *recommender* if it answers as a model should; raise a ValueError if not.

    A file can be intact and its model still useless: a training run that diverged leaves NaN.
    """
    count = len(recommender.user_ids)
    if not count or not len(recommender.movies):
        raise ValueError("the model has no users, or no movies")
    users = np.unique(np.linspace(0, count - 1, min(USERS, count)).astype(np.int64))
    if not np.isfinite(recommender.model.scores(users)).all():
        raise ValueError("the model's scores are not all finite numbers")
    unknown = int(recommender.user_ids.ids[-1]) + 1
    top_k = min(5, len(recommender.movies))
    requests = [RecommendRequest(int(user), 1) for user in recommender.user_ids.raw(users)]
    for answer in recommender.recommend_many([*requests, RecommendRequest(unknown, top_k)]):
        if isinstance(answer, InputError):
            if answer.code == "top_k_too_large":  # a user may have rated every movie
                continue
            raise ValueError(f"the model refused a valid request: {answer.message}")
        movies = {item.movie_id for item in answer.items}
        if len(movies) != (top_k if answer.fallback else 1):
            raise ValueError(f"the model recommended {len(movies)} movies to {answer.user_id}")
    return recommender
