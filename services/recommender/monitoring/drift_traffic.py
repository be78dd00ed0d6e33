"""Requests as they might come, before and after something changes. The truth is known.

Four things can happen from one request to the next, each on its own:

================  ==============================================================================
``"nothing"``     Users ask as often as they rate.
``"audience"``    Lovers of one genre ask more often, those who dislike it less: other inputs.
``"newcomers"``   A tenth of the requests come from users that the model never saw.
``"taste"``       The same users ask, but a fifth of them now like what somebody else liked. The
                  model was not told, so they get the same lists as before; they click less.
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
"""What the new audience loves."""
LOVE = 0.7
"""How strongly: a user one standard deviation above the mean asks ``exp(LOVE)`` times as often."""
NEWCOMERS = 0.1
"""Share of the requests from unknown users."""
CHANGED = 0.2
"""Share of the users whose taste moves."""
DEPTH = 20
"""A user clicks if the first movie of the list is among so many that suit them best."""


class Traffic:
    """Draws requests and what a recommender answers to them.

    Parameters
    ----------
    recommender : Recommender
        Trained on ratings of :func:`services.recommender.training.synthetic.make_ratings`.
    truth : Truth
        Of the same ratings.
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
        # Whether the user of the column would click what the user of the row is shown.
        self._clicks = np.array([(suited == movie).any(axis=1) for movie in first])

    def requests(
        self, n: int, scenario: str = "nothing", rng: np.random.Generator | int = 0
    ) -> pd.DataFrame:
        """Draw requests and describe them.

        Parameters
        ----------
        n : int
            How many.
        scenario : str
            One of :data:`SCENARIOS`.
        rng : Generator or int
            Where the draws come from, or a seed.

        Returns
        -------
        pandas.DataFrame
            A row a request: the features of ``drift_features.Features``, and
            ``clicked``, ``"yes"`` or ``"no"``.

        Raises
        ------
        ValueError
            If there is no such scenario.
        """
        shown, clicked = self._draw(n, scenario, np.random.default_rng(rng))
        rows = self._table.iloc[shown].reset_index(drop=True)
        return rows.assign(clicked=np.where(clicked, "yes", "no"))

    def log(
        self, n: int, scenario: str = "nothing", rng: np.random.Generator | int = 0
    ) -> list[Entry]:
        """Draw requests as :meth:`requests` does, as entries of the service's log.

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
        """Return whose list each request gets, the last being a stranger's, and the clicks."""
        if scenario not in SCENARIOS:
            raise ValueError(f"no scenario {scenario!r}; there are {', '.join(SCENARIOS)}")
        weights = self._rates * (np.exp(LOVE * self._love) if scenario == "audience" else 1)
        users = rng.choice(len(weights), n, p=weights / weights.sum())
        shown, tastes = users.copy(), users
        if scenario == "newcomers":  # somebody with a taste, but with an id that nobody knows
            shown[rng.random(n) < NEWCOMERS] = len(weights)
        if scenario == "taste":
            changed = rng.random(len(weights)) < CHANGED
            others = np.where(changed, rng.permutation(len(weights)), np.arange(len(weights)))
            tastes = others[users]
        return shown, self._clicks[shown, tastes]


def _love(
    truth: Truth, is_genre: Sequence[bool]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return how much more than others each user likes a genre, in standard deviations."""
    own = truth.exposure - truth.exposure.mean(axis=0)
    love = own[:, np.array(is_genre)].mean(axis=1).astype(np.float64)
    return (love - love.mean()) / love.std()


def _suited(recommender: Recommender, truth: Truth) -> Ints:
    """Return for each user the movies that suit them best of those they have not rated."""
    scores = truth.scores(np.arange(len(truth.exposure)))
    ratings = recommender.ratings
    scores[ratings.users, ratings.items] = -np.inf
    return best(scores, DEPTH)
