"""Stubs for lab 07: a trained model, and a model registry.

Learners try their answers on them. Methods and arguments have the names that they have in the
recommender and in MLflow.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.recommender.model.ids import IdMap

MODEL, PROD = "recommender_production", "prod"
FILES = ("MLmodel", "recommender.npz")
"""The files of a version, in the order in which they arrive."""


class Ids:
    """Raw ids and their rows, as exercise 1 makes them."""

    def __init__(self, raw: Sequence[int]) -> None:
        self._map = IdMap(raw)

    def row(self, raw_id: int) -> int | None:
        """Return the row of a raw id; None if it has none."""
        return self._map.get(raw_id)

    def raw(self, row: int) -> int:
        """Return the raw id that has this row."""
        return int(self._map.raw([row])[0])

    def __len__(self) -> int:
        return len(self._map)


class StubModel:
    """A model with random scores.

    Parameters
    ----------
    random : random.Random
        Source of ids, scores and ratings. The user with the last row has rated nothing.
    movies : int
        How many there are.

    Attributes
    ----------
    users, movies : Ids
        The users and movies of the training.
    most_rated : list of int
        All movie ids, the most rated movie first.
    """

    def __init__(self, random: random.Random, movies: int = 30) -> None:
        user_ids = random.sample(range(1, 10_000), 8)
        movie_ids = random.sample(range(1, 200_000), movies)
        self.users, self.movies = Ids(user_ids), Ids(movie_ids)
        self.most_rated = random.sample(movie_ids, len(movie_ids))
        self._table = [[random.uniform(-5, 5) for _ in movie_ids] for _ in user_ids]
        self._rated = {user: self._some_rated(user, random) for user in user_ids}
        self._rated[self.users.raw(len(user_ids) - 1)] = []

    def _some_rated(self, user: int, random: random.Random) -> list[int]:
        """Return movies that a user has rated: the two best ones, and some others."""
        scores = self._table[self.users.row(user) or 0]
        best = sorted(range(len(scores)), key=lambda place: -scores[place])
        places = [*best[:2], *random.sample(best[2:], 4)]
        return [self.movies.raw(place) for place in random.sample(places, len(places))]

    def scores(self, row: int) -> NDArray[np.float64]:
        """Return a score for each movie, in the order of the movies' rows.

        Raises
        ------
        IndexError
            If no user has this row.
        """
        if isinstance(row, bool) or not isinstance(row, int | np.integer):
            raise IndexError(f"a row is a whole number; got {row!r}")
        if not 0 <= row < len(self.users):
            raise IndexError(f"there is no row {row}; the last is {len(self.users) - 1}")
        return np.array(self._table[row])

    def rated_by(self, user_id: int) -> list[int]:
        """Return the ids of the movies that a user rated in training; empty if unknown."""
        return list(self._rated.get(user_id, []))


@dataclass(frozen=True)
class ModelVersion:
    """An entry of the registry; ``version`` is a text, ``"3"``."""

    name: str
    version: str


class StubRegistry:
    """A registry of one model that records its calls.

    Parameters
    ----------
    versions : sequence of str
        Their numbers, the oldest first.
    aliases : mapping of str to str
        Which version each alias names.
    name : str
        Of the registered model.

    Attributes
    ----------
    asked, downloads : list of str
        The aliases that were looked up, and the versions that were downloaded.
    on_ask : callable
        Called after an alias was looked up.
    on_file : callable
        Called with the version before each of its files is written; an exception that it raises
        ends the download.
    """

    def __init__(self, versions: Sequence[str], aliases: dict[str, str], name: str = MODEL) -> None:
        self.name = name
        self.versions = list(versions)
        self.aliases = dict(aliases)
        self.asked: list[str] = []
        self.downloads: list[str] = []
        self.on_ask: Callable[[], object] = lambda: None
        self.on_file: Callable[[str], object] = lambda version: None

    def get_model_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """Return the version that an alias points to.

        Raises
        ------
        LookupError
            If there is no such model or alias.
        """
        self.asked.append(alias)
        if name != self.name or alias not in self.aliases:
            raise LookupError(f"RESOURCE_DOES_NOT_EXIST: there is no models:/{name}@{alias}")
        found = ModelVersion(name, self.aliases[alias])
        self.on_ask()
        return found

    def search_model_versions(self, filter_string: str = "") -> list[ModelVersion]:
        """Return all versions, the newest first."""
        return [ModelVersion(self.name, version) for version in reversed(self.versions)]

    def download_artifacts(self, artifact_uri: str, dst_path: str | Path) -> str:
        """Write the files of ``models:/NAME/VERSION`` into a folder, which is created if needed.

        Raises
        ------
        LookupError
            If there is no such version.
        """
        version = self._version_of(str(artifact_uri))
        self.downloads.append(version)
        folder = Path(dst_path).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        for file in FILES:
            self.on_file(version)
            (folder / file).write_text(self.content(version, file), encoding="utf-8")
        return str(folder)

    def content(self, version: str, file: str) -> str:
        """Return the text of a file of a version."""
        return f"{file} of {self.name}, version {version}\n"

    def _version_of(self, uri: str) -> str:
        found = re.fullmatch(r"models:/([^/@]+)(?:/(\w+)|@(\w+))", uri)
        if found and found[1] == self.name:
            version = self.aliases.get(found[3]) if found[3] else found[2]
            version = self.versions[-1] if version == "latest" else version
            if version in self.versions:
                return version
        raise LookupError(f"RESOURCE_DOES_NOT_EXIST: there is no {uri}")


def example_model() -> StubModel:
    """Return a model to try answers on, the same each time."""
    return StubModel(random.Random(7))


def example_registry() -> StubRegistry:
    """Return a registry to try answers on: versions 1 to 3, and ``prod`` is 2."""
    return StubRegistry(["1", "2", "3"], {PROD: "2"})
