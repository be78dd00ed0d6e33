"""Train the candidates, each in seconds on one processor core.

The same ratings can answer two questions. *How will this user rate this movie?* is learned by
minimising the squared error on the given ratings. *Which movies will this user choose at all?* also
needs movies that were not chosen: for each rating a few such movies are sampled, and the model
learns to tell them from the rated one by binary cross-entropy (He et al. 2017). A list of
recommendations answers the second question.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from services.recommender.model.models import Popularity, SavedModel
from services.recommender.model.ratings import Ratings
from services.recommender.training.networks import FactorNetwork, NeuMFNetwork


@dataclass(frozen=True)
class Recipe:
    """The settings of a training run.

    Attributes
    ----------
    kind : str
        A key of :data:`services.recommender.model.models.KINDS`.
    dim, epochs : int
        Length of a factor, and passes over the ratings.
    batch : int
        Pairs per step, sampled movies included.
    lr, weight_decay : float
        Adam's learning rate, which decays linearly to 0, and the L2 penalty on all weights.
    negatives : int
        Movies sampled for each rating; 0: the ratings are estimated instead.
    layers : tuple of int
        Widths of NeuMF's network.
    """

    kind: str
    dim: int = 0
    epochs: int = 0
    batch: int = 0
    lr: float = 0.0
    weight_decay: float = 0.0
    negatives: int = 0
    layers: tuple[int, ...] = ()


RECIPES = {
    recipe.kind: recipe
    for recipe in (
        Recipe("popularity"),
        Recipe("mf", dim=32, epochs=20, batch=1024, lr=0.005, weight_decay=3e-4),
        Recipe("mf-bce", 64, epochs=25, batch=4096, lr=0.005, weight_decay=1.5e-5, negatives=4),
        Recipe("neumf", 16, 12, 4096, 0.003, 1e-5, negatives=4, layers=(32, 32, 16)),
    )
}
"""The candidates, by kind."""


def fit(
    recipe: Recipe | str,
    ratings: Ratings,
    *,
    seed: int = 0,
    progress: bool = True,
    on_epoch: Callable[[int, float], None] | None = None,
) -> SavedModel:
    """Train a model by a recipe, or by the name of one of :data:`RECIPES`.

    The same recipe, ratings and seed give the same model: the seed decides the initial weights, the
    order of the pairs, and the sampled movies. torch's own random state and its number of threads
    are restored afterwards. *on_epoch* is called with the number of each epoch, from 1, and its
    mean loss. Raises ValueError if there is no such recipe or no rating, or the loss overflows.
    """
    if isinstance(recipe, str):
        if recipe not in RECIPES:
            raise ValueError(f"no recipe {recipe!r}; there are {', '.join(RECIPES)}")
        recipe = RECIPES[recipe]
    if not len(ratings):
        raise ValueError("there is no rating to train on")
    if recipe.kind == "popularity":
        return Popularity.fit(ratings)
    with _alone(seed):
        network = _network(recipe, ratings)
        _train(network, recipe, ratings, np.random.default_rng(seed), progress, on_epoch)
        return network.export()


def _network(recipe: Recipe, ratings: Ratings) -> FactorNetwork | NeuMFNetwork:
    shape = ratings.n_users, ratings.n_items, recipe.dim
    if recipe.kind == "neumf":
        return NeuMFNetwork(*shape, recipe.layers)
    offset = 0.0 if recipe.negatives else float(ratings.values.mean())
    return FactorNetwork(*shape, recipe.kind, offset)


def _train(
    network: FactorNetwork | NeuMFNetwork,
    recipe: Recipe,
    ratings: Ratings,
    rng: np.random.Generator,
    progress: bool,
    on_epoch: Callable[[int, float], None] | None,
) -> None:
    loss_of = nn.BCEWithLogitsLoss() if recipe.negatives else nn.MSELoss()
    optimiser = torch.optim.Adam(
        network.parameters(), recipe.lr, weight_decay=recipe.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, recipe.epochs)
    bar = tqdm(range(1, recipe.epochs + 1), recipe.kind, disable=not progress, unit="epoch")
    for epoch in bar:
        total = 0.0
        users, items, targets = _pairs(ratings, recipe.negatives, rng)
        for start in range(0, len(users), recipe.batch):
            rows = slice(start, start + recipe.batch)
            loss = loss_of(network(users[rows], items[rows]), targets[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item() * len(users[rows])
        if not math.isfinite(total):
            raise ValueError(f"{recipe.kind}: the loss is NaN; lower the learning rate")
        schedule.step()
        bar.set_postfix(loss=f"{total / len(users):.4f}")
        if on_epoch:
            on_epoch(epoch, total / len(users))


def _pairs(
    ratings: Ratings, negatives: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Return an epoch's users, movies and targets, in random order."""
    users, items, targets = ratings.users, ratings.items, ratings.values
    if negatives:
        users = np.repeat(users, 1 + negatives)
        drawn = rng.integers(ratings.n_items, size=(len(ratings), negatives))
        items = np.column_stack([items, drawn]).ravel()
        # A sampled movie that the user has rated is not a negative, so its target is 1.
        targets = ratings.contains(users, items).astype(np.float32)
    order = rng.permutation(len(users))
    mixed = [torch.from_numpy(column[order]) for column in (users, items, targets)]
    return mixed[0], mixed[1], mixed[2]


@contextmanager
def _alone(seed: int) -> Iterator[None]:
    """Seed torch and use one thread, so that sums have the same order everywhere; then restore.

    Steps this small would not be faster with more threads.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)
