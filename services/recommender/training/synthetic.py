"""Simulated ratings that resemble MovieLens, generated from a seed, with the truth kept.

The simulation follows the order in which real ratings arise. A few archetypes of viewers differ in
the genres they like; a user is a mixture of them, plus some individual taste. Which movies a user
rates depends on how well known the movies are and on taste, and the best suited are rated early.
The number of ratings per user is lognormal, at least 20. The stars then depend on the movie's
quality, the user's leniency, taste again, and noise. Most users come once or twice and rate a
movie every few seconds.

Because the truth is kept, a model can be compared with an oracle that knows it: except by luck, no
model can do better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from services.recommender.model.ids import IdMap, Ints
from services.recommender.model.models import Scores
from services.recommender.model.ratings import Movies, Ratings
from services.recommender.training.titles import GENRES, invent

Floats = NDArray[np.float64]

MIN_RATINGS = 20
"""The least number of ratings of each user, as in MovieLens."""
ARCHETYPES = 8
OWN_TASTE = 3
"""Dimensions of taste that genres do not explain."""
# The numbers below were chosen so that the table resembles ML-100k: how unequally the ratings are
# shared among movies, how the stars are distributed, and how much better than popularity a model
# can rank.
FAME, TASTE = 1.5, 1.62
"""How much each factor changes the exposure, a logarithm."""
MEAN, LENIENCY, QUALITY, LIKING = 2.98, 0.48, 0.52, 0.34
"""The parts of a rating, in stars: a base level, and what one standard deviation of each adds."""
NOISE = 0.51
"""Scale of the logistic noise on a rating, in stars."""
START = 1_704_067_200
"""The time of the oldest rating: 1 January 2024, UTC."""
DAYS = 210


@dataclass(frozen=True)
class Truth:
    """The oracle: what the generator knows and no model sees, with the interface of a model.

    Attributes
    ----------
    exposure : ndarray of shape (n_users, n_items), float32
        Logarithm of how readily a user comes to rate a movie; its order is the best ranking.
    liking : ndarray of shape (n_users, n_items), float32
        Stars before noise and rounding; may lie outside the scale.
    """

    exposure: NDArray[np.float32]
    liking: NDArray[np.float32]
    kind: ClassVar[str] = "oracle"

    def scores(self, users: Ints) -> Scores:
        """Return the exposure of all movies for some users."""
        return self.exposure[users].astype(np.float64)

    def ratings(self, users: Ints, items: Ints) -> Scores:
        """Return the expected stars, 1 to 5: no estimate has a smaller squared error."""
        steps = [self.at_least(stars, users, items) for stars in (2, 3, 4, 5)]
        return 1 + np.sum(steps, axis=0)

    def at_least(self, stars: int, users: Ints, items: Ints) -> Scores:
        """Return how likely users are to give movies at least this many stars, 2 to 5."""
        over = self.liking[users, items].astype(np.float64) - (stars - 0.5)
        return 1 / (1 + np.exp(-over / NOISE))


def make_ratings(
    n_users: int = 1000, n_movies: int = 1500, n_ratings: int = 100_000, *, seed: int = 0
) -> tuple[Ratings, Truth]:
    """Simulate a data set: the ratings in chronological order, and the truth behind them.

    The stars are whole numbers from 1 to 5. Raw ids count from 1, as in ML-100k. Every user has
    ratings; a movie may have none. There are exactly *n_ratings* rows. The same arguments and seed
    give the same data. Raises ValueError if there are fewer than 20 ratings per user, or more than
    half of all possible ratings.
    """
    if not MIN_RATINGS * n_users <= n_ratings <= n_users * n_movies / 2:
        raise ValueError(
            f"{n_users} users who rate at least {MIN_RATINGS} and at most half of {n_movies} "
            f"movies give {MIN_RATINGS * n_users} to {n_users * n_movies // 2} ratings; "
            f"got {n_ratings}"
        )
    streams = np.random.default_rng(seed).spawn(5)
    for_titles, for_movies, for_users, for_rows, for_times = streams
    titles, genres = invent(n_movies, for_titles)
    quality = for_movies.normal(size=n_movies)
    # Gumbel noise skews it: a few movies are known to nearly everybody.
    luck = 0.55 * for_movies.normal(size=n_movies) + 0.5 * for_movies.gumbel(size=n_movies)
    fame = 0.45 * quality + luck
    taste = _taste(genres, n_users, for_movies, for_users)
    leniency = for_users.normal(size=n_users)
    exposure = FAME * fame + TASTE * taste
    liking = MEAN + LENIENCY * leniency[:, None] + QUALITY * quality + LIKING * taste
    counts = _activity(n_users, n_movies, n_ratings, for_users)
    users, items, turn = _choose(exposure, counts, for_rows)
    noisy = liking[users, items] + for_rows.logistic(scale=NOISE, size=n_ratings)
    stars = np.clip(np.round(noisy), 1, 5)
    when = _times(users, turn, for_times)
    order = np.lexsort((items, users, when))
    movies = Movies(IdMap(np.arange(1, n_movies + 1)), tuple(titles), tuple(genres))
    ratings = Ratings(
        users[order],
        items[order],
        stars[order].astype(np.float32),
        when[order],
        IdMap(np.arange(1, n_users + 1)),
        movies,
    )
    return ratings, Truth(exposure.astype(np.float32), liking.astype(np.float32))


def _taste(
    genres: list[tuple[str, ...]],
    n_users: int,
    for_movies: np.random.Generator,
    for_users: np.random.Generator,
) -> Floats:
    """Return how well each movie suits each user, shape (n_users, n_movies): mean 0, sd 1."""
    movies = np.array([[name in each for name in GENRES] for each in genres], float)
    movies /= np.sqrt(movies.sum(axis=1, keepdims=True))
    archetypes = for_users.normal(size=(ARCHETYPES, len(GENRES)))
    mixtures = for_users.dirichlet(np.full(ARCHETYPES, 0.25), n_users)
    shared = mixtures @ archetypes @ movies.T
    own = for_users.normal(size=(n_users, OWN_TASTE)) @ for_movies.normal(
        size=(OWN_TASTE, len(genres))
    )
    taste = shared / shared.std() + 0.6 * own / own.std()
    taste -= taste.mean(axis=0)  # what all users like better is part of fame and quality
    return taste / taste.std()


def _activity(n_users: int, n_movies: int, n_ratings: int, rng: np.random.Generator) -> Ints:
    """Return how many movies each user rates; together exactly *n_ratings*."""
    spread = np.minimum(rng.lognormal(0, 1.12, n_users), 14)
    spread -= spread.min()
    counts = np.full(n_users, MIN_RATINGS)
    while (left := n_ratings - counts.sum()) > 0:
        room = counts < n_movies * 0.6
        extra = np.floor(left * spread * room / (spread * room).sum()).astype(np.int64)
        if not extra.any():  # rounding down leaves a few over
            extra[np.flatnonzero(room)[:left]] = 1
        counts = np.minimum(counts + extra, int(n_movies * 0.6))
    return counts


def _choose(exposure: Floats, counts: Ints, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """Return users and movies of all ratings, and each rating's position for its user, from 0.

    Taking the largest values of exposure plus Gumbel noise draws without replacement, in order,
    with the exponentials of the exposures as weights (the Plackett-Luce model).
    """
    order = np.argsort(-(exposure + rng.gumbel(size=exposure.shape)), axis=1)
    users = np.repeat(np.arange(len(counts)), counts)
    turn = np.arange(len(users)) - np.repeat(np.cumsum(counts) - counts, counts)
    return users, order[users, turn], turn


def _times(users: Ints, turn: Ints, rng: np.random.Generator) -> Ints:
    """Return the time of each rating: in bursts, in the order of the positions.

    A user joins some time within :data:`DAYS` and rates a movie every few seconds. After about
    every sixtieth rating comes a pause of days.
    """
    joined = rng.uniform(0, DAYS * 86_400, users.max() + 1)
    gaps = rng.exponential(18, len(users)) + 2
    gaps += (rng.random(len(users)) < 1 / 60) * rng.exponential(6 * 86_400, len(users))
    gaps[turn == 0] = 0
    passed = np.cumsum(gaps)
    since_first = passed - passed[turn == 0][users]
    return (START + joined[users] + since_first).astype(np.int64)
