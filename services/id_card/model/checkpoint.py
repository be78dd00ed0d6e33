"""Load an ultralytics checkpoint: a pickle, so its content is checked before it is opened."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

WEIGHTS = Path(__file__).parents[1] / "weights" / "yolov8_custom.pt"
"""The weights that ship with the repository; see the model card beside them."""

SMALL_WEIGHTS = WEIGHTS.with_name("yolov8_small.pt")
"""A second, weaker detector from a shorter training, for serving two versions side by side."""

SUMS = "SHA256SUMS"
"""The file beside shipped weights that records their hashes, as ``sha256sum`` writes it."""


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_hash(path: Path) -> str:
    """Return the SHA-256 of a file, or of a folder's names and contents."""
    if not path.is_dir():
        return sha256(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    lines = "".join(f"{sha256(file)}  {file.relative_to(path)}\n" for file in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def check_hash(weights: Path) -> None:
    """Check a checkpoint against the hash recorded beside it.

    A checkpoint without a record passes: it is the user's own. The shipped ones must have one.

    Raises
    ------
    ValueError
        If the content is not the recorded one, or a shipped checkpoint has no record.
    """
    sums = weights.with_name(SUMS)
    shipped = weights.resolve() in (WEIGHTS.resolve(), SMALL_WEIGHTS.resolve())
    if not sums.exists() and not shipped:
        return
    lines = sums.read_text().splitlines() if sums.exists() else []
    recorded = {
        name.strip().lstrip("*"): digest
        for digest, _, name in (line.partition(" ") for line in lines)
    }
    expected = recorded.get(weights.name)
    if expected is None:
        if shipped:
            raise ValueError(
                f"{SUMS} beside {weights.name} is missing, or has no line for it. Restore it with "
                f"'git checkout -- {SUMS}' in its folder."
            )
        return
    actual = sha256(weights)
    if actual != expected:
        raise ValueError(
            f"{weights.name} is not the file that ships with the project: its SHA-256 is "
            f"{actual[:12]}…, recorded in {SUMS} is {expected[:12]}…. Restore it with "
            f"'git checkout -- {weights.name}' in its folder, or give your own weights a name "
            "that is not recorded there."
        )


def load_checkpoint(weights: Path) -> tuple[Any, dict[int, str], int]:
    """Return the network (a ``torch.nn.Module``), its class names and its training size.

    Raises
    ------
    ValueError
        If the content is not the recorded one, or the file holds no detection model.
    """
    check_hash(weights)
    from ultralytics import YOLO

    yolo = YOLO(str(weights), task="detect")
    model = yolo.model
    if getattr(model, "task", "detect") != "detect":
        raise ValueError(f"{weights.name} is a model for {model.task!r}, not for detection")
    arguments = (yolo.ckpt or {}).get("train_args", {})
    return model, dict(model.names), int(arguments.get("imgsz", 640))
