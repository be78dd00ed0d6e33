"""A hundred promotions from two processes at once leave the registry as one process would."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from itertools import pairwise

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

from services.recommender import registry
from services.recommender.registry import turns
from services.workbench.servers import Server

PROMOTER = """
import json, sys
from services.recommender import registry
uri, name = sys.argv[1:]
for number in range(1, 51):
    decision = registry.promote(number, name=name, tracking_uri=uri)
    print(json.dumps([decision.version, decision.previous, decision.outcome]), flush=True)
"""


def quality(number: int) -> float:
    return number / 100


def many_versions(uri: str, name: str, count: int) -> None:
    """Register versions of which each is better than the one before; nothing is in them."""
    client = MlflowClient(uri)
    client.create_registered_model(name)
    with registry.tracking_at(uri), mlflow.start_run(experiment_id="0"):
        data = mlflow.data.from_numpy(np.zeros(3), name="validation", digest=name)
        for number in range(1, count + 1):
            model = client.create_logged_model("0", name="nothing")
            value = quality(number)
            measures = {"ndcg_at_10": value, "hr_at_10": value, "coverage_at_10": value}
            mlflow.log_metrics(measures, model_id=model.model_id, dataset=data)
            client.finalize_logged_model(model.model_id, "READY")
            assert registry.register(model.model_id, name=name).number == number


def test_a_hundred_promotions_from_two_processes(tracking_server: Server) -> None:
    uri, name = tracking_server.url, "races"
    many_versions(uri, name, 50)
    both = [
        subprocess.Popen(
            [sys.executable, "-c", PROMOTER, uri, name], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    lines = [line for process in both for line in process.communicate(timeout=240)[0].splitlines()]
    decisions = [registry.Decision(name, *json.loads(line), ()) for line in lines]
    assert len(decisions) == 100
    promoted = sorted((d.version, d.previous) for d in decisions if d.outcome == "promoted")
    # Each promotion was decided against the version that the one before it had put there.
    assert [version for version, _ in promoted[:-1]] == [before for _, before in promoted[1:]]
    assert promoted[0] == (1, None)
    assert len(promoted) > 25
    history = json.loads(MlflowClient(uri).get_registered_model(name).tags["prod_history"])
    assert history == [version for version, _ in promoted]
    assert all(quality(old) < quality(new) for old, new in pairwise(history))
    assert registry.version_of("prod", name=name, tracking_uri=uri).number == 50
    tags = MlflowClient(uri).get_registered_model(name).tags
    assert not [tag for tag in tags if tag.startswith(turns.TAG)]


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
