"""Batches across HTTP workers, and that one bad question spoils none of them."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from services.recommender.recommender import Recommender
from services.workbench import servers
from services.workbench.flow import Flow
from services.workbench.servers import Server, prometheus
from tests.services.recommender.served import assert_same, settings

TARGET = "services.recommender.bento.batching_service:Front"
NAME = "recommender_batching"


@pytest.fixture(scope="module")
def server(
    tracking_server: Server, own_model: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    own_model(NAME).set_registered_model_alias(NAME, "prod", "2")
    more = {"RECOMMENDER_POLL_SECONDS": "1", "RECOMMENDER_WORKERS": "2"}
    env = settings(tmp_path_factory.mktemp("batching"), tracking_server.url, NAME, **more)
    with servers.bentoml(TARGET, env=env) as running:
        yield running


def send(server: Server, questions: list[dict[str, Any]], at_once: int = 32) -> list[Any]:
    limits = httpx.Limits(max_connections=at_once)
    with (
        httpx.Client(timeout=60, trust_env=False, limits=limits) as client,
        ThreadPoolExecutor(at_once) as pool,
    ):
        post = lambda question: client.post(f"{server.url}/predict", json=question)  # noqa: E731
        return list(pool.map(post, questions))


def batches(server: Server) -> tuple[float, float]:
    """Return how many batches there were, and how many questions in them."""
    samples = prometheus.scrape(server.url).set_index("name").value
    return samples["recommender_batch_size_count"], samples["recommender_batch_size_sum"]


def test_questions_at_once_are_answered_in_batches_as_the_core_answers_each(
    server: Server, files: dict[str, Path]
) -> None:
    core = Recommender.load(files["2"], version="2")
    questions = [
        {"user_id": 1 + n % 210, "top_k": 1 + n % 9, "rated": [n % 300]} for n in range(600)
    ]
    send(server, questions[:64])
    before = batches(server)
    answers = send(server, questions)
    count, total = np.subtract(batches(server), before)
    assert total == len(questions)
    assert count < 0.8 * total, "they were put together"
    for question, answer in zip(questions, answers, strict=True):
        assert_same(answer.json(), core, **question)


def test_a_bad_question_does_not_touch_the_others_of_its_batch(server: Server) -> None:
    good = [{"user_id": user, "top_k": 3} for user in range(1, 151)]
    bad = [{"user_id": user, "top_k": 10**6} for user in range(1, 151)]
    mixed = [question for pair in zip(good, bad, strict=True) for question in pair]
    answers = send(server, mixed)
    assert Counter(answer.status_code for answer in answers) == {200: 150, 422: 150}
    for question, answer in zip(mixed, answers, strict=True):
        if question["top_k"] == 3:
            assert len(answer.json()["items"]) == 3
        else:
            error = answer.json()["error"]
            assert error["code"] == "top_k_too_large"
            assert error["hint"].endswith("or fewer.")


def test_what_is_no_question_is_refused_before_it_gets_there(server: Server) -> None:
    before = batches(server)
    answer = httpx.post(f"{server.url}/predict", trust_env=False, json={"user_id": "7"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "user_id_invalid")
    assert batches(server) == before


def test_a_model_process_that_dies_is_told_and_comes_back(server: Server) -> None:
    [batcher] = [p for p in server.processes() if "recommender_batcher" in " ".join(p.command)]
    with Flow(f"{server.url}/predict", [{"user_id": 7}], concurrency=2) as flow:
        flow.wait(count=10)
        os.kill(batcher.pid, signal.SIGKILL)
        time.sleep(0.2)
        flow.wait(lambda reply: reply.ok, count=50)
    # The supervisor looks for dead workers every 10 s; on a slow machine requests wait too long.
    told = {(reply.status, reply.body["error"]["code"]) for reply in flow.failed}
    assert told <= {(503, "model_unavailable"), (504, "model_timeout")}
