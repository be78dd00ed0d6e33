"""Versions of a registered model: registering one, and finding those that exist.

Two properties of MLflow are worked around here: a version's ``model_id`` is None when it comes from
a server (its ``source`` has the id), and a version returned by a search has no aliases (its
registered model has them).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException

from services.registry.tracking import lookup, tracking_at

PROD = "prod"
STAGING = "staging"

VALIDATION = "validation"
"""The name of the data set whose metrics decide about a promotion."""

WITHDRAWN = "withdrawn"
"""Tag of a version that was taken out of production; its value is the reason."""


@dataclass(frozen=True)
class Version:
    """A registered version, with the logged model behind it and the run that created it.

    Attributes
    ----------
    number : int
        1 or more.
    aliases : tuple of str
        Such as ``"prod"``, sorted.
    measured : dict of str to dict
        Its metrics on validation data, by the data's digest; the latest data set comes last.
    withdrawn : str or None
        Why it was taken out of production, if it was.
    """

    name: str
    number: int
    model_id: str
    run_id: str
    aliases: tuple[str, ...] = ()
    measured: dict[str, dict[str, float]] = field(default_factory=dict)
    withdrawn: str | None = None

    @property
    def digest(self) -> str | None:
        """The digest of the data that it was measured on last."""
        return next(reversed(self.measured), None)

    @property
    def uri(self) -> str:
        """The URI by which MLflow loads and downloads it."""
        return f"models:/{self.name}/{self.number}"


def register(model_id: str, *, name: str, tracking_uri: str | None = None) -> Version:
    """Make a logged model the next version of a registered model, created if necessary.

    Registering a model twice creates no second version. Raises LookupError if there is no such
    logged model.
    """
    client = MlflowClient(tracking_uri)
    with lookup(f"no logged model {model_id!r}"):
        logged = client.get_logged_model(model_id)
    with contextlib.suppress(MlflowException):  # it exists already
        client.create_registered_model(name)
    source = f"models:/{model_id}"
    known = client.search_model_versions(f"name = '{name}' and source_path = '{source}'")
    version = next(iter(known), None) or client.create_model_version(
        name,
        source,
        run_id=logged.source_run_id,
        model_id=model_id,
        await_creation_for=0,
    )
    return version_of(int(version.version), name=name, tracking_uri=tracking_uri)


def versions(*, name: str, tracking_uri: str | None = None) -> list[Version]:
    """Return all versions, the oldest first; an empty list if the model is not registered."""
    client = MlflowClient(tracking_uri)
    try:
        model = client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return []
    known: list[Version] = []
    token = None
    while True:
        page = client.search_model_versions(f"name = '{name}'", max_results=1000, page_token=token)
        known += [version_in(client, model, one) for one in page]
        token = page.token
        if not token:
            return sorted(known, key=lambda one: one.number)


def version_of(which: int | str = PROD, *, name: str, tracking_uri: str | None = None) -> Version:
    """Return a version by its number or by an alias.

    Raises LookupError if there is none.
    """
    client = MlflowClient(tracking_uri)
    with lookup(f"{name} has no version {which}"):
        model = client.get_registered_model(name)
        number = which if isinstance(which, int) else model.aliases.get(which)
        if number is None:
            raise LookupError(f"{name} has no version with the alias {which!r}")
        return version_in(client, model, client.get_model_version(name, str(number)))


def fetch(
    which: int | str, folder: str | Path, *, name: str, tracking_uri: str | None = None
) -> Path:
    """Download a version's model folder into *folder* and return its path.

    Raises LookupError if there is no such version.
    """
    version = version_of(which, name=name, tracking_uri=tracking_uri)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tracking_at(tracking_uri):
        return Path(mlflow.artifacts.download_artifacts(version.uri, dst_path=str(folder)))


def measures_of(metrics: Iterable[Metric], digest: str | None = None) -> dict[str, float]:
    """Return a logged model's metrics on one data set (any: None), the latest of each name."""
    chosen = [one for one in metrics if digest is None or one.dataset_digest == digest]
    return {one.key: one.value for one in sorted(chosen, key=lambda one: one.timestamp)}


def version_in(client: MlflowClient, model: RegisteredModel, version: ModelVersion) -> Version:
    """Collect what MLflow keeps in three places about one version."""
    model_id = (version.source or "").removeprefix("models:/")
    metrics = client.get_logged_model(model_id).metrics or []
    digests = dict.fromkeys(
        one.dataset_digest
        for one in sorted(metrics, key=lambda one: one.timestamp)
        if one.dataset_digest and one.dataset_name == VALIDATION
    )
    number = int(version.version)
    return Version(
        version.name,
        number,
        model_id,
        version.run_id or "",
        tuple(sorted(alias for alias, other in model.aliases.items() if int(other) == number)),
        {digest: measures_of(metrics, digest) for digest in digests},
        version.tags.get(WITHDRAWN),
    )
