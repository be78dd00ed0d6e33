"""Choose the tracking server, start runs in it, and look things up."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from services.environment import build_dir


@contextlib.contextmanager
def tracking_at(uri: str | None) -> Iterator[None]:
    """Use the tracking server at *uri* inside the block; None keeps MLflow's current one."""
    if uri is None:
        yield
        return
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)


@contextlib.contextmanager
def run_named(name: str, experiment: str) -> Iterator[str]:
    """Start a run in an experiment, which is created if it does not exist; yield the run's id."""
    client = MlflowClient()
    if client.get_experiment_by_name(experiment) is None:
        # A server decides where artifacts go. Without one MLflow would use the current folder.
        served = mlflow.get_tracking_uri().startswith("http")
        location = None if served else (build_dir() / "mlflow" / "artifacts").as_uri()
        with contextlib.suppress(MlflowException):  # another process has just created it
            client.create_experiment(experiment, location)
    mlflow.set_experiment(experiment)
    with mlflow.start_run(run_name=name) as run:
        yield run.info.run_id


@contextlib.contextmanager
def lookup(message: str) -> Iterator[None]:
    """Turn MLflow's error for something that does not exist into a LookupError."""
    try:
        yield
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"):
            raise LookupError(message) from error
        raise
