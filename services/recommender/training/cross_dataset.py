"""Measure a trained recommender on another table of ratings than the one it was trained on.

The other table has new users and movies, and therefore other indexes; raw ids connect the two.
"""

from __future__ import annotations

import numpy as np

from services.recommender.model.ids import Ints
from services.recommender.model.models import Scores
from services.recommender.model.ratings import Ratings
from services.recommender.recommender import Recommender


class CrossDatasetModel:
    """Adapts a recommender to another table of ratings, so that it can be measured on it.

    The other table's indexes of users and movies are used. An unknown user gets popular movies, as
    in service. Unknown movies are never recommended.
    """

    def __init__(self, recommender: Recommender, ratings: Ratings) -> None:
        self.kind = recommender.model.kind
        self._recommender = recommender
        self._user_ids = ratings.user_ids
        indexes = [recommender.movies.ids.get(raw) for raw in ratings.movies.ids.ids.tolist()]
        self._known = np.flatnonzero([index is not None for index in indexes])
        self._trained = np.array([index for index in indexes if index is not None], np.int64)
        self._n_items = len(indexes)

    def scores(self, users: Ints) -> Scores:
        """Score all movies of the other table, -inf for unknown ones."""
        scores = np.full((len(users), self._n_items), -np.inf)
        trained = self._recommender.scores(self._user_ids.raw(users).tolist())
        scores[:, self._known] = trained[:, self._trained]
        return scores

    def ratings(self, users: Ints, items: Ints) -> None:
        """Return None: ratings are not estimated."""
        return None
