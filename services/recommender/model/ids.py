"""The one mapping from raw ids to row indexes in a model's tables, and back.

A data set numbers its users and movies as it likes: from 1, with gaps, up to 163,949 for 9,066
movies. A model needs indexes from 0 without gaps. If training and serving each compute the index
themselves (``id - 1`` here, ``id`` there), every recommendation is one movie off and nothing fails.
So the mapping exists once: an :class:`IdMap` is made when the ratings are read, and is saved in the
same file as the model that was trained with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]


class IdMap:
    """Raw ids and their indexes, 0 to n - 1, in the order of the raw ids.

    Parameters
    ----------
    raw : array-like of int
        The raw ids, in any order; each counts once.

    Examples
    --------
    >>> movies = IdMap([50, 1, 163949])
    >>> movies.indexes([163949, 1]).tolist()
    [2, 0]
    >>> movies.raw([2, 0]).tolist()
    [163949, 1]
    >>> movies.get(2) is None
    True
    """

    def __init__(self, raw: ArrayLike) -> None:
        ids = np.unique(np.asarray(raw, dtype=np.int64))
        ids.flags.writeable = False
        self._ids: Ints = ids

    @property
    def ids(self) -> Ints:
        """The raw ids in ascending order; the position in this array is the index. Read-only."""
        return self._ids

    def indexes(self, raw: ArrayLike) -> Ints:
        """Return the index of each raw id.

        Raises KeyError if a raw id is not in the map; it names the first.
        """
        wanted = np.asarray(raw, dtype=np.int64)
        places = np.searchsorted(self._ids, wanted)
        found = np.zeros(wanted.shape, bool)
        inside = places < len(self._ids)
        found[inside] = self._ids[places[inside]] == wanted[inside]
        if not found.all():
            raise KeyError(f"no such id: {wanted[~found].flat[0]}")
        return places

    def raw(self, indexes: ArrayLike) -> Ints:
        """Return the raw id of each index, the inverse of :meth:`indexes`.

        Raises IndexError if an index is outside 0 to n - 1.
        """
        places = np.asarray(indexes, dtype=np.int64)
        if places.size and places.min() < 0:
            raise IndexError(f"an index must be 0 or more; got {places.min()}")
        return self._ids[places]

    def get(self, raw: int) -> int | None:
        """Return the index of one raw id, of any size; None if it is not in the map."""
        return self._places.get(raw)

    def known(self, raw: Iterable[int]) -> list[int]:
        """Return the indexes of those raw ids that are in the map, in the order given."""
        return [place for one in raw if (place := self._places.get(one)) is not None]

    @cached_property
    def _places(self) -> dict[int, int]:
        return {raw: place for place, raw in enumerate(self._ids.tolist())}

    def __contains__(self, raw: int) -> bool:
        return raw in self._places

    def __len__(self) -> int:
        return len(self._ids)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IdMap) and np.array_equal(self._ids, other._ids)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        if not len(self):
            return "IdMap(empty)"
        return f"IdMap({len(self)} ids, {self._ids[0]} to {self._ids[-1]})"
