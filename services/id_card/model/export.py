"""Export a checkpoint for ONNX Runtime, in float or in 8-bit integers, or for OpenVINO.

    python -m services.id_card.model.export onnx
    python -m services.id_card.model.export int8
    python -m services.id_card.model.export openvino --weights my.pt --out my_openvino_model

Without --out, the export is kept under build/exports and reused for the same weights.
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
from services.id_card.model.checkpoint import WEIGHTS, check_hash, content_hash, sha256

ExportFormat = Literal["onnx", "openvino", "int8"]

FILES: dict[ExportFormat, str] = {
    "onnx": "model.onnx",
    "openvino": "model_openvino_model",
    "int8": "model.int8.onnx",
}
"""What an export of each format is called."""


def exported(weights: Path, backend: ExportFormat, *, imgsz: int | None = None) -> Path:
    """Return the exported form of a checkpoint, making it on first use.

    It lies in ``build/exports/`` under the hash of the checkpoint's content, so other weights
    never get an old export. Its own hash is recorded beside it: an export that was cut off or
    changed since is made again. Processes that need it at the same time wait for the first.

    Returns
    -------
    Path
        A ``.onnx`` file (``.int8.onnx`` in 8 bits), or a folder with OpenVINO's
        ``.xml``, ``.bin`` and ``metadata.yaml``.
    """
    size = f"-{imgsz}" if imgsz else ""
    folder = build_dir() / "exports" / f"{weights.stem}-{sha256(weights)[:12]}{size}"
    name = FILES[backend]
    target = folder / name
    record = folder / f"{name}.sha256"
    if _is_good(target, record):  # no lock: the folder may be read-only
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{backend}.lock"):
        if not _is_good(target, record):
            _remove(target)
            export(weights, backend, target, imgsz=imgsz)
            record.write_text(content_hash(target))
    return target


def _is_good(target: Path, record: Path) -> bool:
    try:
        return target.exists() and record.read_text() == content_hash(target)
    except FileNotFoundError:  # no record, or another process is making the export again
        return False


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def export(weights: Path, backend: ExportFormat, target: Path, *, imgsz: int | None = None) -> Path:
    """Export a checkpoint to *target*, which appears complete or not at all.

    The batch size stays free. ultralytics does the work; ``int8`` quantises its ONNX export, see
    :mod:`.quantise`.

    Parameters
    ----------
    weights : Path
        An ultralytics checkpoint.
    backend : {"onnx", "openvino", "int8"}
        The format.
    target : Path
        Where the file (ONNX, int8) or folder (OpenVINO) goes; its parent must exist.
    imgsz : int, optional
        Side in pixels to record as the model's own; as trained if not given.

    Raises
    ------
    ValueError
        If the checkpoint's content is not the recorded one.
    FileExistsError
        If *target* exists.
    ModuleNotFoundError
        If torch or ultralytics is not installed; the message says what to serve instead.
    """
    if target.exists():
        raise FileExistsError(f"{target} exists; remove it first")
    check_hash(weights)
    if backend == "int8":
        from services.id_card.model.quantise import quantise

        quantise(exported(weights, "onnx", imgsz=imgsz), target)
        return target
    try:
        from ultralytics import YOLO
    except ModuleNotFoundError as error:
        if error.name not in {"torch", "torchvision", "ultralytics"}:
            raise
        raise ModuleNotFoundError(
            f"{weights.name} is a checkpoint, and exporting one needs torch. Where torch is "
            f"installed: python -m services.id_card.model.export {backend} --out FILE; then "
            "serve that file: ID_CARD_WEIGHTS=FILE",
            name=error.name,
        ) from error

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
    parser = argparse.ArgumentParser(
        prog="python -m services.id_card.model.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("format", choices=tuple(FILES), help="format to export to")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="an ultralytics checkpoint")
    parser.add_argument("--imgsz", type=int, help="side of the input, in pixels (as trained)")
    parser.add_argument("--out", type=Path, help="file or folder to write (under build/exports)")
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
