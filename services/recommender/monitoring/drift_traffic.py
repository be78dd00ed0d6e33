"""Simulated requests before and after something changes; the true change is known.

There are four scenarios, and only one thing changes in each:

================  ==============================================================================
``"nothing"``     Each user sends requests as often as he or she rates movies.
``"audience"``    Lovers of one genre send more requests, those who dislike it fewer: other inputs.
``"newcomers"``   A tenth of the requests come from users that the model never saw.
``"taste"``       The same users send requests, but a fifth of them now like what another user
                  liked. The model was not retrained, so they get the same lists as before, and
                  click less.
================  ==============================================================================
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from services.drift.logs import Entry
from services.recommender.model.ids import Ints
from services.recommender.model.metrics import best
from services.recommender.model.requests import RecommendRequest
from services.recommender.monitoring.drift_features import Features, entry_of
from services.recommender.recommender import Answer, Recommender
from services.recommender.training.synthetic import Truth

SCENARIOS = ("nothing", "audience", "newcomers", "taste")
TOP_K = 10
GENRE = "Thriller"
"""The genre that the new audience loves."""
LOVE = 0.7
"""A user one standard deviation above the mean sends ``exp(LOVE)`` times as many requests."""
NEWCOMERS = 0.1
"""Share of the requests from unknown users."""
CHANGED = 0.2
"""Share of the users whose taste changes."""
DEPTH = 20
"""A user clicks if the first movie of the list is among this many that suit the user best."""


class Traffic:
    """Draws requests and computes a recommender's answers to them.

    It was trained on ratings of :func:`services.recommender.training.synthetic.make_ratings`;
    *truth* is the truth behind them.
    """

    def __init__(self, recommender: Recommender, truth: Truth) -> None:
        self.features = Features(recommender)
        users = recommender.user_ids.ids.tolist()
        stranger = max(users) + 1
        requests = [RecommendRequest(user, TOP_K) for user in (*users, stranger)]
        answers = [a for a in recommender.recommend_many(requests) if isinstance(a, Answer)]
        self._entries = [entry_of(answer, TOP_K) for answer in answers]
        self._table = self.features.table(self._entries)
        self._rates = recommender.ratings.per_user().astype(float)
        self._love = _love(truth, [GENRE in each for each in recommender.movies.genres])
        first = recommender.movies.ids.indexes([answer.items[0].movie_id for answer in answers])
        suited = _suited(recommender, truth)
        # Whether the user in the column would click what the user in the row is shown.
        self._clicks = np.array([(suited == movie).any(axis=1) for movie in first])

    def requests(
        self, n: int, scenario: str = "nothing", rng: np.random.Generator | int = 0
    ) -> pd.DataFrame:
        """Draw *n* requests and describe them.

        *scenario* is one of :data:`SCENARIOS`; ValueError if not. *rng* may be a seed. There is one
        row per request: the features of ``drift_features.Features``, and ``clicked``, ``"yes"`` or
        ``"no"``.
        """
        shown, clicked = self._draw(n, scenario, np.random.default_rng(rng))
        rows = self._table.iloc[shown].reset_index(drop=True)
        return rows.assign(clicked=np.where(clicked, "yes", "no"))

    def log(
        self, n: int, scenario: str = "nothing", rng: np.random.Generator | int = 0
    ) -> list[Entry]:
        """Draw requests as :meth:`requests` does, and return them as entries of the service's log.

        ``clicked`` is left out: a service does not know it when it answers.
        """
        shown, _ = self._draw(n, scenario, np.random.default_rng(rng))
        stranger = self._entries[-1]["user_id"]
        assert isinstance(stranger, int)
        return [
            self._entries[row] | ({"user_id": stranger + i} if row == len(self._rates) else {})
            for i, row in enumerate(shown.tolist())
        ]

    def _draw(
        self, n: int, scenario: str, rng: np.random.Generator
    ) -> tuple[Ints, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
        """Return the user whose list each request gets (the last is a stranger), and the clicks."""
        if scenario not in SCENARIOS:
            raise ValueError(f"no scenario {scenario!r}; there are {', '.join(SCENARIOS)}")
        weights = self._rates * (np.exp(LOVE * self._love) if scenario == "audience" else 1)
        users = rng.choice(len(weights), n, p=weights / weights.sum())
        shown, tastes = users.copy(), users
        if scenario == "newcomers":  # users with a taste, but with unknown ids
            shown[rng.random(n) < NEWCOMERS] = len(weights)
        if scenario == "taste":
            changed = rng.random(len(weights)) < CHANGED
            others = np.where(changed, rng.permutation(len(weights)), np.arange(len(weights)))
            tastes = others[users]
        return shown, self._clicks[shown, tastes]


def _love(
    truth: Truth, is_genre: Sequence[bool]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return how much each user likes a genre, in standard deviations from the mean."""
    own = truth.exposure - truth.exposure.mean(axis=0)
    love = own[:, np.array(is_genre)].mean(axis=1).astype(np.float64)
    return (love - love.mean()) / love.std()


def _suited(recommender: Recommender, truth: Truth) -> Ints:
    """Return for each user the unrated movies that suit the user best."""
    scores = truth.scores(np.arange(len(truth.exposure)))
    ratings = recommender.ratings
    scores[ratings.users, ratings.items] = -np.inf
    return best(scores, DEPTH)
