"""From ratings to a version in production: train, compare, register, promote.

The steps are the same the first time and every time after that: when new ratings have arrived, the
candidates are retrained, and the version in production is measured on the same new ratings.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
from mlflow import MlflowClient
from numpy.typing import NDArray

from services.recommender.model.metrics import Metrics, evaluate
from services.recommender.model.ratings import Ratings
from services.recommender.recommender import Recommender
from services.recommender.registry.candidates import (
    RANKED_BY,
    RULE,
    Logged,
    log_candidate,
    log_measures,
    test_set,
    validation_set,
)
from services.recommender.settings import MODEL
from services.recommender.training.cross_dataset import CrossDatasetModel
from services.recommender.training.splits import Split, at_random, by_time
from services.recommender.training.synthetic import make_ratings
from services.registry import (
    PROD,
    STAGING,
    Decision,
    Version,
    fetch,
    promote,
    register,
    version_of,
    versions,
)

SMALL = {"n_users": 200, "n_movies": 300, "n_ratings": 12_000, "seed": 1}
"""What :func:`ensure` trains on: ``make_ratings(**SMALL)``."""


def train(
    split: Split,
    kinds: Iterable[str],
    *,
    seed: int = 0,
    progress: bool = True,
    tracking_uri: str | None = None,
) -> list[Logged]:
    """Train candidates on ``split.train``, evaluate them on ``split.validation``, and log them.

    Raises ValueError if there is no such candidate.
    """
    from services.recommender.training.trainer import RECIPES, fit

    logged = []
    for kind in kinds:
        losses: list[float] = []
        began = time.process_time()
        model = fit(
            kind,
            split.train,
            seed=seed,
            progress=progress,
            on_epoch=lambda epoch, loss: losses.append(loss),  # noqa: B023, called in this iteration only
        )
        seconds = time.process_time() - began
        logged.append(
            log_candidate(
                Recommender(model, split.train),
                evaluate(model, split.train, split.validation),
                split,
                recipe=RECIPES[kind],
                losses=losses,
                seed=seed,
                seconds=seconds,
                tracking_uri=tracking_uri,
            )
        )
    return logged


def learn(
    ratings: Ratings,
    kinds: Iterable[str] = ("mf-bce",),
    *,
    name: str = MODEL,
    seed: int = 0,
    progress: bool = True,
    tracking_uri: str | None = None,
) -> Decision:
    """Train on all ratings available by now, and promote the result if it is better.

    The version in production was trained earlier, on fewer ratings. It is measured on the same
    validation ratings as the candidates; ratings that it was trained on are left out for all. Of
    the candidates, the one with the best NDCG is registered. A service that follows the alias
    ``prod`` picks up a promoted version by itself. Raises ValueError if the ratings are too few or
    not new, or there is no such candidate.
    """
    split = by_time(ratings)
    served = None
    with contextlib.suppress(LookupError):  # nothing is in production yet
        served = version_of(PROD, name=name, tracking_uri=tracking_uri)
    if served:
        knows = _trained_on(_load(served, tracking_uri), split.validation)
        if knows.all():
            raise ValueError(
                f"version {served.number}, in production, was trained on all of the validation "
                "ratings; there is nothing to learn before new ratings come in"
            )
        split = split._replace(validation=split.validation.take(~knows))
    logged = train(split, kinds, seed=seed, progress=progress, tracking_uri=tracking_uri)
    chosen = max(logged, key=lambda one: one.metrics[RANKED_BY])
    version = register(chosen.model_id, name=name, tracking_uri=tracking_uri)
    if served and version.digest not in served.measured:
        measure(served, split, tracking_uri=tracking_uri)
    decision = promote(version.number, name=name, rule=RULE, tracking_uri=tracking_uri)
    if decision.outcome == "promoted":
        measure(version, split, on="test", tracking_uri=tracking_uri)
    return decision


def measure(
    version: Version,
    split: Split,
    on: Literal["validation", "test"] = "validation",
    *,
    tracking_uri: str | None = None,
) -> Metrics:
    """Measure a registered version on new ratings, and log the metrics.

    Only ranking metrics are measured: the version cannot estimate ratings for users and movies that
    it does not know. Raises ValueError if it was trained on some of the held-out ratings.
    """
    recommender = _load(version, tracking_uri)
    if on == "test":
        known, held_out, data = split.development, split.test, test_set(split)
    else:
        known, held_out, data = split.train, split.validation, validation_set(split)
    if seen := int(_trained_on(recommender, held_out).sum()):
        raise ValueError(
            f"version {version.number} was trained on {seen} of these {len(held_out)} ratings; "
            "measure it on ratings that are new to it"
        )
    metrics = evaluate(CrossDatasetModel(recommender, known), known, held_out)
    log_measures(version.model_id, metrics, data, tracking_uri=tracking_uri)
    return metrics


def _load(version: Version, tracking_uri: str | None) -> Recommender:
    with TemporaryDirectory() as folder:
        at = fetch(version.number, folder, name=version.name, tracking_uri=tracking_uri)
        return Recommender.load(at / "artifacts" / "recommender.npz", str(version.number))


def _trained_on(recommender: Recommender, part: Ratings) -> NDArray[np.bool_]:
    """Return for each rating whether the recommender was trained on it, shape (len(part),)."""
    movies = part.movies.ids.raw(part.items)
    learned = np.zeros(len(part), bool)
    for user in np.unique(part.users):
        rows = part.users == user
        raw = int(part.user_ids.raw([user])[0])
        learned[rows] = np.isin(movies[rows], recommender.rated_by(raw))
    return learned


def ensure(tracking_uri: str | None = None, ratings: Ratings | None = None) -> list[Version]:
    """Fill the registry with three versions if none is in production; return all versions.

    Version 1 is popularity and was in production first. Version 2, matrix factorisation trained
    with BCE, replaced it. Version 3 differs from it in its random start; it has the alias
    ``staging``. It takes seconds on a small synthetic table (:data:`SMALL`), used if no *ratings*
    are given.
    """
    known = versions(name=MODEL, tracking_uri=tracking_uri)
    if not any(PROD in version.aliases for version in known):
        split = at_random(ratings or make_ratings(**SMALL)[0])
        logged = train(split, ["popularity", "mf-bce"], progress=False, tracking_uri=tracking_uri)
        logged += train(split, ["mf-bce"], seed=1, progress=False, tracking_uri=tracking_uri)
        first, second, third = (
            register(one.model_id, name=MODEL, tracking_uri=tracking_uri) for one in logged
        )
        for version in (first, second):
            promote(version.number, name=MODEL, rule=RULE, tracking_uri=tracking_uri)
        client = MlflowClient(tracking_uri)
        client.set_registered_model_alias(MODEL, STAGING, str(third.number))
        known = versions(name=MODEL, tracking_uri=tracking_uri)
    return known
