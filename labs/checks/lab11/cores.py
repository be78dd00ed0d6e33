"""Stubs of the models for the checks of lab 11: they record their calls.

Nothing here waits: the seconds of a call are added up, not spent.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from labs.engine import fake_core

Boxes = list[dict[str, Any]]


class Predictor:
    """The ``predict`` of exercise 2: boxes of at most *most* images, or an exception.

    Parameters
    ----------
    most : int
        How many images a call may have.
    fails : Exception, optional
        What the second call raises.
    """

    def __init__(self, most: int, fails: Exception | None = None) -> None:
        self.fails = fails
        self._most = most
        self._calls = 0

    def __call__(self, images: Any) -> list[Boxes]:
        """Return the boxes of each image."""
        if not isinstance(images, list | tuple) or not all(
            isinstance(image, Image.Image) for image in images
        ):
            raise TypeError("predict takes a list of images, as decode returns them")
        self._calls += 1
        if len(images) > self._most:
            raise MemoryError(f"{len(images)} images in one call; {self._most} fit")
        if self.fails is not None and self._calls == 2:
            raise self.fails
        return [fake_core.boxes(image) for image in images]


class Scorer:
    """The recommender of exercise 4: it scores all movies for at most *most* users at a time.

    Attributes
    ----------
    movie_ids : ndarray of int64
        Raw ids, ascending; a column of the scores each.
    blocks : list of list of int
        The users of each call.
    held : int
        How many of the earlier results were still in memory at a call, at most.
    """

    def __init__(self, random: np.random.Generator, users: Sequence[int], movies: int, most: int):
        self.movie_ids = np.sort(random.choice(np.arange(1, 20 * movies), movies, replace=False))
        self.movie_ids.flags.writeable = False
        self.blocks: list[list[int]] = []
        self.held = 0
        self._most = most
        # Few different values, so that there are ties, and most of them below 0. They are close
        # together, so that rounding would make more ties.
        self._table = random.integers(-30, 12, (len(users), movies)) / 512.0
        self._places = {user: place for place, user in enumerate(users)}
        self._rated = {user: self._some(random, movies) for user in users}
        self._answers: list[weakref.ref[Any]] = []
        # Three users have rated all movies, all but two, and none.
        for user, left in zip(users[-3:], random.permutation((0, 2, movies)), strict=True):
            self._rated[user] = random.permutation(self.movie_ids)[: movies - left].tolist()

    def _some(self, random: np.random.Generator, movies: int) -> list[int]:
        size = int(random.integers(movies // 4, movies // 2))
        return [int(one) for one in random.permutation(self.movie_ids)[:size]]

    def scores(self, users: Any) -> Any:
        """Return an array of shape (len(users), len(movie_ids)), float64."""
        places = [self._places[int(user)] for user in users]
        self.held = max(self.held, sum(answer() is not None for answer in self._answers))
        self.blocks.append([int(user) for user in users])
        if len(places) > self._most:
            raise MemoryError(f"scores of {len(places)} users at once; {self._most} fit")
        answer = self._table[places]  # a new array
        self._answers.append(weakref.ref(answer))
        return answer

    def rated_by(self, user: Any) -> list[int]:
        """Return the raw ids of the movies that a user rated."""
        return list(self._rated[int(user)])

    def row(self, user: int) -> dict[int, float]:
        """Return a user's scores by raw id, for the check alone."""
        line = self._table[self._places[user]].tolist()
        return dict(zip(self.movie_ids.tolist(), line, strict=True))
