"""Which version is in production: promoting one by the rule, and going back.

A version never changes; the alias ``prod`` says which one is served. So promoting is moving an
alias, and so is going back. MLflow sets an alias without looking at what it was, so those who do it
take turns (:mod:`services.recommender.registry.turns`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from mlflow import MlflowClient
from mlflow.entities.model_registry import RegisteredModel

from services.recommender.registry.promotion import RULE, Rule, complaints
from services.recommender.registry.turns import one_at_a_time
from services.recommender.registry.versions import (
    MODEL,
    PROD,
    WITHDRAWN,
    Version,
    lookup,
    version_in,
)

HISTORY = "prod_history"
"""Tag of the registered model: the versions that were in production, the latest last."""


@dataclass(frozen=True)
class Decision:
    """What became of a promotion or a rollback.

    Attributes
    ----------
    name : str
        Of the registered model.
    version : int
        Which was to be served.
    previous : int or None
        Which was served before.
    outcome : {"promoted", "refused", "unchanged", "restored"}
        Unchanged: it was in production already. Restored: a rollback brought it back.
    reasons : tuple of str
        Why.
    """

    name: str
    version: int
    previous: int | None
    outcome: Literal["promoted", "refused", "unchanged", "restored"]
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        """Say it in a sentence."""
        return f"{self.name} version {self.version} {self.outcome}: {'; '.join(self.reasons)}"


def promote(
    number: int,
    *,
    name: str = MODEL,
    rule: Rule = RULE,
    again: bool = False,
    tracking_uri: str | None = None,
) -> Decision:
    """Put a version into production if the rule lets it.

    The first one becomes production unasked. Doing it again changes nothing. Whoever does it at the
    same time waits; see :mod:`services.recommender.registry.turns` for what that guarantees.

    Parameters
    ----------
    number : int
        The version.
    name : str
        The registered model.
    rule : tuple of Threshold
        What must hold against the version in production, on the same data.
    again : bool
        Also if it was withdrawn once.

    Raises
    ------
    LookupError
        If there is no such version.
    """
    client = MlflowClient(tracking_uri)
    with lookup(f"{name} has no version {number}"):
        client.get_model_version(name, str(number))
    with one_at_a_time(client, name) as turn:
        model = client.get_registered_model(name)
        current, history = _state(model)
        if current == number:
            return Decision(name, number, current, "unchanged", ("it is in production",))
        reasons = _against(client, model, number, rule, again)
        if reasons:
            return Decision(name, number, current, "refused", reasons)
        turn.check()
        _serve(client, name, number, [*history, number])
        client.delete_model_version_tag(name, str(number), WITHDRAWN)
    why = "it is the first" if current is None else f"better than version {current} by the rule"
    return Decision(name, number, current, "promoted", (why,))


def rollback(
    leaving: int | None = None,
    *,
    reason: str = "rolled back",
    name: str = MODEL,
    tracking_uri: str | None = None,
) -> Decision:
    """Serve the version again that was served before; the one that is left counts as withdrawn.

    Parameters
    ----------
    leaving : int, optional
        The version to get rid of; the one in production if not given. If another one is in
        production by now, nothing happens: two people who see the same alarm go back once.
    reason : str
        Kept with the version that is left.

    Raises
    ------
    LookupError
        If nothing is in production, or nothing was before.
    """
    client = MlflowClient(tracking_uri)
    with lookup(f"no registered model {name!r}"):
        client.get_registered_model(name)
    with one_at_a_time(client, name) as turn:
        current, history = _state(client.get_registered_model(name))
        if current is None:
            raise LookupError(f"no version of {name} is in production")
        if leaving not in (None, current):
            why = (f"version {leaving} is not in production",)
            return Decision(name, current, current, "unchanged", why)
        before = history[:-1]
        if not before:
            raise LookupError(f"version {current} of {name} is the first in production")
        turn.check()
        _serve(client, name, before[-1], before)
        client.set_model_version_tag(name, str(current), WITHDRAWN, reason)
    why = (f"version {current} was withdrawn ({reason})",)
    return Decision(name, before[-1], current, "restored", why)


def _against(
    client: MlflowClient, model: RegisteredModel, number: int, rule: Rule, again: bool
) -> tuple[str, ...]:
    """Return what speaks against a version."""
    candidate = _fresh(client, model, number)
    if candidate.withdrawn is not None and not again:
        return (f"it was withdrawn ({candidate.withdrawn})",)
    current, _ = _state(model)
    if current is None:
        return ()
    served = _fresh(client, model, current)
    shared = [data for data in candidate.measured if data in served.measured]
    if not shared:
        return (f"version {current} was not measured on the same data; measure it there first",)
    return complaints(candidate.measured[shared[-1]], served.measured[shared[-1]], rule)


def _fresh(client: MlflowClient, model: RegisteredModel, number: int) -> Version:
    return version_in(client, model, client.get_model_version(model.name, str(number)))


def _serve(client: MlflowClient, name: str, number: int, history: list[int]) -> None:
    """Write the history, then the alias: if only the first is written, :func:`_state` sees it."""
    client.set_registered_model_tag(name, HISTORY, json.dumps(history[-500:]))
    client.set_registered_model_alias(name, PROD, str(number))


def _state(model: RegisteredModel) -> tuple[int | None, list[int]]:
    """Return the version in production, and those that ever were, the current one last.

    The alias is what counts. What stands behind its version was written by somebody who did not
    come to set the alias; if its version is not there, somebody set the alias by hand.
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
