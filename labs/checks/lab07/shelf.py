"""Lab 07, exercise 5: models with versions, and the functions that load and test them."""

from __future__ import annotations

import random
from typing import Any

from labs.engine import Context


def nothing() -> None:
    """Do what is done by default."""


class Model:
    """A version that answers; ``on_recommend`` is called while it does."""

    def __init__(self, shelf: Shelf, version: str) -> None:
        self.version = version
        self._shelf = shelf

    def recommend(self, user_id: int) -> list[int]:
        """Return the ids of three movies."""
        self._shelf.on_recommend()
        return self._shelf.items(self.version, user_id)


class Shelf:
    """Loads and tests versions, whose numbers follow *last*, and records these calls."""

    def __init__(self, context: Context, last: int) -> None:
        self._seed = context.random.getrandbits(32)
        self._next = last
        self.bad: dict[str, Exception] = {}
        self.useless: set[str] = set()
        self.loads: list[str] = []
        self.tests: list[str] = []
        self.on_load = self.on_test = self.on_recommend = nothing

    def new(self) -> str:
        """Return the number of one more version."""
        self._next += 1
        return str(self._next)

    def items(self, version: str, user_id: int) -> list[int]:
        """Return what a version recommends to a user."""
        return random.Random(f"{self._seed} {version} {user_id}").sample(range(1, 9000), 3)

    def load(self, version: str) -> Model:
        """Return a version's model, or raise what is wrong with it."""
        self.loads.append(version)
        self.on_load()
        if version in self.bad:
            raise self.bad[version]
        return Model(self, version)

    def smoke_test(self, model: Any) -> None:
        """Raise a ValueError if a model is useless."""
        version = str(model.version)
        self.tests.append(version)
        self.on_test()
        if version in self.useless:
            raise ValueError(f"version {version} is useless: its scores are not finite")
