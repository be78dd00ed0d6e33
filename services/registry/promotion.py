"""Which version is in production: promoting one by a rule, and rolling back.

A version never changes; the alias ``prod`` says which one is served. Promoting moves the alias, and
so does rolling back.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from mlflow import MlflowClient
from mlflow.entities.model_registry import RegisteredModel

from services.registry.rule import Rule, complaints
from services.registry.tracking import lookup
from services.registry.versions import PROD, WITHDRAWN, Version, version_in

HISTORY = "prod_history"
"""Tag of the registered model: the versions that were in production, the latest last."""


@dataclass(frozen=True)
class Decision:
    """The outcome of a promotion or a rollback of a registered model, and the reasons for it.

    The decision is about *version*; *previous* was served before. The outcome is "unchanged" if the
    version was in production already, and "restored" if a rollback brought it back.
    """

    name: str
    version: int
    previous: int | None
    outcome: Literal["promoted", "refused", "unchanged", "restored"]
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        """Return the decision as one line."""
        return f"{self.name} version {self.version} {self.outcome}: {'; '.join(self.reasons)}"


def promote(
    number: int,
    *,
    name: str,
    rule: Rule,
    again: bool = False,
    tracking_uri: str | None = None,
) -> Decision:
    """Put a version into production if the rule permits it.

    The first version is promoted unconditionally. Promoting a version again changes nothing. The
    *rule* says how the version must compare with the one in production, measured on the same data.
    With *again* it is promoted even if it was withdrawn before. Raises LookupError if there is no
    such version.

    Notes
    -----
    Only one promoter may run at a time. MLflow sets an alias without comparing it with its previous
    value, so two concurrent promotions would both be decided against the same old version, and the
    worse candidate could win by being last. Promote from one place only, usually a CI job that does
    not run in parallel (in GitHub Actions: ``concurrency: {group: promote-MODEL}``). The same is
    true of :func:`rollback`.
    """
    client = MlflowClient(tracking_uri)
    with lookup(f"{name} has no version {number}"):
        client.get_model_version(name, str(number))
    model = client.get_registered_model(name)
    current, history = _state(model)
    if current == number:
        return Decision(name, number, current, "unchanged", ("it is in production",))
    reasons = _against(client, model, number, rule, again)
    if reasons:
        return Decision(name, number, current, "refused", reasons)
    _serve(client, name, number, [*history, number])
    client.delete_model_version_tag(name, str(number), WITHDRAWN)
    why = "it is the first" if current is None else f"better than version {current} by the rule"
    return Decision(name, number, current, "promoted", (why,))


def rollback(
    leaving: int | None = None,
    *,
    name: str,
    reason: str = "rolled back",
    tracking_uri: str | None = None,
) -> Decision:
    """Serve the previous version again, and mark the current one as withdrawn, with the reason.

    If *leaving* is given and another version is in production by now, nothing happens: two people
    who see the same alarm roll back once. Raises LookupError if no version is in production, or
    none was before.
    """
    client = MlflowClient(tracking_uri)
    with lookup(f"no registered model {name!r}"):
        model = client.get_registered_model(name)
    current, history = _state(model)
    if current is None:
        raise LookupError(f"no version of {name} is in production")
    if leaving not in (None, current):
        why = (f"version {leaving} is not in production",)
        return Decision(name, current, current, "unchanged", why)
    before = history[:-1]
    if not before:
        raise LookupError(f"version {current} of {name} is the first in production")
    _serve(client, name, before[-1], before)
    client.set_model_version_tag(name, str(current), WITHDRAWN, reason)
    why = (f"version {current} was withdrawn ({reason})",)
    return Decision(name, before[-1], current, "restored", why)


def _against(
    client: MlflowClient, model: RegisteredModel, number: int, rule: Rule, again: bool
) -> tuple[str, ...]:
    """Return the reasons against a version."""
    candidate = _read(client, model, number)
    if candidate.withdrawn is not None and not again:
        return (f"it was withdrawn ({candidate.withdrawn})",)
    current, _ = _state(model)
    if current is None:
        return ()
    served = _read(client, model, current)
    shared = [digest for digest in candidate.measured if digest in served.measured]
    if not shared:
        return (f"version {current} was not measured on the same data; measure it there first",)
    return complaints(candidate.measured[shared[-1]], served.measured[shared[-1]], rule)


def _read(client: MlflowClient, model: RegisteredModel, number: int) -> Version:
    return version_in(client, model, client.get_model_version(model.name, str(number)))


def _serve(client: MlflowClient, name: str, number: int, history: list[int]) -> None:
    """Write the history, then the alias: if only the first is written, :func:`_state` sees it."""
    client.set_registered_model_tag(name, HISTORY, json.dumps(history[-500:]))
    client.set_registered_model_alias(name, PROD, str(number))


def _state(model: RegisteredModel) -> tuple[int | None, list[int]]:
    """Return the version in production, and all versions that ever were, the current one last.

    The alias decides. Entries of the history after its version come from a promotion that was
    interrupted before it set the alias; if its version is missing, the alias was set by hand.
    """
    history: list[int] = json.loads(model.tags.get(HISTORY, "[]"))
    if PROD not in model.aliases:
        return None, history
    current = int(model.aliases[PROD])
    if current not in history:
        return current, [*history, current]
    while history[-1] != current:
        history.pop()
    return current, history
