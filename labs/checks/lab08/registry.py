"""A model registry in memory, with the methods of MLflow's client that lab 08 uses."""

from __future__ import annotations

from collections.abc import Mapping

from mlflow.entities import Metric, Run, RunData, RunInfo
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.entities.model_registry.registered_model_alias import RegisteredModelAlias
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST

MODEL = "recommender_production"


class DisconnectedError(MlflowException, ConnectionError):
    """The connection to the registry was lost."""


class Registry:
    """One registered model, its versions, their metrics, and its aliases.

    It returns MLflow's own objects. They are copies: changing them does not change the registry.

    Parameters
    ----------
    metrics : mapping of str to (mapping of str to float)
        For each version the metrics that its run logged.
    aliases : mapping of str to str, optional
        For each alias its version.
    cut_at : int, optional
        Of the calls that change something, the number (from 0) of the one at which the connection
        is lost. This call and all later ones change nothing and raise, until :meth:`connect`.

    Attributes
    ----------
    aliases : dict of str to str
        The present aliases.
    lost : int
        How many calls did not go through.
    history : list of dict
        The aliases after each change.
    """

    def __init__(
        self,
        metrics: Mapping[str, Mapping[str, float]],
        aliases: Mapping[str, str] | None = None,
        cut_at: int | None = None,
    ) -> None:
        self._metrics = {version: dict(logged) for version, logged in metrics.items()}
        self.aliases = dict(aliases or {})
        self._cut_at = cut_at
        self.lost = 0
        self.history: list[dict[str, str]] = []

    def get_registered_model(self, name: str) -> RegisteredModel:
        """Return the model; its ``aliases`` are a dictionary of texts."""
        self._require(name)
        aliases = [RegisteredModelAlias(*pair) for pair in self.aliases.items()]
        return RegisteredModel(name, aliases=aliases)

    def get_model_version(self, name: str, version: str) -> ModelVersion:
        """Return a version; it has a ``run_id``."""
        self._require(name, version)
        aliases = [alias for alias, number in self.aliases.items() if number == str(version)]
        return ModelVersion(name, str(version), 0, run_id=f"run-{version}", aliases=aliases)

    def get_model_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """Return the version that an alias points to."""
        self._require(name)
        if alias not in self.aliases:
            text = f"Registered model alias {alias} not found."
            raise MlflowException(text, INVALID_PARAMETER_VALUE)
        return self.get_model_version(name, self.aliases[alias])

    def get_run(self, run_id: str) -> Run:
        """Return a run; its ``data.metrics`` are a dictionary."""
        version = run_id.removeprefix("run-")
        if version not in self._metrics:
            raise _missing(f"Run with id={run_id} not found")
        metrics = [Metric(key, value, 0, 0) for key, value in self._metrics[version].items()]
        info = RunInfo(run_id, "0", "somebody", "FINISHED", 0, 0, "active")
        return Run(info, RunData(metrics=metrics))

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        """Let an alias point to a version; an existing alias moves."""
        self._require(name, version)
        self._change({**self.aliases, alias: str(version)})

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Delete an alias; nothing happens if it does not exist."""
        self._require(name)
        self._change({other: to for other, to in self.aliases.items() if other != alias})

    def connect(self) -> None:
        """Connect again; from now on the connection holds."""
        self._cut_at = None

    def _require(self, name: str, version: object = None) -> None:
        if name != MODEL:
            raise _missing(f"Registered Model with name={name} not found")
        if version is not None and str(version) not in self._metrics:
            raise _missing(f"Model Version (name={name}, version={version}) not found")

    def _change(self, aliases: dict[str, str]) -> None:
        if self._cut_at is not None and len(self.history) >= self._cut_at:
            self.lost += 1
            raise DisconnectedError("API request failed: the connection was lost")
        self.aliases = aliases
        self.history.append(dict(aliases))


def _missing(text: str) -> MlflowException:
    return MlflowException(text, RESOURCE_DOES_NOT_EXIST)
