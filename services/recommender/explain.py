"""Why this movie? The rated movies that speak for a recommendation.

A model of factors has a vector for each movie, and movies that the same people rate have vectors
alike. So a user's vector can be made from the movies that he or she rated, in closed form: the
one with which *rated* movies score nearest to 1 and the others nearest to 0, by least squares with
a ridge. It is a sum over the rated movies, and so is every score made with it::

    score(i) = sum over rated j of  v_i @ inverse(V.T @ V + ridge) @ v_j

The summand of j is its contribution: by exactly so much the score falls if j is taken away. This is
how Hu, Koren and Volinsky explain recommendations (Collaborative Filtering for Implicit Feedback
Datasets, ICDM 2008, section 5), here with the same weight for all movies.

It is an explanation of a stand-in, not of the served score: that comes from a vector which training
found in another way. ``agreement`` says how close the two are for this user. Nor is it a cause.
What was held against it is a training without the movies that it names: the recommended movie's
score falls about twice as far as it does without as many others of the user's (the test of this
module trains again).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from typing_extensions import TypedDict  # pydantic takes typing's own from Python 3.12 on only

from services.errors import InputError
from services.recommender.model.explain_requests import TOP, ExplainRequest
from services.recommender.model.models import Factors
from services.recommender.recommender import Item, ItemDict, Recommender

RIDGE = 2.0
"""Times the mean of the diagonal of ``V.T @ V``."""


class ReasonDict(TypedDict):
    """One rated movie in JSON."""

    movie_id: int
    title: str
    contribution: float


class ExplanationDict(TypedDict):
    """An explanation in JSON."""

    user_id: int
    movie: ItemDict
    reasons: list[ReasonDict]
    total: float
    rated: int
    agreement: float
    model: str
    version: str


@dataclass(frozen=True)
class Reason:
    """A rated movie that speaks for a recommendation.

    Attributes
    ----------
    movie_id : int
        Its raw id.
    title : str
        With the year.
    contribution : float
        Its part of the total, above 0: by so much that falls without it.
    """

    movie_id: int
    title: str
    contribution: float

    def as_dict(self) -> ReasonDict:
        """Return the JSON for one movie."""
        return {
            "movie_id": self.movie_id,
            "title": self.title,
            "contribution": self.contribution,
        }


@dataclass(frozen=True)
class Explanation:
    """Why a movie is recommended to a user.

    Attributes
    ----------
    user_id : int
        A raw id.
    movie : Item
        What is explained, with the score that the model serves.
    reasons : tuple of Reason
        The rated movies that contribute most, the strongest first. Those against it are left out.
    total : float
        The sum of the contributions of all rated movies, those against it too: about 1 for a
        movie that the user is sure to rate, 0 for one far from it.
    rated : int
        How many movies the user has rated.
    agreement : float
        Correlation of this score with the model's over the movies not rated, -1 to 1. A low one
        says that the reasons are hardly the model's.
    model, version : str
        Whose recommendation it is.
    """

    user_id: int
    movie: Item
    reasons: tuple[Reason, ...]
    total: float
    rated: int
    agreement: float
    model: str
    version: str

    def as_dict(self) -> ExplanationDict:
        """Return the JSON of the whole explanation."""
        return {
            "user_id": self.user_id,
            "movie": self.movie.as_dict(),
            "reasons": [reason.as_dict() for reason in self.reasons],
            "total": self.total,
            "rated": self.rated,
            "agreement": self.agreement,
            "model": self.model,
            "version": self.version,
        }


def explain(recommender: Recommender, user_id: int, movie_id: int, top: int = TOP) -> Explanation:
    """Name the rated movies that speak for a recommendation.

    Parameters
    ----------
    recommender : Recommender
        With a model of factors (``mf`` or ``mf-bce``).
    user_id, movie_id : int
        Raw ids: of a user whom the training knows, and of a movie that he or she has not rated.
    top : int
        How many at most, 1 to :data:`services.recommender.model.explain_requests.LARGEST_TOP`.

    Returns
    -------
    Explanation
        Fewer reasons than *top* if no more movies speak for it.

    Raises
    ------
    InputError
        422 as :meth:`ExplainRequest.checked`, ``movie_rated`` or, for a model without factors,
        ``not_explainable``; 404 ``user_unknown`` or ``movie_unknown``.
    """
    request = ExplainRequest(user_id, movie_id, top).checked()
    model = recommender.model
    if not isinstance(model, Factors):
        raise InputError(
            f"A model of the kind {model.kind!r} has no vectors that an explanation could add up.",
            code="not_explainable",
            status=422,
            hint="Ask a server whose model is 'mf' or 'mf-bce'.",
        )
    user, movie = _places(recommender, request)
    rated = recommender.ratings.items_of(user)
    vectors = model.item_factors.astype(float)
    gram = vectors.T @ vectors
    ridge = RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
    # What each rated movie adds to the user's vector, shape (rated, d).
    parts = np.linalg.solve(gram + ridge, vectors[rated].T).T
    contributions = parts @ vectors[movie]
    scores = model.scores(np.array([user]))[0]
    others = np.ones(len(vectors), bool)
    others[rated] = False
    taste = vectors @ model.user_factors[user].astype(float)
    best = [
        i for i in np.argsort(-contributions, kind="stable")[: request.top] if contributions[i] > 0
    ]
    ids = recommender.movies.ids.raw(rated[best]).tolist()
    titles = recommender.movies.titles
    return Explanation(
        user_id=request.user_id,
        movie=Item(request.movie_id, titles[movie], float(scores[movie])),
        reasons=tuple(
            Reason(raw, titles[rated[i]], float(contributions[i]))
            for raw, i in zip(ids, best, strict=True)
        ),
        total=float(contributions.sum()),
        rated=len(rated),
        agreement=_correlation((vectors @ parts.sum(axis=0))[others], taste[others]),
        model=model.kind,
        version=recommender.version,
    )


def _places(recommender: Recommender, request: ExplainRequest) -> tuple[int, int]:
    """Return the indexes of user and movie."""
    user = recommender.user_ids.get(request.user_id)
    if user is None or not len(recommender.ratings.items_of(user)):
        raise InputError(
            f"User {str(request.user_id)[:40]} has no ratings in training: there is nothing that "
            "could speak for a movie, and what is recommended is popular.",
            code="user_unknown",
            status=404,
            hint="Ask for a user whose recommendations have no 'fallback'.",
        )
    movie = recommender.movies.ids.get(request.movie_id)
    if movie is None:
        raise InputError(
            f"There is no movie {str(request.movie_id)[:40]} in the catalogue.",
            code="movie_unknown",
            status=404,
            hint="Send the 'movie_id' of a recommendation.",
        )
    if movie in recommender.ratings.items_of(user):
        raise InputError(
            f"User {request.user_id} has rated movie {request.movie_id}; it is never recommended.",
            code="movie_rated",
            status=422,
            hint="Send the 'movie_id' of a recommendation.",
        )
    return user, movie


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Pearson's correlation; 0 where one of them does not vary."""
    if len(a) < 2 or not a.std() or not b.std():
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])
