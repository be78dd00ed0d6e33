"""The same models as :mod:`services.recommender.model.models`, as networks that torch can train."""

from __future__ import annotations

import itertools
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from services.recommender.model.models import Array, Factors, NeuMF


class FactorNetwork(nn.Module):
    """Biased matrix factorisation with factors of length *dim*.

    *kind* is "mf" or "mf-bce", the kind of training; it is stored in the exported model. *offset*
    is added to every score and not trained.
    """

    def __init__(self, n_users: int, n_items: int, dim: int, kind: str, offset: float) -> None:
        super().__init__()
        self.kind, self.offset = kind, offset
        self.user_factors = nn.Embedding(n_users, dim)
        self.item_factors = nn.Embedding(n_items, dim)
        self.user_bias = nn.Embedding(n_users, 1)
        self.item_bias = nn.Embedding(n_items, 1)
        for table in (self.user_factors, self.item_factors):
            nn.init.normal_(table.weight, std=0.1 / dim**0.5)
        for table in (self.user_bias, self.item_bias):
            nn.init.zeros_(table.weight)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """Score pairs, shape (n,)."""
        product = (self.user_factors(users) * self.item_factors(items)).sum(dim=1)
        biases = self.user_bias(users) + self.item_bias(items)
        return self.offset + biases.squeeze(1) + product

    def export(self) -> Factors:
        """Return the arrays to serve."""
        return Factors(
            self.kind,
            _array(self.user_factors.weight),
            _array(self.item_factors.weight),
            _array(self.user_bias.weight)[:, 0],
            _array(self.item_bias.weight)[:, 0],
            self.offset,
        )


class NeuMFNetwork(nn.Module):
    """Neural matrix factorisation; see :class:`~services.recommender.model.models.NeuMF`.

    *dim* is the length of a factor of the product. *layers* are the widths of the network: the
    input (user and movie together, so even), then each layer.
    """

    def __init__(self, n_users: int, n_items: int, dim: int, layers: tuple[int, ...]) -> None:
        super().__init__()
        half = layers[0] // 2
        self.user_factors = nn.Embedding(n_users, dim)
        self.item_factors = nn.Embedding(n_items, dim)
        self.user_inputs = nn.Embedding(n_users, half)
        self.item_inputs = nn.Embedding(n_items, half)
        self.hidden = nn.ModuleList(nn.Linear(*sizes) for sizes in itertools.pairwise(layers))
        self.last = nn.Linear(dim + layers[-1], 1)
        for table in (self.user_factors, self.item_factors, self.user_inputs, self.item_inputs):
            nn.init.normal_(table.weight, std=0.05)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """Score pairs, shape (n,)."""
        product = self.user_factors(users) * self.item_factors(items)
        hidden = torch.cat([self.user_inputs(users), self.item_inputs(items)], dim=1)
        for layer in self.hidden:
            hidden = torch.relu(layer(hidden))
        return self.last(torch.cat([product, hidden], dim=1)).squeeze(1)

    def export(self) -> NeuMF:
        """Return the arrays to serve, the first and the last layer worked into the tables."""
        first, *rest = (cast(nn.Linear, layer) for layer in self.hidden)
        dim, half = self.user_factors.embedding_dim, self.user_inputs.embedding_dim
        product, network = _array(self.last.weight)[0, :dim], _array(self.last.weight)[:, dim:]
        weight = _array(first.weight)
        return NeuMF(
            user_factors=_array(self.user_factors.weight) * product,
            item_factors=_array(self.item_factors.weight),
            user_hidden=_array(self.user_inputs.weight) @ weight[:, :half].T,
            item_hidden=_array(self.item_inputs.weight) @ weight[:, half:].T + _array(first.bias),
            weights=(*(_array(layer.weight).T for layer in rest), network.T),
            biases=(*(_array(layer.bias) for layer in rest), _array(self.last.bias)),
        )


def _array(tensor: Tensor) -> Array:
    return np.array(tensor.detach().numpy(), dtype=np.float32)
