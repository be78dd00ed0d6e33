"""Split a table into three parts: training, validation to choose a model, and a test used once.

No two parts share a row. What else counts as a leak depends on the question, so there are three
ways to split:

======================  ==================================================================
:func:`by_time`         Training ratings are older than validation ratings, which are older
                        than test ratings, as in a real service. Later parts may have new users.
:func:`leave_one_out`   Each user's last rating is for the test, the one before for
                        validation. A user's own future is unseen, that of others is not.
:func:`at_random`       A random share of each user's ratings. Most published results on
                        MovieLens are of this kind; it uses the future, so it is optimistic.
======================  ==================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.recommender.model.ids import Ints
from services.recommender.model.ratings import Ratings


class Split(NamedTuple):
    """The three parts; they share their maps of ids.

    Attributes
    ----------
    train : Ratings
        To fit the candidates.
    validation : Ratings
        To choose among the candidates; promotion uses this part.
    test : Ratings
        To report on the chosen candidate, after the choice.
    """

    train: Ratings
    validation: Ratings
    test: Ratings

    @property
    def development(self) -> Ratings:
        """Train and validation together; the chosen model is refitted on them."""
        rows = [self.train, self.validation]
        return Ratings(
            np.concatenate([r.users for r in rows]),
            np.concatenate([r.items for r in rows]),
            np.concatenate([r.values for r in rows]),
            np.concatenate([r.timestamps for r in rows]),
            self.train.user_ids,
            self.train.movies,
        )


def by_time(ratings: Ratings, *, validation: float = 0.1, test: float = 0.25) -> Split:
    """Split at two points in time, the same for all users.

    Ratings with the same timestamp stay in one part, so the shares are only approximate.

    Parameters
    ----------
    ratings : Ratings
        In any order.
    validation, test : float
        Shares of the rows, each above 0, together below 1.

    Raises
    ------
    ValueError
        If the shares are out of range, or there are too few timestamps for three parts.
    """
    _check_shares(validation, test)
    times = np.sort(ratings.timestamps)
    # The first timestamps of the later parts; the first rating is always in train.
    ends = [int(len(times) * (1 - share)) for share in (validation + test, test)]
    second, third = (times[max(end, 1)] if len(times) > 1 else 0 for end in ends)
    at = ratings.timestamps
    return _parts(ratings, np.where(at < second, 0, np.where(at < third, 1, 2)))


def leave_one_out(ratings: Ratings) -> Split:
    """Keep each user's last rating for the test and the one before for validation.

    Of two ratings with the same timestamp, the one with the larger item index counts as the later.
    Users with fewer than three ratings are in train only.

    Raises
    ------
    ValueError
        If no user has three ratings.
    """
    order = np.lexsort((ratings.items, ratings.timestamps, ratings.users))
    counts = ratings.per_user()
    last = np.cumsum(counts)[counts >= 3] - 1
    part = np.zeros(len(ratings), np.int64)
    part[order[last - 1]], part[order[last]] = 1, 2
    return _parts(ratings, part)


def at_random(
    ratings: Ratings, *, validation: float = 0.1, test: float = 0.25, seed: int = 0
) -> Split:
    """Split each user's ratings at random.

    Each user contributes the same shares, rounded at random so that small shares are not lost.

    Parameters
    ----------
    ratings : Ratings
        In any order.
    validation, test : float
        Shares of each user's rows, each above 0, together below 1.
    seed : int
        The seed of the split.

    Raises
    ------
    ValueError
        If the shares are out of range, or there are too few ratings for three parts.
    """
    _check_shares(validation, test)
    rng = np.random.default_rng(seed)
    order = np.lexsort((rng.random(len(ratings)), ratings.users))
    counts = ratings.per_user()
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    # The position of each row among its user's rows, 0 to 1; one random offset for each user.
    offsets = np.repeat(rng.random(len(counts)), counts)
    place = np.empty(len(ratings))
    place[order] = (np.arange(len(ratings)) - starts + offsets) / np.repeat(counts, counts)
    return _parts(ratings, np.where(place < test, 2, np.where(place < test + validation, 1, 0)))


SPLITS: dict[str, Callable[[Ratings], Split]] = {
    "random": at_random,
    "time": by_time,
    "leave-one-out": leave_one_out,
}
"""The ways to split, by the names that the command takes."""


def _parts(ratings: Ratings, part: NDArray[np.int64] | Ints) -> Split:
    split = Split(*(ratings.take(part == number) for number in range(3)))
    if not all(len(rows) for rows in split):
        sizes = " + ".join(str(len(rows)) for rows in split)
        raise ValueError(
            f"{len(ratings)} ratings are too few for train, validation and test: {sizes}"
        )
    return split


def _check_shares(validation: float, test: float) -> None:
    if not (validation > 0 and test > 0 and validation + test < 1):
        raise ValueError(
            f"validation and test must be above 0 and add up to less than 1; "
            f"got {validation} and {test}"
        )
