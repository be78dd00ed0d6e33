"""A few questions to a model before it may answer anybody else's."""

from __future__ import annotations

import numpy as np

from services.errors import InputError
from services.recommender.questions import Question
from services.recommender.recommender import Recommender

USERS = 16
"""How many of the users are asked for, spread evenly."""


def smoke_test(recommender: Recommender) -> Recommender:
    """Return *recommender* if it answers as a model should.

    A file can be whole and its model useless all the same: a training that diverged leaves NaN.

    Raises
    ------
    ValueError
        If scores are not finite, an answer is empty, or a movie is recommended twice.
    """
    count = len(recommender.user_ids)
    if not count or not len(recommender.movies):
        raise ValueError("the model knows no users, or no movies")
    users = np.unique(np.linspace(0, count - 1, min(USERS, count)).astype(np.int64))
    if not np.isfinite(recommender.model.scores(users)).all():
        raise ValueError("the model's scores are not all finite numbers")
    stranger = int(recommender.user_ids.ids[-1]) + 1
    top_k = min(5, len(recommender.movies))
    questions = [Question(int(user), 1) for user in recommender.user_ids.raw(users)]
    for answer in recommender.recommend_many([*questions, Question(stranger, top_k)]):
        if isinstance(answer, InputError):
            if answer.code == "top_k_too_large":  # a user may have rated every movie
                continue
            raise ValueError(f"the model refused a good question: {answer.message}")
        movies = {item.movie_id for item in answer.items}
        if len(movies) != (top_k if answer.fallback else 1):
            raise ValueError(f"the model recommended {len(movies)} movies to {answer.user_id}")
    return recommender
