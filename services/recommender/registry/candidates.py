"""Candidates in the tracking server: what was trained, on what, how it did, and the model itself.

Every candidate is a run with its parameters, the loss of each epoch, its two data sets and a plot,
and a logged model with its measures. Measures are bound to the data they were taken on, so that
two models are compared on the same questions or not at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.data.pandas_dataset import PandasDataset, from_pandas
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException

from services.environment import build_dir
from services.recommender.metrics import Metrics
from services.recommender.ratings import Ratings
from services.recommender.recommender import Recommender
from services.recommender.registry import packaging
from services.recommender.splits import Split
from services.workbench import rankings

if TYPE_CHECKING:  # it imports torch, and who only reads the registry needs none
    from services.recommender.training import Recipe

EXPERIMENT = "recommender"
VALIDATION = "validation"
"""The name of the data set that promotion looks at."""
RANKED_BY = "ndcg_at_10"
"""Candidates are put in order by this measure, on validation ratings."""


@dataclass(frozen=True)
class Logged:
    """A candidate in the tracking server.

    Attributes
    ----------
    model_id : str
        Of the logged model; ``models:/<model_id>`` loads it, and registers it.
    run_id : str
        Of the run that made it.
    kind : str
        Which formula.
    metrics : dict of str to float
        On the validation ratings.
    """

    model_id: str
    run_id: str
    kind: str
    metrics: dict[str, float]


@contextlib.contextmanager
def tracking_at(uri: str | None) -> Iterator[None]:
    """Work with the tracking server at *uri*, then with the one before again; None: stay."""
    if uri is None:
        yield
        return
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)


def digest(known: Ratings, held_out: Ratings) -> str:
    """Return a fingerprint of a question: these known ratings, those to be found. 16 digits.

    It is taken over raw ids, so it does not depend on who else is in the table.
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
    """Return the test ratings, to be found by who knows all others."""
    return _dataset(split.test, "test", digest(split.development, split.test))


def validation_set(split: Split) -> PandasDataset:
    """Return the validation ratings as MLflow notes them down, under their :func:`digest`."""
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
    """Log a trained candidate as a run and a model.

    Parameters
    ----------
    recommender : Recommender
        What was trained, on ``split.train``.
    metrics : Metrics
        Its measures on ``split.validation``.
    split : Split
        The ratings.
    recipe : Recipe, optional
        How it was trained; becomes parameters.
    losses : sequence of float
        Mean loss of each epoch; becomes a curve.
    seed : int
        Of the training.
    seconds : float, optional
        Of processor time that it took.
    tracking_uri : str, optional
        The server; MLflow's current one if not given.

    Raises
    ------
    mlflow.exceptions.MlflowException
        If the server cannot be reached or refuses.
    """
    kind = recommender.model.kind
    params = {**(asdict(recipe) if recipe else {"kind": kind}), "seed": seed}
    with tracking_at(tracking_uri), run_named(kind) as run_id:
        mlflow.log_params(params)
        train = _dataset(split.train, "train", digest(split.train, split.train))
        held_out = validation_set(split)
        log_input(train, "training")
        log_input(held_out, "validation")
        _log_curve(run_id, losses, seconds)
        if losses:
            mlflow.log_figure(rankings.losses({kind: losses}), "loss.png")
        info = packaging.log(recommender, params={name: str(v) for name, v in params.items()})
        mlflow.log_metrics(metrics.as_dict(), model_id=info.model_id, dataset=held_out)
    return Logged(str(info.model_id), run_id, kind, metrics.as_dict())


def log_measures(
    model_id: str, metrics: Metrics, data: PandasDataset, *, tracking_uri: str | None = None
) -> None:
    """Log how a model that is there already did on other data, in a run of its own."""
    with tracking_at(tracking_uri), run_named(f"measure {model_id}"):
        log_input(data, data.name)
        mlflow.log_metrics(metrics.as_dict(), model_id=model_id, dataset=data)


@contextlib.contextmanager
def run_named(name: str, experiment: str = EXPERIMENT) -> Iterator[str]:
    """Begin a run in an experiment, which is made if need be; yield the run's id."""
    client = MlflowClient()
    if client.get_experiment_by_name(experiment) is None:
        # A server says where artifacts go. Without one MLflow would take the current folder.
        served = mlflow.get_tracking_uri().startswith("http")
        place = None if served else (build_dir() / "mlflow" / "artifacts").as_uri()
        with contextlib.suppress(MlflowException):  # somebody else made it just now
            client.create_experiment(experiment, place)
    mlflow.set_experiment(experiment)
    with mlflow.start_run(run_name=name) as run:
        yield run.info.run_id


def log_input(data: PandasDataset, context: str) -> None:
    """Note down that the current run used a data set."""
    with warnings.catch_warnings():
        # Ids are whole numbers and never missing.
        warnings.filterwarnings("ignore", "Hint: Inferred schema contains integer")
        mlflow.log_input(data, context=context)


def best(
    *, data: PandasDataset | None = None, by: str = RANKED_BY, tracking_uri: str | None = None
) -> Logged:
    """Return the logged candidate with the largest measure.

    Parameters
    ----------
    data : PandasDataset, optional
        Compare on this data set only, as :func:`validation_set` makes it; on any if not given.
    by : str
        Which measure.

    Raises
    ------
    LookupError
        If no candidate has it.
    """
    order = {"field_name": f"metrics.{by}", "ascending": False}
    if data:
        order |= {"dataset_name": data.name, "dataset_digest": data.digest}
    client = MlflowClient(tracking_uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    found = experiment and client.search_logged_models(
        [experiment.experiment_id], max_results=1, order_by=[order]
    )
    for model in found or ():
        measures = measures_of(model.metrics or (), data.digest if data else None)
        if by in measures:
            kind = str(model.params.get("kind", model.name))
            return Logged(model.model_id, str(model.source_run_id), kind, measures)
    raise LookupError(f"no candidate with {by} is logged; train some first")


def measures_of(metrics: Iterable[Metric], digest: str | None = None) -> dict[str, float]:
    """Return a logged model's measures on one data set (any: None), the latest of each name."""
    chosen = [one for one in metrics if digest is None or one.dataset_digest == digest]
    return {one.key: one.value for one in sorted(chosen, key=lambda one: one.timestamp)}


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
