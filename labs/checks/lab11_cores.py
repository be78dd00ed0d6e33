"""Pretended cores: what the checks of lab 11 put in the models' place.

They count what they are asked. Nothing here waits: time is added up, not spent.
"""

from __future__ import annotations

import hashlib
import math
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from labs.checks.pretended import Boxes, boxes
from labs.engine import fake_core


class Model:
    """The ``predict`` of exercise 2: boxes of at most *most* pictures, or an exception.

    Parameters
    ----------
    most : int
        How many pictures a call may have.
    fails : Exception, optional
        What the last of *calls* calls raises.
    calls : int
        See *fails*.
    """

    def __init__(self, most: int, fails: Exception | None = None, calls: int = 1) -> None:
        self.most = most
        self.fails = fails
        self.calls = calls
        self.asked: list[int] = []

    def __call__(self, pictures: Any) -> list[Boxes]:
        """Return the boxes of each picture."""
        if not isinstance(pictures, list | tuple) or not all(
            isinstance(picture, Image.Image) for picture in pictures
        ):
            raise TypeError("predict takes a list of pictures, as decode gives them")
        self.asked.append(len(pictures))
        if len(pictures) > self.most:
            raise MemoryError(f"{len(pictures)} pictures in one call; {self.most} fit")
        if self.fails is not None and len(self.asked) >= self.calls:
            raise self.fails
        return [fake_core.boxes(picture) for picture in pictures]


class Scorer:
    """The recommender of exercise 4: it scores all movies for at most *most* users at a time.

    Attributes
    ----------
    movie_ids : ndarray of int64
        Raw ids, ascending; a column of the scores each.
    asked : list of int
        How many users each call had.
    held : int
        How many of the earlier answers were still in memory at a call, at most.
    """

    def __init__(self, random: np.random.Generator, users: Sequence[int], movies: int, most: int):
        self.movie_ids = np.sort(random.choice(np.arange(1, 20 * movies), movies, replace=False))
        self.movie_ids.flags.writeable = False
        self.asked: list[int] = []
        self.held = 0
        self._most = most
        # Few different values, so that there are ties, and most of them below 0.
        self._table = random.integers(-30, 12, (len(users), movies)) / 4.0
        self._places = {user: place for place, user in enumerate(users)}
        self._rated = {user: self._some(random, movies) for user in users}
        self._answers: list[weakref.ref[Any]] = []
        for user, left in zip(users[-3:], random.permutation((0, 2, movies)), strict=True):
            self._rated[user] = random.permutation(self.movie_ids)[: movies - left].tolist()

    def _some(self, random: np.random.Generator, movies: int) -> list[int]:
        size = int(random.integers(movies // 4, movies // 2))
        return [int(one) for one in random.permutation(self.movie_ids)[:size]]

    def scores(self, users: Any) -> Any:
        """Return an array of shape (len(users), len(movie_ids)), float64."""
        places = [self._places[int(user)] for user in users]
        self.held = max(self.held, sum(answer() is not None for answer in self._answers))
        self.asked.append(len(places))
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


def _digest(picture: Any) -> list[int]:
    """Return numbers that hang on a picture's shape and on all its pixels."""
    pixels = np.asarray(picture, np.float32)
    return list(hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).digest())


class Meter:
    """What the core of exercise 5 did: calls, pretended seconds, and pixels."""

    CALL, PIXEL = 0.040, 0.001 / 1024
    MOST_PIXELS = 131_072

    def __init__(self) -> None:
        self.calls = 0
        self.seconds = 0.0
        self.pixels = self.padded = 0
        self.refused = 0

    def detect(self, pictures: Any) -> list[Boxes]:
        """Return the boxes of each picture; see the lab for what a call costs."""
        shapes = [np.shape(picture) for picture in pictures]
        if not shapes or any(len(shape) != 3 for shape in shapes):
            raise ValueError(
                "detect takes a list of one or more arrays of shape (height, width, 3); got "
                f"the shapes {shapes[:3]}"
            )
        size = len(shapes) * max(shape[0] for shape in shapes) * max(shape[1] for shape in shapes)
        self.calls += 1
        self.seconds += self.CALL
        if size > self.MOST_PIXELS:
            self.refused += 1
            raise MemoryError(f"{size:,} pixels with padding; {self.MOST_PIXELS:,} fit")
        self.seconds += self.PIXEL * size
        self.padded += size
        self.pixels += sum(math.prod(shape[:2]) for shape in shapes)
        return [boxes("core", _digest(picture)) for picture in pictures]

    @property
    def padding(self) -> float:
        """The share of the pixels that were padding, 0 to 1."""
        return 1 - self.pixels / self.padded if self.padded else 0.0


class Core:
    """What exercise 5 gives to the learner."""

    most_pixels = Meter.MOST_PIXELS

    def __init__(self, meter: Meter) -> None:
        self.detect = meter.detect


DIFFERENT, COPIES = 180, 60


def _shapes() -> list[tuple[int, int]]:
    """Return heights and widths: the same in every check, so that figures can be compared."""
    random = np.random.default_rng(11)
    short = np.exp(random.uniform(np.log(16), np.log(120), DIFFERENT))
    long = short * random.choice([1, 4 / 3, 16 / 9], DIFFERENT)
    upright = random.random(DIFFERENT) < 0.5
    return [
        (int(b), int(a)) if turned else (int(a), int(b))
        for a, b, turned in zip(short, long, upright, strict=True)
    ]


def _make_alike(made: list[Any]) -> None:
    """Let pictures of one shape differ in one row alone, and turned shapes have the same bytes."""
    latest: dict[tuple[int, ...], Any] = {}
    for place, picture in enumerate(made):
        height, width, colours = shape = picture.shape
        if shape in latest:
            made[place] = latest[shape].copy()
            made[place][height // 2] = np.roll(made[place][height // 2], 1, axis=0)
        elif (width, height, colours) in latest:
            made[place] = latest[width, height, colours].reshape(shape)
        latest[shape] = made[place]


def pictures(random: np.random.Generator) -> list[Any]:
    """Return the pictures of exercise 5, in a new order and with new pixels; some are copies."""
    made = [random.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in _shapes()]
    _make_alike(made)
    made += [picture.copy() for picture in made[:COPIES]]  # always those, to be comparable
    return [made[place] for place in random.permutation(len(made))]
