"""The recommender's core: a user's raw id in, movies out. It imports no serving framework.

It holds everything that serving needs and that must fit together: the model, the maps between raw
ids and the model's indexes, the titles, and what each user rated in training. All of it is saved
in one file and loaded from it, so that training and serving cannot disagree about which movie is
which. Scoring uses NumPy; torch is not imported. Chapter section 10.5.1 serves a model for this
task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from typing_extensions import TypedDict  # pydantic takes typing's own from Python 3.12 on only

from services.errors import InputError
from services.recommender.model.ids import IdMap, Ints
from services.recommender.model.metrics import best
from services.recommender.model.models import Popularity, SavedModel, Scores
from services.recommender.model.ratings import Movies, Ratings
from services.recommender.model.requests import RecommendRequest
from services.recommender.model.storage import read, write


class ItemDict(TypedDict):
    """One movie in JSON."""

    movie_id: int
    title: str
    score: float


class AnswerDict(TypedDict):
    """The JSON that every adapter answers with."""

    user_id: int
    items: list[ItemDict]
    fallback: str | None
    ignored: list[int]
    model: str
    version: str


@dataclass(frozen=True)
class Item:
    """One recommended movie: raw id, title with the year, and score.

    The larger the score, the better; scores are comparable within one answer only.
    """

    movie_id: int
    title: str
    score: float

    def as_dict(self) -> ItemDict:
        """Return the JSON for one movie."""
        return {"movie_id": self.movie_id, "title": self.title, "score": self.score}


@dataclass(frozen=True)
class Answer:
    """What is recommended to a user.

    Attributes
    ----------
    items : tuple of Item
        The best first.
    fallback : str or None
        ``"popularity"`` if the model has seen none of this user's ratings: the answer is then the
        most rated movies. None if it is the model's answer.
    ignored : tuple of int
        Raw ids in the request's ``rated`` that are not in the catalogue.
    model : str
        The kind of model that answered, of :data:`services.recommender.model.models.KINDS`.
    version : str
        The model's version; given when it is loaded.
    """

    user_id: int
    items: tuple[Item, ...]
    fallback: str | None
    ignored: tuple[int, ...]
    model: str
    version: str

    def as_dict(self) -> AnswerDict:
        """Return the JSON of the whole answer."""
        return {
            "user_id": self.user_id,
            "items": [item.as_dict() for item in self.items],
            "fallback": self.fallback,
            "ignored": list(self.ignored),
            "model": self.model,
            "version": self.version,
        }


class Recommender:
    """A trained model with everything it needs to be served. Threads may share it.

    *ratings* is the table that the model was trained on, as
    :func:`services.recommender.training.trainer.fit` does. *version* is named in every answer.
    Raises ValueError if the model's tables do not fit the ratings' users and movies.

    Examples
    --------
    >>> from services.recommender.training.synthetic import make_ratings
    >>> from services.recommender.training.trainer import fit
    >>> ratings, _ = make_ratings(50, 100, 2000)
    >>> recommender = Recommender(fit("popularity", ratings), ratings)
    >>> answer = recommender.recommend(user_id=1, top_k=3)
    >>> len(answer.items), answer.fallback
    (3, None)
    >>> recommender.recommend(user_id=777).fallback
    'popularity'
    """

    def __init__(self, model: SavedModel, ratings: Ratings, version: str = "unregistered") -> None:
        self.model = model
        self.version = version
        self.user_ids: IdMap = ratings.user_ids
        self.movies: Movies = ratings.movies
        self._ratings = ratings
        self._popularity = Popularity.fit(ratings)
        self._has_rated = ratings.per_user() > 0
        self._check_model()

    @property
    def ratings(self) -> Ratings:
        """Who rated what in training. In a loaded model every rating is the mean."""
        return self._ratings

    # ------------------------------------------------------------ answering

    def recommend(
        self, user_id: int, top_k: int = 10, rated: Sequence[int] | None = None
    ) -> Answer:
        """Recommend movies that a user has not rated.

        Parameters
        ----------
        user_id : int
            A raw id, 0 or more. One that the model was not trained on gets the most popular
            movies, and the answer says so.
        top_k : int
            How many movies, 1 up to what is left.
        rated : sequence of int, optional
            Raw ids of movies to leave out besides those rated in training: what the user rated
            since then. Ids that are not in the catalogue are named in the answer.

        Raises
        ------
        InputError
            If a value is of the wrong kind or out of range; code ``user_id_invalid``,
            ``top_k_invalid``, ``rated_invalid``, ``rated_too_long`` or ``top_k_too_large``.
        """
        [answer] = self.recommend_many([RecommendRequest(user_id, top_k, rated)])
        if isinstance(answer, InputError):
            raise answer
        return answer

    def recommend_many(self, requests: Sequence[RecommendRequest]) -> list[Answer | InputError]:
        """Answer a batch at once; a bad request gets its own error and does not affect the others.

        Returns
        -------
        list of Answer or InputError
            One for each request, in their order.
        """
        results: list[Answer | InputError | None] = [None] * len(requests)
        asked: list[tuple[int, RecommendRequest]] = []
        for place, request in enumerate(requests):
            try:
                asked.append((place, request.checked()))
            except InputError as error:
                results[place] = error
        users = [self._known(request.user_id) for _, request in asked]
        scores = self._scores(users)
        for (place, request), user, line in zip(asked, users, scores, strict=True):
            try:
                results[place] = self._answer(request, user, line)
            except InputError as error:
                results[place] = error
        return [result for result in results if result is not None]

    def scores(self, user_ids: Sequence[int]) -> Scores:
        """Score the whole catalogue for some users, by raw ids, without leaving any movie out.

        Users whom the model does not know get the scores of popularity. The result has the shape
        (len(user_ids), len(movies)).
        """
        return self._scores([self._known(user_id) for user_id in user_ids])

    def _known(self, user_id: int) -> int | None:
        """Return the index of a user with training ratings; None for all others."""
        user = self.user_ids.get(user_id)
        return user if user is not None and self._has_rated[user] else None

    def _scores(self, users: list[int | None]) -> Scores:
        """Score all movies for each user, by popularity where the user is None."""
        # No user's row fits another user: an unknown user is scored by another model.
        scores = self._popularity.scores(np.zeros(len(users), np.int64))
        known = [place for place, user in enumerate(users) if user is not None]
        if known:
            scores[known] = self.model.scores(np.array([users[place] for place in known]))
        return scores

    def _answer(self, request: RecommendRequest, user: int | None, scores: Scores) -> Answer:
        rated = list(request.rated or ())
        scores[self.movies.ids.known(rated)] = -np.inf
        if user is not None:
            scores[self._ratings.items_of(user)] = -np.inf
        self._check_left(request, int((scores > -np.inf).sum()))
        [places] = best(scores[None], request.top_k)
        ids = self.movies.ids.raw(places).tolist()
        return Answer(
            user_id=request.user_id,
            items=tuple(
                Item(movie_id, self.movies.titles[place], float(scores[place]))
                for movie_id, place in zip(ids, places, strict=True)
            ),
            fallback="popularity" if user is None else None,
            ignored=tuple(dict.fromkeys(one for one in rated if one not in self.movies.ids)),
            model=self._popularity.kind if user is None else self.model.kind,
            version=self.version,
        )

    def _check_left(self, request: RecommendRequest, left: int) -> None:
        if request.top_k <= left:
            return
        raise InputError(
            f"top_k is {request.top_k}, but {left} movies are left for user {request.user_id}.",
            code="top_k_too_large",
            status=422,
            hint=f"Ask for {left} or fewer." if left else "Every movie is in 'rated': shorten it.",
        )

    def _check_model(self) -> None:
        """Check that the model's tables have a row for every user and every movie."""
        try:
            shape = self.model.scores(np.array([len(self.user_ids) - 1])).shape
        except IndexError:
            shape = (0, 0)
        if shape != (1, len(self.movies)):
            raise ValueError(
                f"the model was not trained on these {len(self.user_ids)} users and "
                f"{len(self.movies)} movies"
            )

    # ------------------------------------------------------------ keeping

    def save(self, path: str | Path) -> Path:
        """Write everything into one ``.npz`` file, whole or not at all; return its path.

        It holds arrays and text, no pickle. The version is not in it; a registry assigns it. Raises
        ValueError if the path does not end in ``.npz``.
        """
        return write(Path(path), self.model, self._ratings)

    @classmethod
    def load(cls, path: str | Path, version: str = "unregistered") -> Recommender:
        """Read a file that :meth:`save` wrote.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is damaged, or was written by another version of this code.
        """
        model, ratings = read(Path(path))
        return cls(model, ratings, version)

    def rated_by(self, user_id: int) -> Ints:
        """Return the raw ids of the movies that a user rated in training; empty if unknown."""
        user = self._known(user_id)
        return self.movies.ids.raw([] if user is None else self._ratings.items_of(user))
