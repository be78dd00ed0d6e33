"""What computes the network's layers: torch, ONNX Runtime (in float or 8 bits) or OpenVINO.

Each backend is imported on first use, so a container that serves the exported model
needs neither torch nor ultralytics.
"""

from __future__ import annotations

import ast
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from services.environment import usable_cores
from services.id_card.model.checkpoint import check_hash, load_checkpoint

BackendName = Literal["torch", "onnx", "openvino", "int8"]

Floats = NDArray[np.float32]


class Backend(Protocol):
    """A loaded network.

    Attributes
    ----------
    names : dict
        Class number to class name.
    imgsz : int
        Side of the square that the network was trained on, in pixels.
    """

    names: dict[int, str]
    imgsz: int

    def __call__(self, batch: Floats) -> Floats:
        """Run the network.

        Parameters
        ----------
        batch : ndarray of float32, shape (images, 3, side, side)
            RGB, 0 to 1.

        Returns
        -------
        ndarray of float32, shape (images, 4 + classes, anchors)
            For every anchor the box's centre x, centre y, width and height in pixels of the
            square, then a score, 0 to 1, for each class.
        """
        ...


def load_backend(
    weights: Path, backend: BackendName, *, imgsz: int | None = None, device: str = "auto"
) -> Backend:
    """Load *weights* into *backend*, exporting a checkpoint first where that is needed.

    Raises
    ------
    FileNotFoundError
        If the weights do not exist.
    ValueError
        If the backend is unknown, or is not the one that an exported model was made for.
    """
    if backend not in get_args(BackendName):
        raise ValueError(f"backend is one of {', '.join(get_args(BackendName))}; got {backend!r}")
    if not weights.exists():
        raise FileNotFoundError(f"no weights at {weights}")
    kind = _kind(weights)
    if kind == "torch" and backend != "torch":
        from services.id_card.model.export import exported

        check_hash(weights)
        weights = exported(weights, backend, imgsz=imgsz)
    elif kind != backend:
        raise ValueError(
            f"{weights.name} is a model for the backend {kind!r}, not {backend!r}; "
            f"set the backend to {kind!r}, or give a checkpoint"
        )
    return _LOADERS[backend](weights, device)


def _kind(weights: Path) -> BackendName:
    if weights.is_dir():
        return "openvino"
    if weights.name.endswith(".int8.onnx"):
        return "int8"
    return "onnx" if weights.suffix == ".onnx" else "torch"


def threads() -> int:
    """Return how many threads to compute with: ``OMP_NUM_THREADS``, else the usable cores.

    :mod:`services.environment` sets the variable, before ultralytics can.
    """
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdecimal() and int(asked) > 0 else usable_cores()


class TorchBackend:
    """The checkpoint itself, computed by torch."""

    def __init__(self, weights: Path, device: str) -> None:
        import torch

        model, self.names, self.imgsz = load_checkpoint(weights)
        torch.set_num_threads(threads())
        if device == "auto":
            device = "cuda:0" if torch.cuda.is_available() else "cpu"
        self._torch = torch
        self._device = torch.device(device)
        self._model = model.fuse(verbose=False).float().eval().to(self._device)
        # The detection head stores its anchors between calls, so two threads must not run it at
        # once. The other backends need no lock.
        self._lock = threading.Lock()

    def __call__(self, batch: Floats) -> Floats:
        """Run the network; see :class:`Backend`."""
        with self._lock, self._torch.inference_mode():
            tensor = self._torch.from_numpy(batch).to(self._device)
            decoded, _ = self._model(tensor)
            return decoded.cpu().numpy()


class OnnxBackend:
    """The exported model, computed by ONNX Runtime: in 8 bits where the export says so."""

    def __init__(self, weights: Path, device: str) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads()
        options.log_severity_level = 3
        # As OMP_WAIT_POLICY does for torch: see services.environment.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        gpu = device != "cpu" and "CUDAExecutionProvider" in ort.get_available_providers()
        providers = ["CUDAExecutionProvider"] * gpu + ["CPUExecutionProvider"]
        self._session = ort.InferenceSession(str(weights), options, providers=providers)
        self._input = self._session.get_inputs()[0].name
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.names, self.imgsz = _from_metadata(metadata["names"], metadata["imgsz"])

    def __call__(self, batch: Floats) -> Floats:
        """Run the network; see :class:`Backend`."""
        return self._session.run(None, {self._input: batch})[0]


class OpenVinoBackend:
    """The exported model, computed by OpenVINO."""

    def __init__(self, weights: Path, device: str) -> None:
        import openvino as ov
        import yaml

        core = ov.Core()
        model = core.read_model(next(weights.glob("*.xml")))
        # f32: on processors that offer bfloat16 the default would round the boxes.
        self._compiled = core.compile_model(
            model,
            "AUTO" if device == "auto" else device.upper(),
            {
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_PRECISION_HINT": "f32",
                "INFERENCE_NUM_THREADS": threads(),
                # Pinned threads of two processes share the first core; the other cores stay idle.
                "ENABLE_CPU_PINNING": False,
            },
        )
        metadata = yaml.safe_load((weights / "metadata.yaml").read_text())
        self.names, self.imgsz = _from_metadata(str(metadata["names"]), str(metadata["imgsz"]))

    def __call__(self, batch: Floats) -> Floats:
        """Run the network; see :class:`Backend`."""
        # A request of its own for each call: the compiled model's shared one is not thread-safe.
        request = self._compiled.create_infer_request()
        return request.infer({0: batch})[0].copy()


def _from_metadata(names: str, imgsz: str) -> tuple[dict[int, str], int]:
    """Read what the export wrote beside the model: literals of a dict and of [side, side]."""
    side = ast.literal_eval(imgsz)
    return ast.literal_eval(names), max(side) if isinstance(side, list | tuple) else int(side)


_LOADERS: dict[BackendName, Callable[[Path, str], Backend]] = {
    "torch": TorchBackend,
    "onnx": OnnxBackend,
    "openvino": OpenVinoBackend,
    "int8": OnnxBackend,
}
