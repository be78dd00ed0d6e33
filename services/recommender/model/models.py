"""Trained models as they are served: a few NumPy arrays and a formula, no torch.

Every model scores whole rows: all movies for each of the given users. The order of a row is the
recommendation; the meaning of the scores differs, and only some models estimate ratings at all.
Scores are computed in float64, so that a user gets the same order alone and in a batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from services.recommender.model.ids import Ints
from services.recommender.model.ratings import Ratings

Array = NDArray[Any]
Scores = NDArray[np.float64]


class Model(Protocol):
    """The interface of a model that the core and the metrics use."""

    @property
    def kind(self) -> str:
        """The model's formula; a key of :data:`KINDS` if the model can be saved."""

    def scores(self, users: Ints) -> Scores:
        """Score all movies for some users (by index), shape (len(users), n_items)."""

    def ratings(self, users: Ints, items: Ints) -> Scores | None:
        """Estimate the ratings of pairs; None if the model only ranks."""


class SavedModel(Model, Protocol):
    """A model that consists of arrays only."""

    def arrays(self) -> dict[str, Array]:
        """Return all arrays that :meth:`from_arrays` needs."""

    @classmethod
    def from_arrays(cls, arrays: dict[str, Array]) -> SavedModel:
        """Make the model again."""


@dataclass(frozen=True)
class Popularity:
    """The same movies for every user, the most rated first; every estimated rating is the mean.

    Attributes
    ----------
    counts : ndarray of shape (n_items,)
        The number of ratings of each movie.
    mean : float
        The mean of all ratings.
    """

    counts: Array
    mean: float
    kind: ClassVar[str] = "popularity"

    @classmethod
    def fit(cls, ratings: Ratings) -> Popularity:
        """Count."""
        return cls(ratings.per_item().astype(np.float32), float(ratings.values.mean()))

    def scores(self, users: Ints) -> Scores:
        """Return the counts as every user's scores."""
        return np.tile(self.counts.astype(np.float64), (len(users), 1))

    def ratings(self, users: Ints, items: Ints) -> Scores:
        """Estimate every rating by the mean."""
        return np.full(len(users), self.mean)

    def arrays(self) -> dict[str, Array]:
        """Return the counts and the mean."""
        return {"counts": self.counts, "mean": np.asarray(self.mean)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, Array]) -> Popularity:
        """Make the model again."""
        return cls(arrays["counts"], float(arrays["mean"]))


TABLES = ("user_factors", "item_factors", "user_bias", "item_bias")


@dataclass(frozen=True)
class Factors:
    """Matrix factorisation: ``offset + user_bias + item_bias + user_factors @ item_factors``.

    Trained on ratings (Koren, Bell and Volinsky, Computer 42(8), 2009), the sum is a rating.
    Trained to tell rated movies from others, it is the logit of the probability of a rating.

    Attributes
    ----------
    kind : {"mf", "mf-bce"}
        Which of the two kinds of training.
    user_factors, item_factors : ndarray of shape (n_users, d) and (n_items, d), float32
    user_bias, item_bias : ndarray of shape (n_users,) and (n_items,), float32
    offset : float
    """

    kind: str
    user_factors: Array
    item_factors: Array
    user_bias: Array
    item_bias: Array
    offset: float

    def scores(self, users: Ints) -> Scores:
        """Score all movies for some users."""
        biases = self.offset + self.user_bias[users, None].astype(float) + self.item_bias
        return biases + self.user_factors[users].astype(float) @ self.item_factors.T.astype(float)

    def ratings(self, users: Ints, items: Ints) -> Scores | None:
        """Estimate ratings, if trained on them."""
        if self.kind != "mf":
            return None
        products = (self.user_factors[users] * self.item_factors[items]).sum(axis=1, dtype=float)
        return self.offset + self.user_bias[users] + self.item_bias[items] + products

    def arrays(self) -> dict[str, Array]:
        """Return the factors and the biases."""
        return {name: np.asarray(value) for name, value in vars(self).items()}

    @classmethod
    def from_arrays(cls, arrays: dict[str, Array]) -> Factors:
        """Make the model again."""
        users, items, user_bias, item_bias = (arrays[name] for name in TABLES)
        kind, offset = str(arrays["kind"]), float(arrays["offset"])
        return cls(kind, users, items, user_bias, item_bias, offset)


NEURAL_TABLES = ("user_factors", "item_factors", "user_hidden", "item_hidden")


@dataclass(frozen=True)
class NeuMF:
    """Neural matrix factorisation: a product of factors plus a small network.

    He et al., Neural Collaborative Filtering, WWW 2017, section 3.4. The network's first layer
    takes user and movie concatenated; its two halves are applied separately, so that the movies'
    half is computed once for all users.

    Attributes
    ----------
    user_factors, item_factors : ndarray of shape (n_users, d) and (n_items, d)
        The factors of the product, already weighted by the last layer.
    user_hidden, item_hidden : ndarray of shape (n_users, h) and (n_items, h)
        The two halves of the network's first layer before its ReLU.
    weights, biases : tuple of ndarray
        The layers after it, shapes (in, out) and (out,); the last has one output.
    """

    user_factors: Array
    item_factors: Array
    user_hidden: Array
    item_hidden: Array
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    kind: ClassVar[str] = "neumf"

    def scores(self, users: Ints) -> Scores:
        """Score all movies for some users."""
        product = self.user_factors[users].astype(float) @ self.item_factors.T.astype(float)
        for row, user in enumerate(users):
            product[row] += self._network(user)
        return product

    def _network(self, user: int) -> Scores:
        hidden = self.item_hidden.astype(float) + self.user_hidden[user]
        for weight, bias in zip(self.weights, self.biases, strict=True):
            hidden = np.maximum(hidden, 0) @ weight + bias
        return hidden[:, 0]

    def ratings(self, users: Ints, items: Ints) -> None:
        """Return None: this model only ranks."""
        return None

    def arrays(self) -> dict[str, Array]:
        """Return all layers."""
        layers = {
            f"{name}_{number}": array
            for name in ("weights", "biases")
            for number, array in enumerate(getattr(self, name))
        }
        return {**{name: getattr(self, name) for name in NEURAL_TABLES}, **layers}

    @classmethod
    def from_arrays(cls, arrays: dict[str, Array]) -> NeuMF:
        """Make the model again."""
        count = sum(name.startswith("weights_") for name in arrays)
        users, items, user_hidden, item_hidden = (arrays[name] for name in NEURAL_TABLES)
        weights = tuple(arrays[f"weights_{number}"] for number in range(count))
        biases = tuple(arrays[f"biases_{number}"] for number in range(count))
        return cls(users, items, user_hidden, item_hidden, weights, biases)


KINDS: dict[str, type[SavedModel]] = {
    "popularity": Popularity,
    "mf": Factors,
    "mf-bce": Factors,
    "neumf": NeuMF,
}
"""The models that can be trained, saved and served."""
