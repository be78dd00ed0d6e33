"""One at a time, among all who work with the same registry.

MLflow sets an alias without asking what it was before, so two who promote at once would both
compare with the same old version, and the worse of the two might come last. A lock file helps on
one machine only. Here the registry itself keeps the queue, in tags of the registered model, by
Lamport's bakery algorithm (Comm. ACM 17(8), 1974): it needs no more than that everybody reads what
others wrote.

What is guaranteed: turns do not overlap as long as each takes less than *patience* seconds. Who
takes longer, because its machine died or sleeps, is taken out of the queue, and finds out on
:meth:`Turn.check`. Between that check and the next write it could still be stopped for long; MLflow
offers nothing to close that gap. Who sets an alias without this queue, in the web page say, is not
held up by it.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

TAG = "queue."
CHOOSING = "choosing"
POLL = 0.05  # seconds


class LostTurnError(RuntimeError):
    """Others took us for dead and went on; nothing may be written any more."""


@dataclass(frozen=True)
class Turn:
    """Our place in the queue.

    Attributes
    ----------
    client : MlflowClient
    model : str
        The registered model whose tags hold the queue.
    key : str
        Our tag.
    """

    client: MlflowClient
    model: str
    key: str

    def check(self) -> None:
        """See that the turn is still ours.

        Raises
        ------
        LostTurnError
            If it took so long that others went on.
        """
        if self.key not in _queue(self.client, self.model):
            raise LostTurnError(
                f"the turn at {self.model} took too long, others went on; try again"
            )


@contextlib.contextmanager
def one_at_a_time(
    client: MlflowClient, model: str, *, patience: float = 30.0, timeout: float = 300.0
) -> Iterator[Turn]:
    """Wait for our turn, and end it.

    Parameters
    ----------
    client : MlflowClient
        Of the registry.
    model : str
        A registered model; it must exist.
    patience : float
        Seconds after which somebody before us who does not move is taken out of the queue.
    timeout : float
        Seconds to wait in all.

    Raises
    ------
    TimeoutError
        If it does not come.
    """
    me = uuid.uuid4().hex
    key = TAG + me
    client.set_registered_model_tag(model, key, CHOOSING)
    try:
        numbers = [number or 0 for number in _queue(client, model).values()]
        mine = max(numbers) + 1
        client.set_registered_model_tag(model, key, str(mine))
        _wait(client, model, key, mine, patience, timeout)
        yield Turn(client, model, key)
    finally:
        _remove(client, model, key)


def _wait(
    client: MlflowClient, model: str, key: str, mine: int, patience: float, timeout: float
) -> None:
    """Return once nobody is before us."""
    deadline = time.monotonic() + timeout
    seen: dict[tuple[str, int | None], float] = {}
    while True:
        now = time.monotonic()
        queue = _queue(client, model)
        before = {
            (other, number)
            for other, number in queue.items()
            if other != key and (number is None or (number, other) < (mine, key))
        }
        if not before:
            return
        seen = {place: seen.get(place, now) for place in before}
        for (other, _), since in seen.items():
            if now - since > patience:
                _remove(client, model, other)
        if now > deadline:
            raise TimeoutError(f"{len(before)} others are still before us at {model}; try again")
        time.sleep(POLL)


def _queue(client: MlflowClient, model: str) -> dict[str, int | None]:
    """Return who is in the queue, by tag, with the number; None while they choose one."""
    tags = client.get_registered_model(model).tags
    return {
        key: None if value == CHOOSING else int(value)
        for key, value in tags.items()
        if key.startswith(TAG)
    }


def _remove(client: MlflowClient, model: str, key: str) -> None:
    with contextlib.suppress(MlflowException):  # somebody else removed it
        client.delete_registered_model_tag(model, key)
