"""A network that computes nothing, so that a request's time is the server's own work."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

SIDE = 32
"""The side of its images in pixels: decoding and scaling one takes almost no time."""

ANCHORS = 21


def write(path: Path) -> Path:
    """Write the network as an ONNX file and return its path.

    It takes images, shape (n, 3, 32, 32), and returns zeros, shape (n, 5, 21): the output of a
    one-class detector that finds nothing. Every adapter loads it like the real network, so no
    adapter is changed for the measurement.
    """
    names = {"input": "images", "output": "output0"}
    zeros = numpy_helper.from_array(np.zeros((1, 5, ANCHORS), np.float32), "zeros")
    ones = numpy_helper.from_array(np.array([1, 1], np.int64), "ones")
    nodes = [
        # As many zeros as there are images.
        helper.make_node("Shape", [names["input"]], ["n"], start=0, end=1),
        helper.make_node("Concat", ["n", "ones"], ["shape"], axis=0),
        helper.make_node("Expand", ["zeros", "shape"], [names["output"]]),
    ]
    graph = helper.make_graph(
        nodes,
        "null",
        [helper.make_tensor_value_info(names["input"], TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info(names["output"], TensorProto.FLOAT, ["n", 5, ANCHORS])],
        [zeros, ones],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, {"names": "{0: 'id_card'}", "imgsz": f"[{SIDE}, {SIDE}]"})
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))
    return path


def picture() -> bytes:
    """Return a grey image for it, a JPEG of a few hundred bytes."""
    buffer = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), (114,) * 3).save(buffer, "JPEG")
    return buffer.getvalue()
