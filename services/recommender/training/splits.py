"""Split a table into three parts: training, validation to choose a model, and a test used once.

No two parts share a row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from services.recommender.model.ids import Ints
from services.recommender.model.ratings import Ratings


class Split(NamedTuple):
    """The three parts; they share their maps of ids.

    Candidates are fitted on *train*. *validation* is to choose among them; promotion uses this
    part. *test* is to report on the chosen candidate, after the choice.
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


VALIDATION, TEST = 0.1, 0.25
"""Shares of each user's ratings."""


def at_random(ratings: Ratings, *, seed: int = 0) -> Split:
    """Split each user's ratings at random.

    Each user contributes the same shares, rounded at random so that small shares are not lost. Most
    published results on MovieLens are of this kind. It is optimistic: a model learns from ratings
    that are newer than those it is tested on. Raises ValueError if there are too few ratings for
    three parts.
    """
    rng = np.random.default_rng(seed)
    order = np.lexsort((rng.random(len(ratings)), ratings.users))
    counts = ratings.per_user()
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    # The position of each row among its user's rows, 0 to 1; one random offset for each user.
    offsets = np.repeat(rng.random(len(counts)), counts)
    place = np.empty(len(ratings))
    place[order] = (np.arange(len(ratings)) - starts + offsets) / np.repeat(counts, counts)
    return _parts(ratings, np.where(place < TEST, 2, np.where(place < TEST + VALIDATION, 1, 0)))


def by_time(ratings: Ratings) -> Split:
    """Hold out the newest ratings: the last tenth as test, the tenth before as validation.

    Ratings with the same timestamp stay in one part, so the shares are only approximate. Later
    parts may have new users. Raises ValueError if there are too few timestamps for three parts.
    """
    at, times = ratings.timestamps, np.sort(ratings.timestamps)
    # The first timestamps of the later parts; the first rating is always in train.
    ends = [max(int(len(times) * share), 1) for share in (0.8, 0.9)]
    second, third = (times[end] if len(times) > 1 else 0 for end in ends)
    return _parts(ratings, np.where(at < second, 0, np.where(at < third, 1, 2)))


def _parts(ratings: Ratings, part: Ints) -> Split:
    split = Split(*(ratings.take(part == number) for number in range(3)))
    if not all(len(rows) for rows in split):
        sizes = " + ".join(str(len(rows)) for rows in split)
        raise ValueError(
            f"{len(ratings)} ratings are too few for train, validation and test: {sizes}"
        )
    return split
