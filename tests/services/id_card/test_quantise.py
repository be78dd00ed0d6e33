"""The 8-bit export: nearly the same boxes, mostly integers, and refused where it is not meant."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest

from services.id_card.detector import Detector
from services.id_card.model.checkpoint import WEIGHTS
from services.id_card.model.export import exported
from services.id_card.model.geometry import batch_of
from services.id_card.model.quantise import IN_FLOAT, SEED, calibration_boards, quantise
from services.id_card.training.metrics import overlaps
from services.id_card.training.scene_sets import SceneSet
from services.id_card.training.synth import Split
from tests.services.id_card.image_files import CARDS, sample


@pytest.fixture(scope="module")
def model() -> Path:
    return exported(WEIGHTS, "int8")


@pytest.fixture(scope="module")
def int8(model: Path) -> Detector:
    return Detector(backend="int8")


def test_the_boxes_are_nearly_those_of_the_floats(int8: Detector, core: Detector) -> None:
    pictures = [sample(name) for name in CARDS]

    for got, expected in zip(int8.detect(pictures), core.detect(pictures), strict=True):
        assert len(got) == len(expected)
        found = overlaps(
            np.array([each.box for each in got]).reshape(-1, 4),
            np.array([each.box for each in expected]).reshape(-1, 4),
        )
        assert (found.max(axis=1, initial=0) >= 0.8).all()


def test_they_are_not_exactly_the_same(int8: Detector, core: Detector) -> None:
    """Or the test above would pass for a model that is not quantised."""
    picture = [sample("two_cards")]

    assert int8.detect(picture) != core.detect(picture)


def test_most_weights_are_integers_and_the_last_layers_floats(model: Path) -> None:
    graph = onnx.load(model).graph
    kinds = {each.name: each.data_type for each in graph.initializer}
    sizes = {each.name: int(np.prod(each.dims)) for each in graph.initializer}
    producers = {name: node for node in graph.node for name in node.output}
    eight_bits = floats = 0
    for node in graph.node:
        if node.op_type != "Conv":
            continue
        weights = producers.get(node.input[1])
        if IN_FLOAT.match(node.name):
            assert weights is None, f"{node.name} was to stay in float"
            floats += sizes[node.input[1]]
        else:
            assert weights is not None, f"{node.name} was to be quantised"
            assert kinds[weights.input[0]] == onnx.TensorProto.INT8
            eight_bits += sizes[weights.input[0]]

    assert eight_bits > 0.95 * (eight_bits + floats)
    assert model.stat().st_size < 0.35 * exported(WEIGHTS, "onnx").stat().st_size


@pytest.mark.parametrize(("kind", "asked"), [("int8", "onnx"), ("onnx", "int8"), ("onnx", "torch")])
def test_an_export_is_not_taken_for_the_other(kind: str, asked: str) -> None:
    with pytest.raises(ValueError, match=f"backend '{kind}', not '{asked}'; set the backend"):
        Detector(exported(WEIGHTS, kind), backend=asked)  # type: ignore[arg-type]


def test_no_evaluation_sees_the_calibration_scenes() -> None:
    def drawn(split: Split, seed: int) -> bytes:
        [scene] = SceneSet("first", "mixed", 1, split=split).scenes(seed, workers=1)
        return batch_of([np.asarray(scene.image)], 320).tobytes()

    [board] = calibration_boards(320, scenes=1)

    assert board.tobytes() == drawn("val", SEED)
    assert board.tobytes() not in (drawn("val", 0), drawn("test", 0), drawn("test", SEED))


def test_a_layer_can_be_left_in_float(tmp_path: Path) -> None:
    made = tmp_path / "mostly_float.int8.onnx"

    quantise(exported(WEIGHTS, "onnx"), made, scenes=1, in_float=re.compile(r"(?!/model\.5/)"))

    quantised = [node for node in onnx.load(made).graph.node if node.op_type == "QuantizeLinear"]
    assert 0 < len(quantised) < 10
    assert [path.name for path in tmp_path.iterdir()] == [made.name]
