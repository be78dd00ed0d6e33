"""A hundred promotions from two processes at once leave the registry as one process would."""

from __future__ import annotations

import threading
import time

import pytest
from mlflow import MlflowClient

from services.recommender import registry
from services.recommender.registry import turns
from services.workbench.servers import Server
from tests.services.recommender.races import race


def test_a_hundred_promotions_from_two_processes(tracking_server: Server) -> None:
    race(tracking_server.url, "races", versions=50)


@pytest.fixture
def queue(tracking_server: Server) -> tuple[MlflowClient, str]:
    client = MlflowClient(tracking_server.url)
    with registry.tracking_at(tracking_server.url):
        if not client.search_registered_models("name = 'queue'"):
            client.create_registered_model("queue")
    return client, "queue"


def test_turns_do_not_overlap(queue: tuple[MlflowClient, str]) -> None:
    inside, most = [], []

    def work() -> None:
        with turns.one_at_a_time(*queue):
            inside.append(1)
            time.sleep(0.02)
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 6


@pytest.mark.parametrize("left", [turns.CHOOSING, "1"])
def test_who_died_in_the_queue_holds_nobody_up_for_ever(
    queue: tuple[MlflowClient, str], left: str
) -> None:
    client, name = queue
    client.set_registered_model_tag(name, f"{turns.TAG}dead", left)
    with turns.one_at_a_time(client, name, patience=0.3) as turn:
        turn.check()
    assert f"{turns.TAG}dead" not in client.get_registered_model(name).tags


def test_who_was_taken_for_dead_writes_nothing(queue: tuple[MlflowClient, str]) -> None:
    client, name = queue
    with turns.one_at_a_time(client, name) as slow:
        with turns.one_at_a_time(client, name, patience=0.3):
            pass
        with pytest.raises(registry.LostTurnError, match="too long, others went on; try again"):
            slow.check()


def test_waiting_has_an_end(queue: tuple[MlflowClient, str]) -> None:
    client, name = queue
    with (
        turns.one_at_a_time(client, name),
        pytest.raises(TimeoutError, match="1 others are still before us"),
        turns.one_at_a_time(client, name, timeout=0.2),
    ):
        pass
