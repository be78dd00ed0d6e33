"""The observed service over HTTP, with two workers: its probes, its metrics, its log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pandas as pd
import pytest

from services.id_card.detector import Detector
from services.id_card.model.checkpoint import WEIGHTS, sha256
from services.id_card.monitoring import metrics as detector_metrics
from services.workbench import load, servers
from services.workbench.servers import Server, prometheus
from tests.services.id_card.adapter_contract import REFUSED, form, part
from tests.services.id_card.image_files import CARDS, SAMPLES, sample, sample_bytes

TARGET = "services.id_card.bento.observed_service:IdCardDetector"
PICTURE = SAMPLES / "one_card.jpg"
PROBES = ("/livez", "/healthz", "/readyz")


def metrics(server: Server) -> pd.DataFrame:
    return prometheus.scrape(server.url)


def total(samples: pd.DataFrame, name: str, **labels: str) -> float:
    """Add up the samples of one name that have these labels."""
    found = samples[samples.name == name]
    for label, value in labels.items():
        found = found[found[label] == value]
    return float(found.value.sum())


def series(samples: pd.DataFrame) -> set[tuple[str, ...]]:
    return set(samples.drop(columns="value").itertuples(index=False, name=None))


def statuses(server: Server) -> list[int]:
    return [httpx.get(server.url + path).status_code for path in PROBES]


def infer(server: Server, name: str = "one_card") -> httpx.Response:
    return httpx.post(f"{server.url}/inference", files={"image": sample_bytes(name)}, timeout=30.0)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log")


@pytest.fixture(scope="module")
def server(log: Path) -> Iterator[Server]:
    with servers.bentoml(TARGET, env={"ID_CARD_WORKERS": "2", "ID_CARD_LOG": str(log)}) as running:
        data = log / "id_card_detector" / "data"
        for _ in range(100):  # until both workers have served, whichever is up first
            load.send(running.url + "/inference", PICTURE, requests=8, concurrency=8)
            if len(list(data.glob("*.log"))) == 2:
                break
        yield running


def test_it_has_the_endpoints_of_the_plain_service_and_its_answers(
    server: Server, core: Detector
) -> None:
    from services.id_card.bento.service import IdCardDetector

    paths = httpx.get(f"{server.url}/docs.json").json()["paths"]
    assert paths.keys() == IdCardDetector.openapi_spec.asdict()["paths"].keys()
    for name in CARDS:
        expected = [found.as_dict() for found in core.detect([sample(name)])[0]]
        assert [box["name"] for box in infer(server, name).json()] == [b["name"] for b in expected]


def test_two_workers_count_together(server: Server, core: Detector) -> None:
    expected = [found for name in CARDS for found in core.detect([sample(name)])[0]]
    rounds = 4
    before = metrics(server)
    for _ in range(rounds):
        for name in CARDS:
            infer(server, name).raise_for_status()
    after = metrics(server)

    def grown(name: str, **labels: str) -> float:
        return total(after, name, **labels) - total(before, name, **labels)

    assert grown("id_card_detections_count") == rounds * len(CARDS)
    assert grown("id_card_detections_sum") == rounds * len(expected)
    assert grown("id_card_detections_bucket", le="0.0") == rounds * sum(
        not core.detect([sample(name)])[0] for name in CARDS
    )
    assert grown("id_card_detection_confidence_ratio_count") == rounds * len(expected)
    assert grown("id_card_detection_confidence_ratio_sum") == pytest.approx(
        rounds * sum(found.confidence for found in expected), abs=0.01
    )
    assert grown("id_card_inference_duration_seconds_count") == rounds * len(CARDS)
    assert grown("id_card_inference_duration_seconds_sum") > 0
    assert grown(
        "bentoml_service_request_total", endpoint="/inference", http_response_code="200"
    ) == rounds * len(CARDS)
    assert total(after, "id_card_inferences_in_progress") == 0
    assert set(after.version) - {""} == {sha256(WEIGHTS)[:12]}


def test_each_refusal_counts_once_under_its_code(server: Server) -> None:
    before = metrics(server)
    cases = {case.code: case.upload for case in REFUSED.values()}
    cases["body_too_large"] = form(part(bytes(30_000_000)))
    with httpx.Client(base_url=server.url, timeout=30.0) as client:
        for code, upload in cases.items():
            assert upload.send(client, "/render").json()["error"]["code"] == code
    # Without a declared length it is refused on the way, by another branch.
    pieces = (bytes(1_000_000) for _ in range(30))
    headers = {"Content-Type": "image/jpeg"}
    answer = httpx.post(f"{server.url}/inference", content=pieces, headers=headers, timeout=30.0)
    assert answer.json()["error"]["code"] == "body_too_large"
    after = metrics(server)

    name = "id_card_rejected_inputs_total"
    grown = {
        reason: total(after, name, reason=reason) - total(before, name, reason=reason)
        for reason in (*detector_metrics.REASONS, detector_metrics.OTHER)
    }
    expected = dict.fromkeys(grown, 0) | dict.fromkeys(cases, 1) | {"body_too_large": 2}
    assert grown == expected
    assert total(after, "id_card_detections_count") == total(before, "id_card_detections_count")


def ask_hostile_things(server: Server, mark: str) -> None:
    """Ask for what nobody serves, *mark* in every part that could become a label."""
    with httpx.Client(base_url=server.url) as client:
        for number in range(20):
            client.get(f"/{mark}-{number}.php")
            client.post(f"/inference/{mark}-{number}", content=b"x")
            client.get(f"/static_content/{mark}-{number}")
            client.request(f"{mark.upper()}{number}", "/inference")
            client.get("/metrics", headers={"User-Agent": f"{mark}-{number}"})
        client.post(f"/inference?{mark}=1", files={"image": (f"{mark}.jpg", b"x")})
        client.post("/inference", content=b"x", headers={"Content-Type": f"image/{mark}"})
        client.post("/inference", content=b"x", headers={"Content-Type": f"text/{mark}"})
        client.get(f"/%0A{mark}%22%7D")


def test_nothing_that_a_client_sends_becomes_a_label(server: Server) -> None:
    ask_hostile_things(server, "hostile")
    known = series(metrics(server))
    ask_hostile_things(server, "spiteful")
    after = metrics(server)

    assert not re.search("hostile|spiteful", after.to_csv(), re.IGNORECASE)
    # A worker that answers its first 404 only now makes no new series either: they are merged.
    assert series(after) == known
    assert total(after, "bentoml_service_request_total", endpoint="unknown") >= 80


def test_every_answer_is_in_the_log(server: Server, log: Path, core: Detector) -> None:
    files = sorted((log / "id_card_detector" / "data").glob("*.log"))
    assert len(files) == 2, "each worker writes a file of its own, so both have served"
    before = sum(len(file.read_text().splitlines()) for file in files)
    for name in CARDS:
        infer(server, name).raise_for_status()

    rows = pd.concat([pd.read_json(file, lines=True) for file in files])
    assert len(rows) == before + len(CARDS)
    latest = rows.sort_values("timestamp").tail(len(CARDS))
    for (_, row), name in zip(latest.iterrows(), CARDS, strict=True):
        expected = core.detect([sample(name)])[0]
        assert (row.width, row.height) == sample(name).size
        assert row.confidences == pytest.approx([f.confidence for f in expected], abs=1e-3)
        assert row.model == "yolov8_custom"
    assert rows.request_id.is_unique
    columns = {"width", "height", "confidences", "seconds", "model", "version"}
    assert set(rows) == columns | {"timestamp", "request_id", "trace_id"}, "and not the picture"


BREAKABLE = '''
"""The observed service with two switches: files in its folder."""
import time
from pathlib import Path
from services.id_card.model.backends import OnnxBackend
from services.id_card.bento.observed_service import IdCardDetector

works = OnnxBackend.__call__

def run(self, batch):
    while Path("loading").exists():
        time.sleep(0.05)
    if Path("broken").exists():
        raise MemoryError("out of memory")
    return works(self, batch)

OnnxBackend.__call__ = run
'''


def test_the_probes_follow_the_model(tmp_path: Path) -> None:
    """Loading, ready, broken, mended: one server, switched by files."""
    (tmp_path / "breakable.py").write_text(BREAKABLE)
    loading, broken = tmp_path / "loading", tmp_path / "broken"
    loading.touch()
    with servers.bentoml(
        "breakable:IdCardDetector",
        working_dir=tmp_path,
        ready="/livez",
        env={"ID_CARD_LOG": str(tmp_path / "log")},
    ) as server:
        assert statuses(server) == [200, 200, 503], "it warms up: alive, not ready"
        loading.unlink()
        assert infer(server).status_code == 200, "who asks too early waits"
        assert statuses(server) == [200, 200, 200]

        broken.touch()
        for expected in ([200] * 3, [200] * 3, [503] * 3):
            assert infer(server).status_code == 500
            assert statuses(server) == expected
        assert httpx.post(f"{server.url}/inference", files={"image": b"x"}).status_code == 415
        assert statuses(server) == [503] * 3, "a refusal says nothing about the model"
        broken.unlink()
        assert infer(server).status_code == 200
        assert statuses(server) == [200] * 3


def test_a_failing_start_is_seen_by_the_probes(tmp_path: Path) -> None:
    def given_up(server: Server) -> bool:
        try:
            return httpx.get(f"{server.url}/livez", timeout=5.0).status_code == 503
        except httpx.HTTPError:
            return False

    env = {"ID_CARD_WEIGHTS": str(tmp_path / "none.pt")}
    with servers.bentoml(TARGET, ready=given_up, name="failing-start", env=env) as server:
        assert statuses(server) == [503] * 3
        assert infer(server).status_code == 503
        assert "no weights at" in server.log.read_text()
