"""Metrics of a recommender: how close its ratings are, and how good its lists are.

Lists are judged by full ranking: for each user, all movies without a rating in the model's training
data are ranked, and the first k are compared with the user's held-out ratings, each of which counts
as relevant. Ranking against a hundred sampled movies is faster, but can order the models
differently (Krichene and Rendle, On Sampled Metrics for Item Recommendation, KDD 2020).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.recommender.model.ids import Ints
from services.recommender.model.models import Model, Scores
from services.recommender.model.ratings import Ratings

BLOCK = 256
"""Users scored at a time; this bounds the memory."""


@dataclass(frozen=True)
class Metrics:
    """A model's metrics.

    Attributes
    ----------
    rmse : float
        Root mean squared error of the ratings, in stars; NaN for a model that only ranks.
    hit_rate : float
        Share of users with at least one relevant movie in their list, 0 to 1.
    ndcg : float
        Normalised discounted cumulative gain of the lists, mean over users, 0 to 1.
    coverage : float
        Share of the catalogue that appears in at least one user's list, 0 to 1.
    users : int
        How many users had both known and held-out ratings.
    k : int
        The length of the lists.
    ndcg_error : float
        Standard error of the NDCG: how much it would vary with another sample of users.
    """

    rmse: float
    hit_rate: float
    ndcg: float
    coverage: float
    users: int
    k: int
    ndcg_error: float = float("nan")

    def interval(self) -> tuple[float, float]:
        """Return the ends of the NDCG's 95 % confidence interval, by the normal approximation."""
        return self.ndcg - 1.96 * self.ndcg_error, self.ndcg + 1.96 * self.ndcg_error

    def as_dict(self) -> dict[str, float]:
        """Return the metrics to log, by name: ``rmse``, ``hr_at_10`` …; NaN is left out."""
        named = {
            "rmse": self.rmse,
            f"hr_at_{self.k}": self.hit_rate,
            f"ndcg_at_{self.k}": self.ndcg,
            f"coverage_at_{self.k}": self.coverage,
        }
        return {name: value for name, value in named.items() if not np.isnan(value)}


@dataclass(frozen=True)
class Lists:
    """The users' lists and their hits, for n users with lists of length k.

    Attributes
    ----------
    users, relevant : ndarray of shape (n,)
        Indexes of the users, and how many movies are relevant for each, at least 1.
    items : ndarray of shape (n, k)
        Indexes of the movies, the best first; -1 where fewer than k were left.
    hits : ndarray of shape (n, k), bool
        Whether each is relevant.
    n_items : int
        Size of the catalogue.
    """

    users: Ints
    items: Ints
    hits: NDArray[np.bool_]
    relevant: Ints
    n_items: int

    def hit_rate(self) -> float:
        """Return the share of users with a hit."""
        return float(self.hits.any(axis=1).mean())

    def ndcg_per_user(self) -> Scores:
        """Return each user's NDCG, shape (n,), for instance for a bootstrap over users.

        With relevance 0 or 1 (Järvelin and Kekäläinen, ACM TOIS 20(4), 2002).
        """
        discounts = 1 / np.log2(np.arange(2, self.hits.shape[1] + 2))
        ideal = np.cumsum(discounts)[np.minimum(self.relevant, len(discounts)) - 1]
        return self.hits @ discounts / ideal

    def coverage(self) -> float:
        """Return the share of the catalogue that was recommended at all."""
        return len(np.unique(self.items[self.items >= 0])) / self.n_items


def best(scores: Scores, k: int) -> Ints:
    """Return the indexes of the k best scores in each row, the best first.

    Of equal scores the leftmost counts as the best, so that an answer never depends on the sorting
    algorithm. Movies with a score of -inf are not candidates; their indexes are -1. *scores* has
    the shape (n, n_items) and no NaN, the result (n, min(k, n_items)).
    """
    k = min(k, scores.shape[1])
    # All scores that reach the k-th best; with ties there may be more than k.
    bar = np.partition(scores, scores.shape[1] - k, axis=1)[:, -k]
    places = np.full((len(scores), k), -1)
    for row, (line, least) in enumerate(zip(scores, bar, strict=True)):
        reach = np.flatnonzero((line >= least) & (line > -np.inf))
        first = reach[np.argsort(-line[reach], kind="stable")][:k]
        places[row, : len(first)] = first
    return places


def rank(model: Model, known: Ratings, held_out: Ratings, k: int = 10) -> Lists:
    """Make the lists of all users that have known and held-out ratings, and judge them.

    The model was fitted on *known*: movies rated in it are not recommended to the same users again.
    The movies in *held_out* are the relevant ones. Raises ValueError if there is no such user.
    """
    users = np.flatnonzero((known.per_user() > 0) & (held_out.per_user() > 0))
    if not len(users):
        raise ValueError("no user has both known and held-out ratings")
    items = np.concatenate([_lists(model, known, block, k) for block in _blocks(users)])
    hits = held_out.contains(users[:, None], np.maximum(items, 0)) & (items >= 0)
    return Lists(users, items, hits, held_out.per_user()[users], known.n_items)


def rmse(model: Model, held_out: Ratings, *, low: float = 1.0, high: float = 5.0) -> float:
    """Return the root mean squared error of the estimated ratings; NaN if there are none.

    Estimates are first clipped to the rating scale.
    """
    estimates = model.ratings(held_out.users, held_out.items)
    if estimates is None:
        return float("nan")
    errors = np.clip(estimates, low, high) - held_out.values
    return float(np.sqrt(np.mean(errors**2)))


def evaluate(model: Model, known: Ratings, held_out: Ratings, k: int = 10) -> Metrics:
    """Measure everything; see :class:`Metrics`, :func:`rank` and :func:`rmse`."""
    lists = rank(model, known, held_out, k)
    error = rmse(model, held_out, low=float(known.values.min()), high=float(known.values.max()))
    per_user = lists.ndcg_per_user()
    spread = float(per_user.std(ddof=1) / len(per_user) ** 0.5) if len(per_user) > 1 else math.nan
    return Metrics(
        rmse=error,
        hit_rate=lists.hit_rate(),
        ndcg=float(per_user.mean()),
        coverage=lists.coverage(),
        users=len(lists.users),
        k=k,
        ndcg_error=spread,
    )


def _lists(model: Model, known: Ratings, users: Ints, k: int) -> Ints:
    scores = model.scores(users)
    for row, user in enumerate(users):
        scores[row, known.items_of(user)] = -np.inf
    return best(scores, k)


def _blocks(users: Ints) -> Iterator[Ints]:
    for start in range(0, len(users), BLOCK):
        yield users[start : start + BLOCK]
