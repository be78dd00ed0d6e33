"""``prod`` and ``staging`` side by side: each user is answered by one of them, always the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from services.recommender.bento.ab_service import VARIANTS, choose
from services.recommender.recommender import Recommender
from services.workbench import servers
from services.workbench.servers import Server, prometheus
from tests.services.recommender.served import assert_same, settings

NAME = "recommender_ab"
SHARE = 0.3
NUMBERS = {"prod": "1", "staging": "2"}


@pytest.fixture(scope="module")
def server(
    tracking_server: Server, own_model: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    client = own_model(NAME)
    for alias, number in NUMBERS.items():
        client.set_registered_model_alias(NAME, alias, number)
    share = {"RECOMMENDER_SHARE_STAGING": str(SHARE)}
    env = settings(tmp_path_factory.mktemp("ab"), tracking_server.url, NAME, **share)
    with servers.bentoml("services.recommender.bento.ab_service:AbTest", env=env) as running:
        yield running


def ask(server: Server, **question: Any) -> httpx.Response:
    return httpx.post(f"{server.url}/predict", json=question, timeout=60, trust_env=False)


def routed(server: Server) -> dict[str, float]:
    samples = prometheus.scrape(server.url)
    rows = samples[samples.name == "recommender_routed_requests_total"]
    return dict(zip(rows.variant, rows.value, strict=True))


def test_the_variant_that_is_named_has_answered_and_is_counted(
    server: Server, files: dict[str, Path]
) -> None:
    cores = {v: Recommender.load(files[number], version=number) for v, number in NUMBERS.items()}
    before = routed(server)
    assert set(before) == set(VARIANTS), "counted from the start"
    seen: Counter[str] = Counter()
    for user in range(1, 101):
        body = ask(server, user_id=user, top_k=4).json()
        variant = body.pop("variant")
        seen[variant] += 1
        assert variant == choose(user, SHARE)
        assert_same(body, cores[variant], user_id=user, top_k=4)
    assert 15 <= seen["staging"] <= 45
    after = routed(server)
    assert {variant: after[variant] - before[variant] for variant in VARIANTS} == dict(seen)


def test_what_is_refused_is_refused_by_both(server: Server) -> None:
    users = [next(u for u in range(1, 200) if choose(u, SHARE) == variant) for variant in VARIANTS]
    for user in users:
        answer = ask(server, user_id=user, top_k=10**6)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "top_k_too_large")
    assert ask(server, user_id="x").json()["error"]["code"] == "user_id_invalid"


def test_a_bad_share_ends_the_start_with_a_clear_message() -> None:
    with pytest.raises(servers.CrashedError) as crash:
        servers.bentoml(
            "services.recommender.bento.ab_service:AbTest",
            env={"RECOMMENDER_SHARE_STAGING": "30 %"},
        ).stop()
    assert "RECOMMENDER_SHARE_STAGING is the share of the requests that staging" in str(crash.value)
    assert "got '30 %'" in str(crash.value)


def test_everyone_stays_and_the_share_is_kept() -> None:
    users = range(20_000)
    assert np.mean([choose(u, SHARE) == "staging" for u in users]) == pytest.approx(
        SHARE, abs=0.013
    )
    assert {choose(u, 0) for u in users} == {"prod"}
    assert {choose(u, 1) for u in users} == {"staging"}
    moved = {(choose(u, 0.1), choose(u, 0.5)) for u in users}
    assert ("staging", "prod") not in moved
