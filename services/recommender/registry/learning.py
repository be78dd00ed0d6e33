"""From ratings to a version in production: train, compare, register, promote.

The same steps serve the first time and every time after that: when new ratings have come in, the
candidates are trained anew, and the version in production is asked the same new questions.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from mlflow import MlflowClient

from services.recommender.metrics import evaluate
from services.recommender.ratings import Ratings
from services.recommender.recommender import Recommender
from services.recommender.registry.candidates import (
    Logged,
    log_candidate,
)
from services.recommender.registry.production import promote
from services.recommender.registry.versions import (
    MODEL,
    PROD,
    STAGING,
    Version,
    register,
    versions,
)
from services.recommender.splits import Split, at_random
from services.recommender.synthetic import make_ratings

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
    """Train candidates on ``split.train``, measure them on ``split.validation``, log them.

    Raises
    ------
    ValueError
        If there is no such candidate.
    """
    from services.recommender.training import RECIPES, fit

    logged = []
    for kind in kinds:
        losses: list[float] = []
        began = time.process_time()
        model = fit(
            kind,
            split.train,
            seed=seed,
            progress=progress,
            on_epoch=lambda epoch, loss: losses.append(loss),  # noqa: B023, called in this turn only
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


def ensure(tracking_uri: str | None = None, ratings: Ratings | None = None) -> list[Version]:
    """Fill the registry if nothing is in production there; seconds.

    Version 1 knows popularity only and was in production first; version 2, matrix factorisation by
    BCE, took its place; version 3 is the same with other first weights and stands in staging.

    Parameters
    ----------
    tracking_uri : str, optional
        The server; MLflow's current one if not given.
    ratings : Ratings, optional
        To train on; a small invented table if not given (:data:`SMALL`).

    Returns
    -------
    list of Version
        All versions that there are.
    """
    known = versions(tracking_uri=tracking_uri)
    if not any(PROD in version.aliases for version in known):
        split = at_random(ratings or make_ratings(**SMALL)[0])
        made = train(split, ["popularity", "mf-bce"], progress=False, tracking_uri=tracking_uri)
        made += train(split, ["mf-bce"], seed=1, progress=False, tracking_uri=tracking_uri)
        first, second, third = (register(one.model_id, tracking_uri=tracking_uri) for one in made)
        for version in (first, second):
            promote(version.number, tracking_uri=tracking_uri)
        client = MlflowClient(tracking_uri)
        client.set_registered_model_alias(MODEL, STAGING, str(third.number))
        known = versions(tracking_uri=tracking_uri)
    return known
