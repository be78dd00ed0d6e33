"""Bad versions that somebody made ``prod`` are rolled back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from services.loop import world
from services.loop.playground import Playground, playground
from services.loop.runs import WATCH, start
from services.recommender import registry
from services.recommender.model.models import Popularity
from services.recommender.recommender import Recommender
from services.recommender.registry import packaging

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playground]:
    with playground(tmp_path_factory.mktemp("loop")) as servers:
        yield servers


def mixed_up(core: Recommender) -> Recommender:
    """Give each movie the scores of another one: all answers are 200."""
    wrong = replace(
        core.model,  # type: ignore[type-var]
        item_factors=core.model.item_factors[::-1],  # type: ignore[attr-defined]
        item_bias=core.model.item_bias[::-1],  # type: ignore[attr-defined]
    )
    return Recommender(wrong, core.ratings)


def eight_movies(core: Recommender) -> Recommender:
    """Know so few movies that ten cannot be recommended: all answers are 422."""
    small = world.most_rated(core.ratings, 8)
    return Recommender(Popularity.fit(small), small)


def test_bad_versions_are_rolled_back(here: Playground, tmp_path: Path) -> None:
    before = world.visit(here.service.url, changed=False)
    assert (before.status == 200).all()
    known = {"click_rate": float(before.clicks.mean()), "changed": False}
    place = registry.fetch("prod", tmp_path / "fetched")
    core = Recommender.load(place / "artifacts" / "recommender.npz")
    for make, signal in ((mixed_up, "quality"), (eight_movies, "errors")):
        with mlflow.start_run():
            number = registry.register(str(packaging.log(make(core)).model_id)).number
        MlflowClient().set_registered_model_alias(registry.MODEL, "prod", str(number))
        run = start(known, steps=WATCH, folder=tmp_path / "watch", say=lambda line: None)
        assert run.outcome == "rolled back", str(run)
        assert run.reasons[0].startswith(signal), str(run)
        served = registry.version_of("prod")
        assert (served.number, served.aliases) == (1, ("prod", "staging"))
        assert signal in str(registry.version_of(number).withdrawn)
        assert registry.promote(number).outcome == "refused", "not by mistake, either"
    run = start(known, steps=WATCH, folder=tmp_path / "watch", say=lambda line: None)
    assert run.outcome == "healthy", str(run)
