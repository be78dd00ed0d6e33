"""One small data set, drawn once, and the models trained on it."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import pytest

from services.recommender.models import SavedModel
from services.recommender.ratings import Ratings
from services.recommender.splits import Split, at_random
from services.recommender.synthetic import Truth, make_ratings
from services.recommender.training import RECIPES, fit


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
