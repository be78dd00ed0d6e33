"""Simulated clicks of an A/B test, and whether the difference between the groups is significant.

The clicks are simulated from the truth behind simulated ratings, so an experiment takes a second
and can be repeated. Users look less often at movies further down the list, and click a movie they
look at if it appeals to them: the position-based model (Craswell, Zoeter, Taylor and Ramsey, "An
experimental comparison of click position-bias models", WSDM 2008).

Users are assigned to the groups, so users are the units of comparison. One user's clicks are
correlated; counting them as independent trials would make the noise look smaller than it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from services.recommender.model.ratings import Ratings
from services.recommender.training.synthetic import Truth

Rates = NDArray[np.float64]

APPEAL = 0.99
"""A movie at this quantile of a user's exposures is clicked half of the times it is looked at."""


def click_rates(
    lists: Mapping[int, Sequence[int]], ratings: Ratings, truth: Truth, *, seed: int = 0
) -> dict[int, float]:
    """Simulate one visit by each user and return the share of the shown movies that was clicked.

    Parameters
    ----------
    lists : mapping of int to sequence of int
        For each user's raw id, the raw ids of the movies shown, the first at the top.
    ratings : Ratings
        The ratings whose maps turn raw ids into the truth's indexes.
    truth : Truth
        What the users really want.
    seed : int
        The random draws for a user depend on the seed and the user, not on the other users.

    Returns
    -------
    dict of int to float
        0 to 1, in the order of *lists*. Users without a list are left out.

    Raises
    ------
    KeyError
        If an id is unknown.
    """
    rates = {}
    for user_id, movie_ids in lists.items():
        if not len(movie_ids):
            continue
        user = int(ratings.user_ids.indexes(user_id))
        chances = chance_of_a_click(user, ratings.movies.ids.indexes(movie_ids), truth)
        luck = np.random.default_rng((seed, user)).random(len(chances))
        rates[user_id] = float((luck < chances).mean())
    return rates


def chance_of_a_click(user: int, items: NDArray[np.int64], truth: Truth) -> Rates:
    """Return how likely a user (by index) clicks each of the items shown, the first at the top."""
    exposure = truth.exposure[user]
    over = exposure[items] - np.quantile(exposure, APPEAL)
    looked = 1 / np.log2(np.arange(len(items)) + 2)  # as NDCG discounts the positions
    return np.asarray(looked / (1 + np.exp(-over.astype(np.float64))))


@dataclass(frozen=True)
class Comparison:
    """Two groups of users, A and B, and their click-through rates.

    Attributes
    ----------
    users, rates : tuple
        How many users are in A and in B, and the mean rates of A's and of B's.
    difference : float
        B's mean minus A's.
    interval : tuple of float
        The 95 % confidence interval of the difference, from a bootstrap over users.
    p_value : float
        How often a difference this large, in either direction, occurs by chance if there is no true
        difference (Welch's t-test).
    detectable : float
        The smallest true difference, in either direction, that four of five such experiments would
        find at the 5 % level.
    """

    users: tuple[int, int]
    rates: tuple[float, float]
    difference: float
    interval: tuple[float, float]
    p_value: float
    detectable: float

    @property
    def significant(self) -> bool:
        """Whether the p-value is below 5 %."""
        return self.p_value < 0.05


def compare(a: Sequence[float], b: Sequence[float], *, seed: int = 0) -> Comparison:
    """Compare two groups of users by one number for each user.

    Raises ValueError if a group has fewer than two users: then their variance is unknown.
    """
    first, second = np.asarray(a, float), np.asarray(b, float)
    if min(len(first), len(second)) < 2:
        raise ValueError(f"each group needs two users or more; got {len(first)} and {len(second)}")
    rng = np.random.default_rng(seed)
    means = [
        group[rng.integers(0, len(group), (4000, len(group)))].mean(axis=1)
        for group in (first, second)
    ]
    low, high = np.quantile(means[1] - means[0], [0.025, 0.975])
    error = math.sqrt(first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second))
    p_value = stats.ttest_ind(second, first, equal_var=False).pvalue if error else 1.0
    return Comparison(
        users=(len(first), len(second)),
        rates=(float(first.mean()), float(second.mean())),
        difference=float(second.mean() - first.mean()),
        interval=(float(low), float(high)),
        p_value=float(p_value),
        detectable=_quantiles() * error,
    )


def users_needed(difference: float, deviation: float, share_b: float = 0.5) -> int:
    """Return how many users, in both groups, are needed to find a difference in four of five tries.

    *deviation* is the standard deviation between users, 0 or more, and *share_b* the share of the
    users in B. Raises ValueError if the difference is 0, or a group is empty.
    """
    if not difference or not 0 < share_b < 1:
        raise ValueError(
            f"a difference other than 0 and a share between 0 and 1 are needed; "
            f"got {difference} and {share_b}"
        )
    spread = deviation**2 * (1 / share_b + 1 / (1 - share_b))
    return math.ceil((_quantiles() / difference) ** 2 * spread)


def _quantiles() -> float:
    """Return how many standard errors a difference must span: 5 % two-sided, power 80 %."""
    return float(stats.norm.ppf(0.975) + stats.norm.ppf(0.8))
