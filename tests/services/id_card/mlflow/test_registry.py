"""The detector in the registry: what is fetched from it finds what the core finds."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest

from services import registry
from services.id_card.detector import Detector
from services.id_card.mlflow.registry import MODEL, RULE, log_detector, measure
from services.id_card.model.checkpoint import SMALL_WEIGHTS
from services.id_card.samples import load_sample, sample_path
from services.workbench.servers import Server

GOOD = {"map50": 0.9, "map50_95": 0.7, "recall": 0.8}
WORSE = {**GOOD, "map50": 0.6}


@pytest.fixture(scope="module")
def at(tracking_server: Server) -> dict[str, str]:
    return {"name": MODEL, "tracking_uri": tracking_server.url}


@pytest.fixture(scope="module")
def version(at: dict[str, str]) -> registry.Version:
    return log_detector(metrics=GOOD, **at)


@pytest.fixture(scope="module")
def folder(
    version: registry.Version, at: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return registry.fetch(version.number, tmp_path_factory.mktemp("detector"), **at)


def base64_of(sample: str) -> str:
    return base64.b64encode(sample_path(sample).read_bytes()).decode()


def test_the_folder_holds_no_pickle_and_asks_for_no_torch(folder: Path) -> None:
    files = {p.name for p in folder.rglob("*") if p.is_file()}
    assert "model.onnx" in files
    assert not [file for file in files if file.endswith((".pkl", ".pt", ".pth"))]
    packages = (folder / "requirements.txt").read_text()
    assert "opencv-python-headless==" in packages
    assert "torch" not in packages


def test_a_fresh_process_finds_the_same_boxes(folder: Path, core: Detector) -> None:
    code = (
        "import json, sys, mlflow; model = mlflow.pyfunc.load_model(sys.argv[1])\n"
        "rows = [{'image_b64': text} for text in json.load(sys.stdin)]\n"
        "found = model.predict(rows)\n"
        "assert 'torch' not in sys.modules and 'ultralytics' not in sys.modules\n"
        "print(json.dumps(found.to_dict(orient='records')))"
    )
    names = ["two_cards", "no_card", "one_card"]
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code, folder],
        input=json.dumps([base64_of(name) for name in names]),
        env=env | {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"},
        cwd=folder,
        capture_output=True,
        check=True,
        text=True,
    )
    rows = [row["detections"] for row in json.loads(done.stdout)]
    expected = core.detect([load_sample(name) for name in names])
    assert [len(row) for row in rows] == [len(boxes) for boxes in expected]
    for row, boxes in zip(rows, expected, strict=True):
        for got, box in zip(row, boxes, strict=True):
            want = box.as_dict()
            assert (got["name"], got["class"]) == (want["name"], want["class"])
            assert got["confidence"] == pytest.approx(want["confidence"], abs=1e-4)
            assert got["box"] == pytest.approx(want["box"], abs=0.1)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("%%%", r"row 1: The value that begins with '%%%' is not base64 text.*b64encode"),
        ("", "row 1: The image is empty"),
        (
            base64.b64encode(b"hello").decode(),
            r"row 1: These 5 bytes are not an image in a format we read",
        ),
    ],
)
def test_what_is_not_an_image_is_the_callers_to_fix(folder: Path, text: str, what: str) -> None:
    model = mlflow.pyfunc.load_model(str(folder))
    with pytest.raises(mlflow.MlflowException, match=what) as caught:
        model.predict([{"image_b64": base64_of("no_card")}, {"image_b64": text}])
    assert caught.value.get_http_status_code() == 400


def test_a_weaker_network_does_not_take_its_place(
    version: registry.Version, at: dict[str, str]
) -> None:
    assert registry.promote(version.number, rule=RULE, **at).outcome == "promoted"
    weaker = log_detector(SMALL_WEIGHTS, WORSE, **at)
    refused = registry.promote(weaker.number, rule=RULE, **at)
    assert refused.reasons == ("map50 is 0.6000, now 0.9000; required: a gain of 0.005 or more",)


def test_measures_are_those_of_the_scenes() -> None:
    few = measure(sample=12)
    assert set(few) == set(GOOD)
    assert all(0 < value <= 1 for value in few.values())
    assert few == measure(sample=12)


def test_no_weights_no_version(at: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no weights at"):
        log_detector(tmp_path / "none.pt", **at)
