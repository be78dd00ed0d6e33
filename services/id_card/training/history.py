"""What a training recorded after each epoch."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from services.id_card.model.checkpoint import WEIGHTS

HISTORY = WEIGHTS.with_name("history.csv")
"""The training of the weights that ship."""


@dataclass(frozen=True)
class Epoch:
    """One pass over a stage's images."""

    # stage, epoch: from 1; each stage counts its own epochs
    stage: int
    epoch: int
    imgsz: int  # side of the square that the network saw, in pixels
    # box_loss, cls_loss, dfl_loss: means over the epoch, of the three parts that YOLOv8's loss is
    # the sum of: overlap of the boxes, card or not, and the exact place of the edges
    box_loss: float
    cls_loss: float
    dfl_loss: float
    # map50, map50_95: average precision on the validation scenes, 0 to 1, where it was measured
    map50: float | None
    map50_95: float | None


def read_history(path: Path = HISTORY) -> list[Epoch]:
    """Read a training's ``history.csv``.

    If an epoch appears twice, because the training was killed between its line and its checkpoint,
    the later line counts. Raises KeyError or ValueError if the file is something else.
    """
    with path.open(newline="", encoding="ascii") as stream:
        rows = [_epoch(row) for row in csv.DictReader(stream)]
    return list({(row.stage, row.epoch): row for row in rows}.values())


def _epoch(row: dict[str, str]) -> Epoch:
    stage, epoch, imgsz = (int(row[name]) for name in ("stage", "epoch", "imgsz"))
    losses = (float(row[f"{name}_loss"]) for name in ("box", "cls", "dfl"))
    measured = (float(row[name]) if row[name] else None for name in ("mAP50", "mAP50-95"))
    return Epoch(stage, epoch, imgsz, *losses, *measured)
