"""Ratings as a table: who rated which movie, how, and when.

Everything that uses this module counts users and movies by index. The raw ids are kept in two
:class:`~services.recommender.model.ids.IdMap`, which all parts of a split share.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from services.recommender.model.ids import IdMap, Ints

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Movies:
    """The catalogue: everything that can be recommended, rated or not.

    *ids* maps raw movie ids to item indexes and back. For each index there is a title with the
    year, ``"The Silent Harbour (1987)"``, and a tuple of genres, which may be empty.
    """

    ids: IdMap
    titles: tuple[str, ...]
    genres: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        if not len(self.ids) == len(self.titles) == len(self.genres):
            raise ValueError(
                f"{len(self.ids)} movie ids, {len(self.titles)} titles and "
                f"{len(self.genres)} lists of genres; each movie needs one of each"
            )

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Ratings:
    """A table of ratings, one per row. The arrays are read-only.

    Attributes
    ----------
    users, items : ndarray of shape (n,), int64
        Indexes into :attr:`user_ids` and :attr:`movies`.
    values : ndarray of shape (n,), float32
        The ratings, usually 1 to 5.
    timestamps : ndarray of shape (n,), int64
        Seconds since 1970, UTC.
    user_ids : IdMap
        Raw user id to user index and back.
    movies : Movies
        The catalogue.

    Raises
    ------
    ValueError
        If the columns differ in length, or an index is outside its map.
    """

    users: Ints
    items: Ints
    values: Floats
    timestamps: Ints
    user_ids: IdMap
    movies: Movies

    def __post_init__(self) -> None:
        columns = {"users": np.int64, "items": np.int64, "values": np.float32}
        for name, dtype in {**columns, "timestamps": np.int64}.items():
            column = np.array(getattr(self, name), dtype=dtype)
            if column.shape != (len(self.users),):
                raise ValueError(
                    f"column {name} has the shape {column.shape}, users {len(self.users)} rows"
                )
            column.flags.writeable = False
            object.__setattr__(self, name, column)
        for name, size in (("users", self.n_users), ("items", self.n_items)):
            column = getattr(self, name)
            if len(column) and not 0 <= column.min() <= column.max() < size:
                raise ValueError(
                    f"{name} are indexes 0 to {size - 1}, not raw ids; "
                    f"got {column.min()} to {column.max()}"
                )

    def __len__(self) -> int:
        return len(self.users)

    @property
    def n_users(self) -> int:
        """The number of users in the map, including those without a rating in this table."""
        return len(self.user_ids)

    @property
    def n_items(self) -> int:
        """The number of movies in the catalogue, including those without a rating here."""
        return len(self.movies)

    def take(self, rows: NDArray[np.bool_] | Ints) -> Ratings:
        """Return the rows that a mask or an index array selects; the maps stay the same."""
        return replace(
            self,
            users=self.users[rows],
            items=self.items[rows],
            values=self.values[rows],
            timestamps=self.timestamps[rows],
        )

    def per_user(self) -> Ints:
        """Count each user's ratings, shape (n_users,)."""
        return np.bincount(self.users, minlength=self.n_users)

    def per_item(self) -> Ints:
        """Count each movie's ratings, shape (n_items,)."""
        return np.bincount(self.items, minlength=self.n_items)

    def items_of(self, user: int) -> Ints:
        """Return the item indexes that a user (by index) rated, in ascending order."""
        starts, items = self._by_user
        return items[starts[user] : starts[user + 1]]

    def contains(self, users: Ints, items: Ints) -> NDArray[np.bool_]:
        """Return for each pair of user and item whether the table has its rating."""
        pairs = np.asarray(users) * self.n_items + items
        places = np.searchsorted(self._pairs, pairs)
        places[places == len(self._pairs)] = 0
        return self._pairs[places] == pairs if len(self._pairs) else np.zeros(pairs.shape, bool)

    @cached_property
    def _pairs(self) -> Ints:
        return np.sort(self.users * self.n_items + self.items)

    @cached_property
    def _by_user(self) -> tuple[Ints, Ints]:
        """Start of each user's items, shape (n_users + 1,), and the items, user by user."""
        starts = np.concatenate([[0], np.cumsum(self.per_user())])
        return starts, self._pairs % max(self.n_items, 1)


def gini(counts: Ints) -> float:
    """Return the Gini coefficient of counts: 0 (all equal) to 1 (one has them all).

    Applied to :meth:`Ratings.per_item`, it measures how far the ratings concentrate on a few
    movies.
    """
    rising = np.sort(np.asarray(counts, float))
    total = rising.sum()
    if not total:
        return 0.0
    ranks = np.arange(1, len(rising) + 1)
    return float((2 * ranks - len(rising) - 1) @ rising / (len(rising) * total))
