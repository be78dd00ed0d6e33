"""A core small enough for a lab: scores in a file, and the best of them for a user."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path


class Scores:
    """How well each movie suits each user, and what each user has rated so far.

    Parameters
    ----------
    users : mapping of int to (mapping of int to float)
        For each user the score of each movie, by their ids. The larger, the better.
    rated : mapping of int to (iterable of int), optional
        For some of the users the ids of the movies they rated before the training.

    Examples
    --------
    >>> scores = Scores({7: {1: 0.2, 2: 0.9, 3: 0.5}}, rated={7: [2]})
    >>> scores.best(7, top_k=2)
    [3, 1]
    >>> scores.best(7, top_k=2, rated=[3])
    [2, 1]
    >>> scores.best(7, top_k=2, rated=[])
    [2, 3]
    """

    def __init__(
        self,
        users: Mapping[int, Mapping[int, float]],
        rated: Mapping[int, Iterable[int]] | None = None,
    ) -> None:
        self.users = users
        self.rated = {user: list(movies) for user, movies in (rated or {}).items()}

    @classmethod
    def load(cls, path: str | Path) -> Scores:
        """Read a file that :meth:`save` wrote."""
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        users = {int(u): {int(m): s for m, s in row.items()} for u, row in data["users"].items()}
        return cls(users, {int(user): movies for user, movies in data["rated"].items()})

    def save(self, path: str | Path) -> None:
        """Write a JSON file."""
        data = {"users": self.users, "rated": self.rated}
        Path(path).write_text(json.dumps(data), encoding="utf-8")

    def best(self, user_id: int, top_k: int, rated: Iterable[int] | None = None) -> list[int]:
        """Return the ids of the best movies, the best first, without those in *rated*.

        If *rated* is None, the movies that the user rated before the training are left out.
        """
        seen = set(self.rated.get(user_id, ()) if rated is None else rated)
        scores = self.users[user_id]
        order = sorted(scores, key=lambda movie: -scores[movie])
        return [movie for movie in order if movie not in seen][:top_k]
