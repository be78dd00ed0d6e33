"""The observed recommender over HTTP: it says why, shows its drift, and Prometheus hears of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.drift.logs import read_log
from services.recommender.explain import explain
from services.recommender.monitoring.drift_features import Features
from services.recommender.recommender import Recommender
from services.workbench import servers
from services.workbench.servers import prometheus
from tests.services.recommender.served import settings

TARGET = "services.recommender.bento.observed_service:Recommender"
REFERENCE = 600


class Observed:
    """The server, the core of the version that it serves, and its log."""

    def __init__(self, server: servers.Server, core: Recommender, log: Path) -> None:
        self.server, self.core, self.log = server, core, log
        self.client = httpx.Client(base_url=server.url, timeout=60, trust_env=False)
        self.users = core.user_ids.ids.tolist()

    def post(self, path: str, body: Any) -> httpx.Response:
        return self.client.post(path, json=body)

    def ask(self, requests: int, *, strangers: bool = False) -> None:
        first = 10**6 if strangers else 0
        for number in range(requests):
            user = first + number if strangers else self.users[number * 7 % len(self.users)]
            assert self.post("/predict", {"user_id": user}).status_code == 200

    def drift(self, name: str) -> dict[str, float]:
        samples = prometheus.scrape(self.server.url)
        rows = samples[samples.name == f"recommender_drift_{name}"]
        return dict(zip(rows.get("feature", rows.name), rows.value, strict=True))


@pytest.fixture(scope="module")
def observed(
    tracking_server: servers.Server, registry_versions: list, tmp_path_factory: Any
) -> Iterator[Observed]:
    folder = tmp_path_factory.mktemp("observed")
    more = {"RECOMMENDER_POLL_SECONDS": "0", "RECOMMENDER_DRIFT_REFERENCE": str(REFERENCE)}
    env = settings(folder, tracking_server.url, **more)
    [path] = [path for version, path in registry_versions if str(version.number) == "2"]
    core = Recommender.load(path / "artifacts" / "recommender.npz", version="2")
    with servers.bentoml(TARGET, env=env) as server:
        running = Observed(server, core, folder / "log")
        yield running
        running.client.close()


def test_it_explains_as_the_core_does(observed: Observed) -> None:
    user = observed.users[3]
    [item, *_] = observed.post("/predict", {"user_id": user}).json()["items"]
    answer = observed.post("/explain", {"user_id": user, "movie_id": item["movie_id"], "top": 3})
    assert answer.status_code == 200, answer.text
    expected = explain(observed.core, user, item["movie_id"], top=3).as_dict()
    body = answer.json()
    assert body["movie"] == pytest.approx(expected["movie"])
    assert body["version"] == "2"
    assert [r["movie_id"] for r in body["reasons"]] == [r["movie_id"] for r in expected["reasons"]]
    assert body["total"] == pytest.approx(expected["total"], abs=1e-6)
    longer = observed.post("/explain", {"user_id": user, "movie_id": item["movie_id"]}).json()
    assert len(longer["reasons"]) == 5


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "json_invalid"),
        (b'{"user_id": 1, "movie_id": 5, "top_k": 5}', 422, "field_unknown"),
        (b'{"user_id": 1, "movie_id": 999999}', 404, "movie_unknown"),
        (b'{"user_id": 999999, "movie_id": 5}', 404, "user_unknown"),
        (b'{"user_id": ' + b"9" * 400 + b', "movie_id": 5}', 404, "user_unknown"),
    ],
)
def test_bad_input_is_told_what_to_change(
    observed: Observed, body: bytes, status: int, code: str
) -> None:
    answer = observed.client.post("/explain", content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert answer.json()["error"]["hint"]


def test_another_type_and_a_rated_movie_are_refused(observed: Observed) -> None:
    answer = observed.client.post("/explain", content=b"x", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415
    assert "movie_id" in answer.json()["error"]["hint"]
    rated = int(observed.core.rated_by(observed.users[0])[0])
    answer = observed.post("/explain", {"user_id": observed.users[0], "movie_id": rated})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "movie_rated")


def test_the_gate_still_guards_predict(observed: Observed) -> None:
    answer = observed.post("/predict", {"user_id": 1, "topk": 3})
    assert answer.json()["error"]["code"] == "field_unknown"


def test_drift_is_shown_after_the_reference(observed: Observed) -> None:
    observed.ask(300)
    [collected] = observed.drift("reference_requests").values()
    assert 300 <= collected < REFERENCE
    assert observed.drift("psi") == {}
    observed.ask(REFERENCE - int(collected))
    assert set(observed.drift("psi_limit")) == {
        "top_k", "activity", "genre", "popularity", "score",
    }  # fmt: skip
    observed.ask(500)
    limits = observed.drift("psi_limit")
    assert all(psi <= limits[feature] for feature, psi in observed.drift("psi").items())
    log = read_log(observed.log, "recommender")
    assert len(Features(observed.core).table(log)) == len(log) >= REFERENCE + 500


@pytest.mark.system
def test_strangers_set_off_the_alarm(observed: Observed, needs: Callable[[str], None]) -> None:
    needs("prometheus")
    if not observed.drift("psi"):  # this test alone
        observed.ask(REFERENCE + 500)
    with prometheus.start([observed.server.url], scrape_every=0.5, hold=1, job="recommender") as p:
        ratio = "job_version_feature:recommender_drift_psi_over_limit:max"
        p.wait_for(lambda: len(p.query(ratio)) == 5, 60)
        assert p.alert("RecommenderDrift") == "inactive"
        observed.ask(200, strangers=True)
        assert p.watch("RecommenderDrift", until="firing", timeout=60)
        over = p.query(f"{ratio} > 1")
        assert {"activity", "score"} <= {*over.feature}
        assert {*over.job} == {"recommender"}
        assert {*over.version} == {"2"}
