"""A core small enough for a lab: scores in a file, and the best of them for a user."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path


class Scores:
    """How well each movie suits each user, as some training left it.

    Parameters
    ----------
    users : mapping of int to (mapping of int to float)
        For each user the score of each movie, by their ids. The larger, the better.

    Examples
    --------
    >>> scores = Scores({7: {1: 0.2, 2: 0.9, 3: 0.5}})
    >>> scores.best(7, top_k=2)
    [2, 3]
    >>> scores.best(7, top_k=2, rated=[2])
    [3, 1]
    """

    def __init__(self, users: Mapping[int, Mapping[int, float]]) -> None:
        self.users = users

    @classmethod
    def load(cls, path: str | Path) -> Scores:
        """Read what :meth:`save` wrote."""
        users = json.loads(Path(path).read_text(encoding="utf-8"))
        return cls({int(u): {int(m): s for m, s in movies.items()} for u, movies in users.items()})

    def save(self, path: str | Path) -> None:
        """Write a JSON file."""
        Path(path).write_text(json.dumps(self.users), encoding="utf-8")

    def best(self, user_id: int, top_k: int, rated: Iterable[int] | None = None) -> list[int]:
        """Return the ids of the best movies, the best first, without those in *rated*."""
        seen = set(rated or ())
        scores = self.users[user_id]
        order = sorted(scores, key=lambda movie: -scores[movie])
        return [movie for movie in order if movie not in seen][:top_k]
