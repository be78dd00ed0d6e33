"""A trained recommender, asked about a table that came after it.

The new table has users and movies that the recommender never heard of, and so other indexes. Raw
ids are what both have in common.
"""

from __future__ import annotations

import numpy as np

from services.recommender.ids import Ints
from services.recommender.models import Scores
from services.recommender.ratings import Ratings
from services.recommender.recommender import Recommender


class Elsewhere:
    """A recommender as a model of another table, to be measured there.

    A user whom it does not know gets what is popular, as when it is served. A movie that it does
    not know it never recommends.

    Parameters
    ----------
    recommender : Recommender
        Trained on one table.
    ratings : Ratings
        The other; its indexes count.
    """

    def __init__(self, recommender: Recommender, ratings: Ratings) -> None:
        self.kind = recommender.model.kind
        self._recommender = recommender
        self._user_ids = ratings.user_ids
        places = [recommender.movies.ids.get(raw) for raw in ratings.movies.ids.ids.tolist()]
        self._here = np.flatnonzero([place is not None for place in places])
        self._there = np.array([place for place in places if place is not None], np.int64)
        self._n_items = len(places)

    def scores(self, users: Ints) -> Scores:
        """Score all movies of the other table, -inf where it knows none."""
        scores = np.full((len(users), self._n_items), -np.inf)
        theirs = self._recommender.scores(self._user_ids.raw(users).tolist())
        scores[:, self._here] = theirs[:, self._there]
        return scores

    def ratings(self, users: Ints, items: Ints) -> None:
        """Estimate no ratings."""
        return None
