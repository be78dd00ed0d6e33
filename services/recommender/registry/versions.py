"""Versions of a registered model: making one, and finding what there is.

Two things that MLflow does otherwise than one expects are dealt with here: a version's ``model_id``
is None, its ``source`` has it; and a version that a search returns knows no aliases, its registered
model does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException

from services.recommender.registry.candidates import VALIDATION, measures_of, tracking_at

MODEL = "recommender_production"
PROD = "prod"
STAGING = "staging"

WITHDRAWN = "withdrawn"
"""Tag of a version that was taken out of production."""


@dataclass(frozen=True)
class Version:
    """A registered version.

    Attributes
    ----------
    name : str
        Of the registered model.
    number : int
        From 1.
    model_id, run_id : str
        The logged model that it is, and the run that made it.
    aliases : tuple of str
        Such as ``"prod"``.
    measured : dict of str to dict
        Its measures on validation ratings, by the digest of these; what they were measured on
        last stands last.
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
        """The data it was measured on last."""
        return next(reversed(self.measured), None)

    @property
    def uri(self) -> str:
        """What MLflow loads and downloads it by."""
        return f"models:/{self.name}/{self.number}"


def register(model_id: str, *, name: str = MODEL, tracking_uri: str | None = None) -> Version:
    """Make a logged model the next version of a registered model, which is created if need be.

    Returns
    -------
    Version
        The version that holds this model; if there is one already, that one.

    Raises
    ------
    LookupError
        If there is no such logged model.
    """
    client = MlflowClient(tracking_uri)
    with lookup(f"no logged model {model_id!r}"):
        logged = client.get_logged_model(model_id)
    with contextlib.suppress(MlflowException):  # it is there already
        client.create_registered_model(name)
    source = f"models:/{model_id}"
    for known in client.search_model_versions(f"name = '{name}' and source_path = '{source}'"):
        return version_of(int(known.version), name=name, tracking_uri=tracking_uri)
    made = client.create_model_version(
        name,
        source,
        run_id=logged.source_run_id,
        model_id=model_id,
        await_creation_for=0,
    )
    return version_of(int(made.version), name=name, tracking_uri=tracking_uri)


def versions(*, name: str = MODEL, tracking_uri: str | None = None) -> list[Version]:
    """Return all versions, the oldest first; none if there is no such registered model."""
    client = MlflowClient(tracking_uri)
    try:
        model = client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return []
    known, token = [], None
    while True:
        page = client.search_model_versions(f"name = '{name}'", max_results=1000, page_token=token)
        known += [version_in(client, model, one) for one in page]
        token = page.token
        if not token:
            return sorted(known, key=lambda one: one.number)


def version_of(
    which: int | str = PROD, *, name: str = MODEL, tracking_uri: str | None = None
) -> Version:
    """Return a version by its number or by an alias.

    Raises
    ------
    LookupError
        If there is none.
    """
    client = MlflowClient(tracking_uri)
    with lookup(f"{name} has no version {which}"):
        model = client.get_registered_model(name)
        number = which if isinstance(which, int) else model.aliases.get(which)
        if number is None:
            raise LookupError(f"{name} has no version with the alias {which!r}")
        return version_in(client, model, client.get_model_version(name, str(number)))


def fetch(
    which: int | str,
    folder: str | Path,
    *,
    name: str = MODEL,
    tracking_uri: str | None = None,
) -> Path:
    """Download a version's model folder into *folder* and return it.

    The recommender's data lies in it as ``artifacts/recommender.npz``, which
    :meth:`~services.recommender.recommender.Recommender.load` reads.

    Raises
    ------
    LookupError
        If there is no such version.
    """
    version = version_of(which, name=name, tracking_uri=tracking_uri)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tracking_at(tracking_uri):
        return Path(mlflow.artifacts.download_artifacts(version.uri, dst_path=str(folder)))


def version_in(client: MlflowClient, model: RegisteredModel, found: ModelVersion) -> Version:
    """Put together what MLflow keeps in three places about one version."""
    # ModelVersion.model_id is None when it comes from a server; the source has it.
    model_id = (found.source or "").removeprefix("models:/")
    metrics = client.get_logged_model(model_id).metrics or []
    digests = dict.fromkeys(
        one.dataset_digest
        for one in sorted(metrics, key=lambda one: one.timestamp)
        if one.dataset_digest and one.dataset_name == VALIDATION
    )
    # What a search returns has no aliases; the registered model has.
    aliases = sorted(a for a, number in model.aliases.items() if int(number) == int(found.version))
    return Version(
        found.name,
        int(found.version),
        model_id,
        found.run_id or "",
        tuple(aliases),
        {digest: measures_of(metrics, digest) for digest in digests},
        found.tags.get(WITHDRAWN),
    )


@contextlib.contextmanager
def lookup(message: str) -> Iterator[None]:
    """Turn MLflow's error for what does not exist into a LookupError."""
    try:
        yield
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"):
            raise LookupError(message) from error
        raise
