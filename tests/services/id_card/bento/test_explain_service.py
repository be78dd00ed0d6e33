"""The detector's /explain over HTTP: the core's picture, and a 4xx for every bad value."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from services.id_card.detector import Detector
from services.id_card.explain import explain, overlay
from services.workbench import servers
from services.workbench.servers import Server, prometheus
from tests.services.id_card.adapter_contract import GOOD, assert_refused, raw
from tests.services.id_card.image_files import sample, sample_bytes

TARGET = "services.id_card.bento.explain_service:IdCardDetector"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = str(tmp_path_factory.mktemp("log"))
    with servers.bentoml(TARGET, env={"ID_CARD_LOG": log}) as running:
        yield running


def why(
    http: httpx.Client, query: str = "", name: str = "two_cards", **fields: Any
) -> httpx.Response:
    return http.post(f"/explain{query}", files={"image": sample_bytes(name)}, data=fields)


@pytest.mark.parametrize(
    ("query", "fields", "box"),
    [("?box=1&masks=20", {}, 1), ("", {"box": "1", "masks": "20"}, 1), ("?masks=20", {}, 0)],
)
def test_it_is_the_cores_picture(
    http: httpx.Client, core: Detector, query: str, fields: dict, box: int
) -> None:
    answer = why(http, query, **fields)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    drawn = np.asarray(Image.open(io.BytesIO(answer.content)))
    picture = sample("two_cards")
    saliency = explain(core, picture, box, masks=20)
    expected = np.asarray(overlay(picture, saliency))
    # How many threads compute the network can move its last digits.
    assert np.abs(drawn.astype(int) - expected).mean() < 1


def test_a_raw_body_takes_its_box_from_the_query(http: httpx.Client) -> None:
    assert raw(GOOD).send(http, "/explain?box=0&masks=2").status_code == 200


@pytest.mark.parametrize(
    ("query", "fields", "code"),
    [
        ("?box=2&masks=2", {}, "box_unknown"),
        ("?box=-1", {}, "box_invalid"),
        ("?box=1.0", {}, "box_invalid"),
        ("?box=", {}, "box_invalid"),
        ("?box=%D9%A1", {}, "box_invalid"),
        ("?box=" + "9" * 5000, {}, "box_invalid"),
        ("", {"box": "first"}, "box_invalid"),
        ("?masks=0", {}, "masks_invalid"),
        ("?masks=501", {}, "masks_invalid"),
        ("?box=0&box=1", {}, "field_repeated"),
        ("?box=0", {"box": "0"}, "field_repeated"),
        ("?boxes=1", {}, "field_unknown"),
        ("", {"seed": "1"}, "field_unknown"),
    ],
)
def test_bad_values_are_told_what_to_change(
    http: httpx.Client, query: str, fields: dict, code: str
) -> None:
    answer = why(http, query, **fields)
    assert answer.status_code == 422, answer.text
    error = answer.json()["error"]
    assert error["code"] == code
    assert error["message"]
    assert len(error["hint"]) > 20


def test_a_picture_without_a_card_has_nothing_to_explain(http: httpx.Client) -> None:
    answer = why(http, name="no_card")
    assert answer.status_code == 422
    assert "no card was found" in answer.json()["error"]["message"]


def test_the_other_endpoints_are_there_and_take_no_box(http: httpx.Client) -> None:
    paths = http.get("/docs.json").json()["paths"]
    assert {"/inference", "/render", "/explain", "/readyz"} <= paths.keys()
    assert raw(GOOD).send(http).status_code == 200


@pytest.mark.parametrize("path", ["/inference", "/explain"])
def test_what_is_no_picture_is_refused_and_counted(
    http: httpx.Client, server: Server, path: str
) -> None:
    def refused() -> float:
        samples = prometheus.scrape(server.url)
        return float(samples[samples.name == "id_card_rejected_inputs_total"].value.sum())

    before = refused()
    assert_refused(raw(b"no picture").send(http, path), 415, "image_format")
    assert refused() == before + 1
