"""One small data set, drawn once, and the models trained on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from mlflow import MlflowClient

from services.recommender import registry
from services.recommender.model.models import SavedModel
from services.recommender.model.ratings import Ratings
from services.recommender.recommender import Recommender
from services.recommender.training.splits import Split, at_random
from services.recommender.training.synthetic import Truth, make_ratings
from services.recommender.training.trainer import RECIPES, fit
from services.workbench.servers import Server
from tests.conftest import Registered
from tests.services.recommender.hot_swap.between import Between


class Small(NamedTuple):
    ratings: Ratings
    truth: Truth
    split: Split


@pytest.fixture(scope="session")
def small() -> Small:
    """200 users, 300 movies, 12,000 ratings."""
    ratings, truth = make_ratings(200, 300, 12_000, seed=1)
    return Small(ratings, truth, at_random(ratings))


@pytest.fixture(scope="session")
def models(small: Small) -> dict[str, SavedModel]:
    """Every candidate, fitted on train and validation.

    By its shipped recipe, but NeuMF takes smaller batches: so few ratings make too few steps.
    """
    recipes = {**RECIPES, "neumf": replace(RECIPES["neumf"], batch=512)}
    known = small.split.development
    return {kind: fit(recipe, known, progress=False) for kind, recipe in recipes.items()}


@pytest.fixture(scope="session")
def recommender(models: dict[str, SavedModel], small: Small) -> Recommender:
    """The candidate that ranks best."""
    return Recommender(models["mf-bce"], small.split.development, "3")


@pytest.fixture(scope="session")
def files(registry_versions: list[Registered]) -> dict[str, Path]:
    """The model files of the registered versions, by number."""
    return {
        str(version.number): folder / "artifacts" / "recommender.npz"
        for version, folder in registry_versions
    }


@pytest.fixture(scope="module")
def between(tracking_server: Server) -> Iterator[Between]:
    """A registry that can be told to misbehave."""
    stand_in = Between(tracking_server.url)
    yield stand_in
    stand_in.close()


@pytest.fixture(scope="session")
def own_model(
    tracking_server: Server, registry_versions: list[Registered]
) -> Callable[[str], MlflowClient]:
    """Register the versions under a name of the test's own, whose aliases it may change."""

    def register(name: str) -> MlflowClient:
        client = MlflowClient(tracking_server.url)
        for version, _ in registry_versions:
            registry.register(version.model_id, name=name, tracking_uri=tracking_server.url)
        client.set_registered_model_alias(name, "prod", "1")
        return client

    return register
