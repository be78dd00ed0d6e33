"""From ratings to a version in production: train, compare, register, promote.

The same steps serve the first time and every time after that: when new ratings have come in, the
candidates are trained anew, and the version in production is asked the same new questions.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
from mlflow import MlflowClient
from numpy.typing import NDArray

from services.recommender.elsewhere import Elsewhere
from services.recommender.metrics import Metrics, evaluate
from services.recommender.ratings import Ratings
from services.recommender.recommender import Recommender
from services.recommender.registry.candidates import (
    RANKED_BY,
    Logged,
    log_candidate,
    log_measures,
    test_set,
    validation_set,
)
from services.recommender.registry.production import Decision, promote
from services.recommender.registry.promotion import RULE, Rule
from services.recommender.registry.versions import (
    MODEL,
    PROD,
    STAGING,
    Version,
    fetch,
    register,
    version_of,
    versions,
)
from services.recommender.splits import Split, at_random, by_time
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


def latest(ratings: Ratings) -> Split:
    """Keep the newest ratings back: the last tenth to report on, the tenth before to decide by."""
    return by_time(ratings, validation=0.1, test=0.1)


def learn(
    ratings: Ratings,
    kinds: Iterable[str] = ("mf-bce",),
    *,
    how: Callable[[Ratings], Split] = latest,
    name: str = MODEL,
    rule: Rule = RULE,
    seed: int = 0,
    progress: bool = True,
    tracking_uri: str | None = None,
) -> Decision:
    """Learn from all ratings that there are by now, and promote what is better than before.

    The version in production was trained before, on fewer ratings. It is measured on the same
    validation ratings as the candidates; those that it was trained on are no question for anybody.

    Parameters
    ----------
    ratings : Ratings
        Old and new. There may be new users and movies.
    kinds : iterable of str
        Which candidates; the one with the best NDCG is registered.
    how : callable
        Splits the ratings; by time if not given.
    name : str
        The registered model.
    rule : tuple of Threshold
        For the promotion.
    seed : int
        Of the training.
    progress : bool
        Show bars.
    tracking_uri : str, optional
        The server; MLflow's current one if not given.

    Returns
    -------
    Decision
        A service that follows the alias ``prod`` takes a promoted version by itself.

    Raises
    ------
    ValueError
        If the ratings are too few or not new, or there is no such candidate.
    """
    split = how(ratings)
    served = None
    with contextlib.suppress(LookupError):  # nothing is in production yet
        served = version_of(PROD, name=name, tracking_uri=tracking_uri)
    if served:
        knows = _learned(_opened(served, tracking_uri), split.validation)
        if knows.all():
            raise ValueError(
                f"version {served.number}, in production, was trained on all of the ratings that "
                "would decide; there is nothing to learn before new ratings come in"
            )
        split = split._replace(validation=split.validation.take(~knows))
    logged = train(split, kinds, seed=seed, progress=progress, tracking_uri=tracking_uri)
    chosen = max(logged, key=lambda one: one.metrics[RANKED_BY])
    version = register(chosen.model_id, name=name, tracking_uri=tracking_uri)
    if served and version.digest not in served.measured:
        measure(served, split, tracking_uri=tracking_uri)
    decision = promote(version.number, name=name, rule=rule, tracking_uri=tracking_uri)
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
    """Measure a registered version on ratings other than those it was registered with, and log it.

    The lists only: of movies and users that it does not know it estimates no ratings.

    Raises
    ------
    ValueError
        If it was trained on some of the ratings that it is to find.
    """
    recommender = _opened(version, tracking_uri)
    if on == "test":
        known, held_out, data = split.development, split.test, test_set(split)
    else:
        known, held_out, data = split.train, split.validation, validation_set(split)
    if seen := int(_learned(recommender, held_out).sum()):
        raise ValueError(
            f"version {version.number} was trained on {seen} of these {len(held_out)} ratings; "
            "measure it on ratings that are new to it"
        )
    metrics = evaluate(Elsewhere(recommender, known), known, held_out)
    log_measures(version.model_id, metrics, data, tracking_uri=tracking_uri)
    return metrics


def _opened(version: Version, tracking_uri: str | None) -> Recommender:
    with TemporaryDirectory() as folder:
        at = fetch(version.number, folder, name=version.name, tracking_uri=tracking_uri)
        return Recommender.load(at / "artifacts" / "recommender.npz", str(version.number))


def _learned(recommender: Recommender, part: Ratings) -> NDArray[np.bool_]:
    """Return for each rating whether the recommender was trained on it, shape (len(part),)."""
    movies = part.movies.ids.raw(part.items)
    learned = np.zeros(len(part), bool)
    for user in np.unique(part.users):
        rows = part.users == user
        raw = int(part.user_ids.raw([user])[0])
        learned[rows] = np.isin(movies[rows], recommender.rated_by(raw))
    return learned


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
