"""What the manifests say is what runs: the predictors with the manifests' own arguments."""

from __future__ import annotations

import io
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from services.id_card.detector import Detector
from services.id_card.model.images import decode, grayscale
from services.recommender.recommender import Recommender
from services.workbench.servers import Server
from tests.infra import kserve_pods
from tests.infra.kserve_manifests import everything, named
from tests.services.id_card.image_files import CARDS, sample_bytes
from tests.services.kserve_requests import answers, tensor, text, v1, v2

ID_CARD = kserve_pods.pod("id-card")
RECOMMENDER = kserve_pods.pod("recommender")
GRAYSCALE = kserve_pods.pod("grayscale")
FILES = [sample_bytes(name) for name in CARDS]
PROBES = ("startup", "liveness", "readiness")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tmp")


@pytest.fixture(scope="module")
def id_card(scratch: Path) -> Iterator[Server]:
    with kserve_pods.start(ID_CARD, scratch) as server:
        yield server


@pytest.fixture(scope="module")
def grayscale_step(scratch: Path) -> Iterator[Server]:
    with kserve_pods.start(GRAYSCALE, scratch) as server:
        yield server


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def core(models: Path) -> Recommender:
    return kserve_pods.model_in(models)


@pytest.fixture(scope="module")
def recommender(scratch: Path, models: Path, core: Recommender) -> Iterator[Server]:
    with kserve_pods.start(RECOMMENDER, scratch, models) as server:
        yield server


def client(server: Server) -> httpx.Client:
    return httpx.Client(base_url=server.url, trust_env=False, timeout=60.0)


def boxes(files: list[bytes]) -> list[Any]:
    """Return what the core finds, with the threshold that the manifest sets."""
    conf = float(ID_CARD.env["ID_CARD_CONF"])
    detector = Detector(kserve_pods.default_weights(), backend="onnx", conf=conf)
    return [[one.as_dict() for one in detector.detect([decode(f)])[0]] for f in files]


def test_the_detector_answers_as_the_core_does(id_card: Server) -> None:
    expected = boxes(FILES)
    assert any(expected)
    with client(id_card) as http:
        one = v1([{"image_b64": text(file)} for file in FILES]).send(http, ID_CARD.model_name)
        two = v2(tensor("image", [text(f) for f in FILES])).send(http, ID_CARD.model_name)
    assert answers(one, "detections") == expected
    assert answers(two, "detections") == expected


def test_the_threshold_is_the_manifests(id_card: Server, scratch: Path) -> None:
    # The variables do reach the process: with another value it answers otherwise.
    strict = kserve_pods.Pod(
        ID_CARD.container, ID_CARD.command, {**ID_CARD.env, "ID_CARD_CONF": "0.99"}, "id_card"
    )
    request = v1([{"image_b64": text(FILES[0])}])
    with kserve_pods.start(strict, scratch) as server, client(server) as other:
        found = answers(request.send(other, "id_card"), "detections")
    with client(id_card) as http:
        assert answers(request.send(http, "id_card"), "detections") != found


def test_the_recommender_answers_as_the_core_does(recommender: Server, core: Recommender) -> None:
    users = [int(user) for user in core.user_ids.ids[:3]]
    expected = [core.recommend(user, top_k=4).as_dict() for user in users]
    body = named(everything(), "recommender")
    assert body["spec"]["predictor"]["model"]["protocolVersion"] == "v2"
    request = v2(
        tensor("user_id", users, "INT64"),
        tensor("top_k", [4] * 3, "INT64"),
        parameters={"content_type": "pd"},
    )
    with client(recommender) as http:
        response = request.send(http, RECOMMENDER.model_name)
        one = v1([{"user_id": user, "top_k": 4} for user in users])
        assert answers(response, "answer") == expected
        assert answers(one.send(http, RECOMMENDER.model_name), "answer") == expected
    assert {row["version"] for row in expected} == {"12"}


@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize(
    ("pod", "fixture"),
    [(ID_CARD, "id_card"), (RECOMMENDER, "recommender"), (GRAYSCALE, "grayscale_step")],
    ids=["id-card", "recommender", "grayscale"],
)
def test_each_probe_is_answered(
    pod: kserve_pods.Pod, fixture: str, probe: str, request: pytest.FixtureRequest
) -> None:
    server: Server = request.getfixturevalue(fixture)
    with client(server) as http:
        assert http.get(pod.probe(probe)).status_code == HTTPStatus.OK
        assert http.get(pod.probe(probe) + "x").status_code == HTTPStatus.NOT_FOUND
    [port] = pod.container["ports"]
    assert pod.container[f"{probe}Probe"]["httpGet"]["port"] == port["containerPort"]
    assert f"--http_port={port['containerPort']}" in pod.command


def test_the_graph_of_grey_pictures(grayscale_step: Server, id_card: Server) -> None:
    # As KServe's router does for mapPredictionsToInstances: the one's predictions are the other's
    # instances. The core's own grey pictures are the measure.
    with client(grayscale_step) as http:
        body = v1([{"image_b64": text(file)} for file in FILES]).send(http, "grayscale")
    step = named(everything(), "id-card-ensemble")["spec"]["nodes"]["root"]["steps"][1]
    assert (step["mapPredictionsToInstances"], step["data"]) == (True, "$response")
    with client(id_card) as http:
        found = answers(v1(body.json()["predictions"]).send(http, "id_card"), "detections")
    grey = []
    for file in FILES:
        buffer = io.BytesIO()
        grayscale(decode(file)).save(buffer, "PNG")
        grey.append(buffer.getvalue())
    assert found == boxes(grey)


def test_keda_asks_for_a_count_that_the_predictor_has(id_card: Server) -> None:
    [metric] = named(everything(), "id-card-keda")["spec"]["predictor"]["autoScaling"]["metrics"]
    query = metric["external"]["metric"]["query"]
    with client(id_card) as http:
        families = text_string_to_metric_families(http.get("/metrics").text)
    samples = {s.name: s.labels for family in families for s in family.samples}
    name = query.partition("rate(")[2].partition("{")[0]
    assert samples[name].keys() == {"model_name", "protocol", "outcome"}
    assert f'model_name="{ID_CARD.model_name}"' in query


def test_every_service_names_a_module_and_a_model() -> None:
    # One line of the manifest decides which code runs; a wrong one would only show in a cluster.
    from importlib.util import find_spec

    for body in everything():
        if body["kind"] != "InferenceService":
            continue
        for component in ("predictor", "transformer"):
            part = body["spec"].get(component, {})
            if "model" in part or "serving_labs" in str(part.get("containers")):
                pod = kserve_pods.pod(body["metadata"]["name"], component)
                assert pod.command[:2] == ["python", "-m"]
                assert find_spec(pod.command[2]) is not None
                assert f"/v2/models/{pod.model_name}/ready" == pod.probe("startup")
