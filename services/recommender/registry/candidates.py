"""Candidates in the tracking server: parameters, data sets, metrics, and the model itself.

Every candidate is a run with its parameters, the loss of each epoch and its two data sets, and a
logged model with its metrics. Metrics are bound to the data they were measured on, so that two
models are compared on the same data or not at all.
"""

from __future__ import annotations

import hashlib
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.data.pandas_dataset import PandasDataset, from_pandas
from mlflow.entities import Metric

from services.recommender.model.metrics import Metrics
from services.recommender.model.ratings import Ratings
from services.recommender.recommender import Recommender
from services.recommender.registry import packaging
from services.recommender.training.splits import Split
from services.registry import VALIDATION, Rule, Threshold, measures_of, run_named, tracking_at

if TYPE_CHECKING:  # it imports torch, which reading the registry does not need
    from services.recommender.training.trainer import Recipe

EXPERIMENT = "recommender"

RANKED_BY = "ndcg_at_10"
"""Candidates are ranked by this metric, on validation ratings."""

RULE: Rule = (
    Threshold(RANKED_BY, 0.002),
    Threshold("hr_at_10", -0.01),
    Threshold("coverage_at_10", -0.05),
)
"""For promotion: better lists, for about as many users, from about as much of the catalogue.

RMSE is not included: a model that only ranks has none, and the best by RMSE makes poor lists.
"""


@dataclass(frozen=True)
class Logged:
    """A candidate in the tracking server, with its metrics on the validation ratings.

    ``models:/<model_id>`` is the URI to load or register it; *run_id* is the run that made it.
    """

    model_id: str
    run_id: str
    kind: str
    metrics: dict[str, float]


def digest(known: Ratings, held_out: Ratings) -> str:
    """Return a fingerprint of known ratings and held-out ratings: 16 hexadecimal digits.

    It is computed from raw ids, so it does not depend on other users in the table.
    """
    content = hashlib.sha256()
    for part in (known, held_out):
        users, movies = part.user_ids.raw(part.users), part.movies.ids.raw(part.items)
        order = np.lexsort((movies, users))
        for column in (users, movies, part.values.astype(np.float64)):
            content.update(column[order].tobytes())
        content.update(b"|")
    return content.hexdigest()[:16]


def test_set(split: Split) -> PandasDataset:
    """Return the test ratings as an MLflow data set; the known ratings are all others."""
    return _dataset(split.test, "test", digest(split.development, split.test))


def validation_set(split: Split) -> PandasDataset:
    """Return the validation ratings as an MLflow data set with their :func:`digest`."""
    return _dataset(split.validation, VALIDATION, digest(split.train, split.validation))


def log_candidate(
    recommender: Recommender,
    metrics: Metrics,
    split: Split,
    *,
    recipe: Recipe | None = None,
    losses: Sequence[float] = (),
    seed: int = 0,
    seconds: float | None = None,
    tracking_uri: str | None = None,
) -> Logged:
    """Log a candidate that was trained on ``split.train`` as a run and a model.

    Parameters
    ----------
    metrics : Metrics
        Measured on ``split.validation``.
    recipe : Recipe, optional
        How it was trained; logged as parameters.
    losses : sequence of float
        Mean loss of each epoch; logged as a curve.
    seconds : float, optional
        Processor time of the training.

    Raises
    ------
    mlflow.exceptions.MlflowException
        If the server cannot be reached or refuses.
    """
    kind = recommender.model.kind
    params = {**(asdict(recipe) if recipe else {"kind": kind}), "seed": seed}
    with tracking_at(tracking_uri), run_named(kind, EXPERIMENT) as run_id:
        mlflow.log_params(params)
        train = _dataset(split.train, "train", digest(split.train, split.train))
        held_out = validation_set(split)
        log_input(train, "training")
        log_input(held_out, "validation")
        _log_curve(run_id, losses, seconds)
        info = packaging.log(recommender, params={name: str(v) for name, v in params.items()})
        mlflow.log_metrics(metrics.as_dict(), model_id=info.model_id, dataset=held_out)
    return Logged(str(info.model_id), run_id, kind, metrics.as_dict())


def log_measures(
    model_id: str, metrics: Metrics, data: PandasDataset, *, tracking_uri: str | None = None
) -> None:
    """Log an existing model's metrics on other data, in a separate run."""
    with tracking_at(tracking_uri), run_named(f"measure {model_id}", EXPERIMENT):
        log_input(data, data.name)
        mlflow.log_metrics(metrics.as_dict(), model_id=model_id, dataset=data)


def log_input(data: PandasDataset, context: str) -> None:
    """Record that the current run used a data set."""
    with warnings.catch_warnings():
        # Ids are whole numbers and never missing.
        warnings.filterwarnings("ignore", "Hint: Inferred schema contains integer")
        mlflow.log_input(data, context=context)


def best(*, data: PandasDataset | None = None) -> Logged:
    """Return the logged candidate with the largest :data:`RANKED_BY`.

    With *data*, as :func:`validation_set` makes it, only values on this data set are compared.
    Raises LookupError if no candidate has this metric.
    """
    order = {"field_name": f"metrics.{RANKED_BY}", "ascending": False}
    if data:
        order |= {"dataset_name": data.name, "dataset_digest": data.digest}
    client = MlflowClient()
    experiment = client.get_experiment_by_name(EXPERIMENT)
    ranked = experiment and client.search_logged_models(
        [experiment.experiment_id], max_results=1, order_by=[order]
    )
    for model in ranked or ():
        measures = measures_of(model.metrics or (), data.digest if data else None)
        if RANKED_BY in measures:
            kind = str(model.params.get("kind", model.name))
            return Logged(model.model_id, str(model.source_run_id), kind, measures)
    raise LookupError(f"no candidate with {RANKED_BY} is logged; train some first")


def _dataset(part: Ratings, name: str, fingerprint: str) -> PandasDataset:
    table = pd.DataFrame(
        {
            "user_id": part.user_ids.raw(part.users),
            "movie_id": part.movies.ids.raw(part.items),
            "rating": part.values,
            "timestamp": part.timestamps,
        }
    )
    return from_pandas(table, name=name, digest=fingerprint)


def _log_curve(run_id: str, losses: Sequence[float], seconds: float | None) -> None:
    now = int(time.time() * 1000)
    points = [Metric("loss", loss, now, epoch) for epoch, loss in enumerate(losses, start=1)]
    if seconds is not None:
        points.append(Metric("train_seconds", seconds, now, 0))
    if points:
        MlflowClient().log_batch(run_id, metrics=points)
