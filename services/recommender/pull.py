"""Bring the version that MLflow's registry calls ``prod`` to this machine's cache.

Chapter section 10.5.1, Listing 10.1: there every worker does it while it starts, again at every
start, and without MLflow it does not start at all.

Only the model's data is fetched, one file without pickle; the code that scores with it is this
package's. MLflow itself is imported when it is first asked. ``MLFLOW_TRACKING_URI`` says where it
is.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

from services.recommender.cache import FILE, Version, VersionCache

logger = logging.getLogger(__name__)

# MLflow's own defaults are 7 retries, each after twice the wait, and 120 seconds a request: a
# server that is down would block a start for minutes.
PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""What MLflow's client is told, unless the environment says otherwise."""

ANSWER_SECONDS = 12.0
"""How long the registry may take to say which version is ``prod``."""

FETCH_SECONDS = 300.0
"""How long the model's file may take."""

Result = TypeVar("Result")
Reason = Literal["unreachable", "unregistered", "damaged"]


class PullError(RuntimeError):
    """Nothing new could be had; whoever serves goes on with what it has.

    Parameters
    ----------
    message : str
        What went wrong, in one line.
    reason : {"unreachable", "unregistered", "damaged"}
        The registry did not answer, or not as one does; it knows no such model or alias; or what
        it gave is no model that could be served.
    """

    def __init__(self, message: str, reason: Reason) -> None:
        super().__init__(message)
        self.reason: Reason = reason


class Registry:
    """One alias of one registered model.

    Parameters
    ----------
    model, alias : str
        Together the address ``models:/recommender_production@prod``.
    tracking_uri : str, optional
        The registry; what MLflow itself takes, ``MLFLOW_TRACKING_URI`` for one, if not given.
    answer_seconds, fetch_seconds : float
        How long the registry may take, in all, for the name of a version and for its file. A
        server that sends a byte a second never runs into a timeout of MLflow's.
    """

    def __init__(
        self,
        model: str,
        alias: str = "prod",
        *,
        tracking_uri: str | None = None,
        answer_seconds: float = ANSWER_SECONDS,
        fetch_seconds: float = FETCH_SECONDS,
    ) -> None:
        self.model = model
        self.alias = alias
        self.tracking_uri = tracking_uri
        self.answer_seconds = answer_seconds
        self.fetch_seconds = fetch_seconds

    def current(self) -> Version:
        """Return the version that the alias names.

        Raises
        ------
        PullError
            If the registry cannot say.
        """
        _import_mlflow()
        return _within(self.answer_seconds, self._current)

    def fetch(self, version: Version, folder: Path) -> Path:
        """Download a version's model file into *folder* and return its path.

        Raises
        ------
        PullError
            If it cannot be had.
        """
        _import_mlflow()
        return _within(self.fetch_seconds, lambda: self._fetch(version, folder))

    def pull(self, cache: VersionCache) -> Version:
        """Bring the alias's version into *cache*, if it is not there, and point to it.

        Raises
        ------
        PullError
            If the registry cannot be asked, or the version is of no use. The pointer stays.
        """
        version = self.current()
        try:
            if cache.add(version, lambda folder: self.fetch(version, folder)):
                logger.info("version %s of %s was fetched", version.number, version.name)
            elif cache.pointed() != version:
                cache.load(version)  # it may have been damaged since
        except FileNotFoundError as error:
            raise PullError(f"version {version.number} has no file: {error}", "damaged") from error
        except ValueError as error:
            cache.drop(version)
            raise PullError(f"version {version.number} is no use: {error}", "damaged") from error
        except OSError as error:
            raise PullError(
                f"version {version.number} cannot be kept: {error}", "damaged"
            ) from error
        cache.point(version)
        return version

    def _current(self) -> Version:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        try:
            client = MlflowClient(self.tracking_uri)
            found = client.get_model_version_by_alias(self.model, self.alias)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise PullError(
                    f"MLflow knows no models:/{self.model}@{self.alias}", "unregistered"
                ) from error
            raise
        source = f"{found.run_id} {found.source} {found.creation_timestamp}"
        return Version(self.model, str(found.version), source)

    def _fetch(self, version: Version, folder: Path) -> Path:
        from mlflow import MlflowClient, artifacts

        client = MlflowClient(self.tracking_uri)
        uri = client.get_model_version_download_uri(version.name, version.number)
        file = artifacts.download_artifacts(
            artifact_uri=f"{uri}/artifacts/{FILE}",
            dst_path=str(folder),
            tracking_uri=self.tracking_uri,
        )
        return Path(file)


def prepare(cache: VersionCache, registry: Registry) -> Version:
    """Have a version to serve, before anybody serves: the registry's, or else the pointed one.

    Raises
    ------
    PullError
        If neither is to be had.
    """
    pointed = cache.pointed()
    if pointed is not None:
        try:
            cache.load(pointed)
        except (OSError, ValueError) as error:
            logger.warning("version %s is fetched anew: %s", pointed.number, error)
            cache.drop(pointed)
            pointed = None
    try:
        return registry.pull(cache)
    except PullError as error:
        if pointed is None:
            raise
        logger.warning("%s; version %s is served, as pointed to", error, pointed.number)
        return pointed


def _import_mlflow() -> None:
    """Import what asks, before the clock runs: a busy machine takes long for it."""
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    try:
        import mlflow  # noqa: F401
    except ImportError as error:
        raise PullError(f"MLflow's client is not installed: {error}", "unreachable") from error


def _within(seconds: float, ask: Callable[[], Result]) -> Result:
    """Return what *ask* returns, or raise a :class:`PullError`, at the latest after *seconds*.

    A request that is under way cannot be ended from outside. It is left to itself, in a thread
    that does not keep the process alive.
    """
    outcome: list[Result | BaseException] = []

    def run() -> None:
        try:
            outcome.append(ask())
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run, name="ask-mlflow", daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        raise PullError(f"MLflow did not answer within {seconds:g} seconds", "unreachable")
    [result] = outcome
    if isinstance(result, PullError):
        raise result
    if isinstance(result, BaseException):
        # MLflow raises its own exceptions, those of requests, of json, of protobuf, and more.
        told = f"{type(result).__name__}: {result}".splitlines()[0]
        raise PullError(f"MLflow gave no answer of use: {told:.200}", "unreachable") from result
    return result
