"""Quantise the exported network: most layers compute in 8-bit integers instead of 32-bit floats.

ONNX Runtime's static quantisation does the work. This module decides which layers keep their
floats and what the ranges of all others are measured on; notebook 14 shows why.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from services.id_card.model.geometry import batch_of

IN_FLOAT = re.compile(r"/model\.(0/|22/(?!cv[23]\.\d/cv[23]\.\d\.[01]/))")
"""Names of YOLOv8's nodes that stay in float.

``/model.0/`` is the first convolution: with three channels the 8-bit kernel is slower than the
float one. Of the head ``/model.22/`` only the convolutions ``.0`` and ``.1`` of each branch are
quantised. The outputs follow them, pixels and scores in one tensor, where 256 steps that reach to
more than 500 px would round every score to 0.
"""

SCENES = 40
"""How many synthetic scenes the ranges are measured on."""

SEED = 14
"""The seed of these scenes, which are of the validation split; no evaluation draws them."""


def calibration_boards(side: int, scenes: int = SCENES) -> Iterator[np.ndarray]:
    """Draw scenes as the network sees them: float32, shape (1, 3, side, side), RGB, 0 to 1."""
    from services.id_card.training.scene_sets import SceneSet

    for scene in SceneSet("calibration", "mixed", scenes, split="val").scenes(SEED, workers=1):
        yield batch_of([np.asarray(scene.image)], side)


def quantise(
    source: Path,
    target: Path,
    *,
    scenes: int = SCENES,
    in_float: re.Pattern[str] = IN_FLOAT,
    mean_range: bool = False,
) -> None:
    """Write an exported detector whose layers compute in 8 bits, but for those *in_float*.

    Weights get a scale for each output channel, activations one for each tensor.

    Parameters
    ----------
    source : Path
        The detector as :func:`~services.id_card.model.export.export` writes it for ONNX Runtime.
    target : Path
        The file to write. Its metadata (class names, size) are the source's.
    scenes : int
        Scenes to measure the activations' ranges on, at least 1.
    in_float : Pattern
        Nodes whose name it matches at the beginning stay as they are.
    mean_range : bool
        A tensor's range is the mean over the scenes of its smallest and largest value, which makes
        finer steps but clips more; with False it is the smallest and largest of all scenes.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    model = onnx.load(source)
    about = {each.key: each.value for each in model.metadata_props}
    side = max(int(number) for number in re.findall(r"\d+", about["imgsz"]))
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".quantise-") as scratch:
        prepared, made = Path(scratch) / "prepared.onnx", Path(scratch) / "made.onnx"
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            made,
            _Reader(model.graph.input[0].name, calibration_boards(side, scenes)),
            per_channel=True,
            # The pair that processors with VNNI multiply in one instruction.
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[
                node.name for node in onnx.load(prepared).graph.node if in_float.match(node.name)
            ],
            extra_options={"CalibMovingAverage": mean_range},
        )
        quantised = onnx.load(made)
        onnx.helper.set_model_props(quantised, about)
        onnx.save(quantised, made)
        made.rename(target)


class _Reader:
    """What ONNX Runtime reads calibration inputs from: one per call, None at the end."""

    def __init__(self, name: str, boards: Iterator[np.ndarray]) -> None:
        self._name, self._boards = name, boards

    def get_next(self) -> dict[str, np.ndarray] | None:
        board = next(self._boards, None)
        return None if board is None else {self._name: board}
