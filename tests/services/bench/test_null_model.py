from __future__ import annotations

from pathlib import Path

import pytest

from services.bench import null_model
from services.id_card.detector import Detector
from services.id_card.model.images import decode


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    return Detector(null_model.write(tmp_path_factory.mktemp("null") / "null.onnx"), "onnx")


def test_the_core_loads_it_and_it_finds_nothing(detector: Detector) -> None:
    picture = decode(null_model.picture())
    assert picture.size == (null_model.SIDE, null_model.SIDE)
    assert detector.detect([picture] * 3) == [[], [], []]
    assert detector.imgsz == null_model.SIDE


def test_it_is_written_the_same_twice(tmp_path: Path) -> None:
    first = null_model.write(tmp_path / "a.onnx").read_bytes()
    assert null_model.write(tmp_path / "b.onnx").read_bytes() == first
    assert len(null_model.picture()) < 1000
