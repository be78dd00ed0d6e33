"""Export a checkpoint for ONNX Runtime or OpenVINO.

::

    python -m services.id_card.export onnx
    python -m services.id_card.export openvino --weights my.pt --out my_openvino_model
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Literal

from filelock import FileLock

from services.environment import build_dir
from services.id_card.checkpoint import WEIGHTS, check_hash, sha256

ExportFormat = Literal["onnx", "openvino"]


def exported(weights: Path, backend: ExportFormat, *, imgsz: int | None = None) -> Path:
    """Return the exported form of a checkpoint, making it on first use.

    It lies in ``build/exports/`` under the hash of the checkpoint's content, so other weights
    never meet an old export. Processes that ask at once wait for the first.

    Returns
    -------
    Path
        A ``.onnx`` file, or a folder with OpenVINO's ``.xml``, ``.bin`` and ``metadata.yaml``.
    """
    size = f"-{imgsz}" if imgsz else ""
    folder = build_dir() / "exports" / f"{weights.stem}-{sha256(weights)[:12]}{size}"
    name = "model.onnx" if backend == "onnx" else "model_openvino_model"
    target = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{backend}.lock"):
        if not target.exists():
            export(weights, backend, target, imgsz=imgsz)
    return target


def export(weights: Path, backend: ExportFormat, target: Path, *, imgsz: int | None = None) -> Path:
    """Export a checkpoint to *target*; it appears there whole or not at all.

    The batch size stays free. ultralytics does the work.

    Parameters
    ----------
    weights : Path
        An ultralytics checkpoint.
    backend : {"onnx", "openvino"}
        The format.
    target : Path
        Where the file (ONNX) or folder (OpenVINO) goes; its parent must exist.
    imgsz : int, optional
        Side in pixels to record as the model's own; as trained if not given.

    Raises
    ------
    ValueError
        If the checkpoint's content is not the recorded one.
    FileExistsError
        If *target* exists.
    """
    if target.exists():
        raise FileExistsError(f"{target} exists; remove it first")
    check_hash(weights)
    from ultralytics import YOLO

    # ultralytics writes beside the checkpoint, so it gets a copy in a folder of its own, on the
    # same file system as the target: the last step is a rename.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".export-") as scratch:
        copy = Path(scratch) / "model.pt"
        shutil.copyfile(weights, copy)
        options = {"imgsz": imgsz} if imgsz else {}
        with warnings.catch_warnings():
            # torch deprecates the tracer that ultralytics exports with.
            warnings.simplefilter("ignore", FutureWarning)
            made = YOLO(str(copy)).export(format=backend, dynamic=True, device="cpu", **options)
        Path(made).rename(target)
    return target


def main(arguments: list[str] | None = None) -> int:
    """Run the command; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m services.id_card.export", description=__doc__)
    parser.add_argument("format", choices=("onnx", "openvino"))
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="an ultralytics checkpoint")
    parser.add_argument("--imgsz", type=int, help="side in pixels; as trained if not given")
    parser.add_argument("--out", type=Path, help="default: build/exports/, keyed by content")
    given = parser.parse_args(arguments)
    if not given.weights.exists():
        parser.error(f"no weights at {given.weights}")
    if given.out and given.out.exists():
        parser.error(f"{given.out} exists; remove it or choose another name")
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        made = export(given.weights, given.format, given.out, imgsz=given.imgsz)
    else:
        made = exported(given.weights, given.format, imgsz=given.imgsz)
    print(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
