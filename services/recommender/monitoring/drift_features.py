"""What can drift in a recommender's log: a few numbers and categories that describe each request.

Input drift means that other users send requests, or that users request something else. Prediction
drift means that the answers differ. Neither says that answers are wrong. And if the same users
begin to like other movies, a model that was not retrained gives them the same answers, so *nothing*
in this log changes. Only what users do with the answers shows it (``clicked``, if it is recorded).

::

    features = Features(recommender)
    before = features.table(read_log(folder, "recommender"))
    monitor = DriftMonitor(before)
    monitor.feed(features.of(entry))
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
import pandas as pd

from services.drift.logs import Entry
from services.recommender.recommender import Answer, Recommender

INPUTS = ("top_k", "activity")
"""Features of the request."""
PREDICTIONS = ("genre", "popularity", "score")
"""Features of the answer."""

Value = float | str | None


class Features:
    """Turns entries of the log of *recommender* into features. Threads may share it.

    ``top_k``
        The number of movies requested.
    ``activity``
        The user's number of ratings in the training table; missing for an unknown user.
    ``genre``
        The genre that is most over-represented in the list, compared with the catalogue.
    ``popularity``
        Mean over the movies of ``log10(1 + ratings)``, the ratings in training.
    ``score``
        The best movie's score; missing if the answer is a fallback, whose scores are of another
        kind. A new version of the model has different scores, so it needs a new reference.
    """

    def __init__(self, recommender: Recommender) -> None:
        movies, ratings = recommender.movies, recommender.ratings
        ids = movies.ids.ids.tolist()
        self._genres = dict(zip(ids, movies.genres, strict=True))
        fame = np.log10(1 + ratings.per_item())
        self._fame = dict(zip(ids, fame.tolist(), strict=True))
        users = recommender.user_ids.ids.tolist()
        self._activity = dict(zip(users, ratings.per_user().tolist(), strict=True))
        mentions = Counter(genre for each in movies.genres for genre in each)
        self._shares = {genre: count / len(movies) for genre, count in mentions.items()}

    def of(self, entry: Entry) -> dict[str, Value]:
        """Describe one request.

        The entry has ``user_id``, ``top_k``, ``movie_ids``, ``scores`` and ``fallback``.
        ``clicked`` is taken unchanged; all other keys are ignored. Raises ValueError if one of the
        five is missing.
        """
        try:
            movies = [int(movie) for movie in entry["movie_ids"]]
            fallback, scores = entry["fallback"], entry["scores"]
            user, top_k = int(entry["user_id"]), float(entry["top_k"])
        except KeyError as error:
            raise ValueError(f"no entry of a recommender's log: it has no {error}") from None
        fame = [self._fame[movie] for movie in movies if movie in self._fame]
        known = not isinstance(fallback, str)
        described: dict[str, Value] = {
            "top_k": top_k,
            "activity": float(self._activity.get(user, 0)) or None,
            "genre": self._genre(movies),
            "popularity": sum(fame) / len(fame) if fame else None,
            "score": float(scores[0]) if known and len(scores) else None,
        }
        return described | ({"clicked": str(entry["clicked"])} if "clicked" in entry else {})

    def table(self, log: Iterable[Entry]) -> pd.DataFrame:
        """Describe a whole log, one row per request; see :meth:`of`."""
        return pd.DataFrame([self.of(entry) for entry in log])

    def _genre(self, movies: list[int]) -> str | None:
        counts = Counter(genre for movie in movies for genre in self._genres.get(movie, ()))
        if not counts:
            return None
        beyond = {genre: n - len(movies) * self._shares[genre] for genre, n in counts.items()}
        return max(sorted(beyond), key=beyond.__getitem__)


def entry_of(answer: Answer, top_k: int) -> dict[str, object]:
    """Return the entry that a service logs for an answer, without time and request id."""
    return {
        "user_id": answer.user_id,
        "top_k": top_k,
        "movie_ids": [item.movie_id for item in answer.items],
        "scores": [item.score for item in answer.items],
        "fallback": answer.fallback,
        "version": answer.version,
    }
