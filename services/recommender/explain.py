"""Why this movie? The rated movies that speak for a recommendation.

A factor model has a vector for each movie, and movies that the same people rate have similar
vectors. So a user's vector can be computed in closed form from the movies that the user rated: the
vector for which *rated* movies score nearest to 1 and all others nearest to 0, by ridge regression
(least squares with a penalty). The vector is a sum over the rated movies, and so is every score
computed from it::

    score(i) = sum over rated j of  v_i @ inverse(V.T @ V + ridge) @ v_j

The summand of j is its contribution: without j, the score falls by exactly this much. This is how
Hu, Koren and Volinsky explain recommendations (Collaborative Filtering for Implicit Feedback
Datasets, ICDM 2008, section 5), here with the same weight for all movies.

The explanation is of a stand-in, not of the served score, whose user vector was found by training.
``agreement`` says how close the two scores are for this user. Nor is the explanation a cause. It
was checked by training again without the movies that it names: the recommended movie's score then
falls about twice as far as without the same number of the user's other movies (see this module's
test).
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
"""The ridge penalty, as a multiple of the mean of the diagonal of ``V.T @ V``."""


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

    Without it, the explanation's total falls by its *contribution*, which is above 0.
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
    movie : Item
        The recommended movie, with the score that the model serves.
    reasons : tuple of Reason
        The rated movies that contribute most, the strongest first, without negative contributions.
    total : float
        The sum of all contributions, negative ones included: about 1 for a movie that the user is
        sure to rate, about 0 for one that is far from the user's taste.
    rated : int
        How many movies the user has rated.
    agreement : float
        Correlation of this score with the model's over the unrated movies, -1 to 1. If it is low,
        the reasons say little about the model's own score.
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
    """Name at most *top* rated movies that speak for a recommendation, by raw ids.

    The model has to be a factor model (``mf`` or ``mf-bce``), and the user must not have rated the
    movie. Raises InputError: 422 as :meth:`ExplainRequest.checked`, ``movie_rated`` or, for a model
    without factors, ``not_explainable``; 404 ``user_unknown`` or ``movie_unknown``.
    """
    request = ExplainRequest(user_id, movie_id, top).checked()
    model = recommender.model
    if not isinstance(model, Factors):
        raise InputError(
            f"A model of the kind {model.kind!r} cannot be explained: it has no movie vectors.",
            code="not_explainable",
            status=422,
            hint="Send the request to a server whose model is 'mf' or 'mf-bce'.",
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
            f"User {str(request.user_id)[:40]} has no ratings in training, so no rated movie can "
            "explain a recommendation: this user gets popular movies.",
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
    """Return Pearson's correlation; 0 if one of the arguments does not vary."""
    if len(a) < 2 or not a.std() or not b.std():
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])
