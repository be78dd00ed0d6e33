"""What a training does, in one table: sizes, scenes, epochs and learning rates."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

BATCH = 16
NAMES = {"nano": "yolov8_custom.pt", "small": "yolov8_small.pt"}
"""The file that each network ships as."""


@dataclass(frozen=True)
class Stage:
    """One part of the training, at one image size."""

    imgsz: int  # side of the square that the network sees, in pixels, a multiple of 32
    scenes: int  # images an epoch
    epochs: int  # passes
    uses: int  # after so many epochs the scenes are replaced by fresh ones
    # lr, lr_end: AdamW's learning rate at the beginning and the end; a cosine between
    lr: float
    lr_end: float
    val_every: int = 3  # epochs from one validation to the next; the last epoch is always validated
    empty: float = 0.0  # share of scenes drawn without a card, beside those that happen to be
    # how many further scenes without a card are searched before the stage begins; those in which
    # the network of the stage before finds one make up most of the card-free share
    mine: int = 0
    # box, dfl: weights of the two losses of a box: its overlap, and the exact place of its edges
    box: float = 7.5
    dfl: float = 1.5
    zoom: float = 0.3  # images are shrunk or enlarged by up to this share as they are shown
    freeze: int = 0  # how many of the network's first layers stay as they are; its backbone has ten
    # share of the weights that the stage began with, in the weights that ship, 0 to 1. An average
    # of a network and its fine-tuned copy is often better than either (M. Wortsman et al., Robust
    # fine-tuning of zero-shot models, 2022). Only the last stage may have one.
    keep: float = 0.0

    @property
    def sets(self) -> int:
        """How many times the scenes are drawn."""
        return math.ceil(self.epochs / self.uses)

    @property
    def cost(self) -> float:
        """What an epoch takes, in arbitrary units: time grows with the pixels."""
        return self.scenes * self.imgsz**2


#            imgsz  scenes epochs uses   lr      lr_end
PLAN = (
    Stage(     160,  4000,   15,   3,  0.0020, 0.0014),
    Stage(     224,  4000,   12,   2,  0.0014, 0.0010),
    Stage(     288,  2000,   12,   2,  0.0010, 0.0006, 4),
    Stage(     320,  2000,   10,   2,  0.0006, 0.00002, 4),
    # The second edition: more scenes without a card, most of them ones that fooled the network.
    Stage(     320,  2400,   16,   3,  0.0008, 0.00001, 4, empty=0.35, mine=3000),
    # Tighter boxes: a lower rate, more weight on their edges, and half of the weights before it.
    Stage(     320,  2400,   20,   3,  0.0005, 0.000005, 5, empty=0.25, mine=3000, box=9.0, dfl=2.0,
          keep=0.5),
)  # fmt: skip
SMALL_PLAN = (
    Stage(     160,  4000,    4,   2,  0.0020, 0.0012, 4),
    Stage(     192,  2000,    4,   2,  0.0012, 0.00002, 4),
    Stage(     192,  2400,    8,   2,  0.0008, 0.00001, 4, empty=0.35, mine=2000),
)  # fmt: skip
PLANS = {"nano": PLAN, "small": SMALL_PLAN}
"""The stages of each network. The small one is for comparison, and trains for less time; its last
stage is the fifth of the other."""
LEAST_COST = {"nano": 0.55, "small": 0.5}
"""The confidence with the least cost before calibration, by ``evaluate --threshold`` on the
validation split. The weights that ship are shifted so that it becomes 0.5, which serves."""
QUICK = (Stage(96, 32, 1, 1, 0.002, 0.001),)


@dataclass(frozen=True)
class Run:
    """What is trained: everything that must not change when a training is continued."""

    stages: tuple[Stage, ...] = PLAN  # see PLAN
    seed: int = 0  # of the scenes, the first weights and the augmentation
    model: str = "nano"  # YOLOv8n, or a network of half its width
    weights: str | None = None  # a checkpoint to start from instead of random weights
    data: str | None = None  # data.yaml of own images, in YOLO format, instead of drawn scenes
    first_stage: int = 0  # where to begin, with weights that have the earlier ones behind them

    def record(self, folder: Path) -> None:
        """Write this into the run folder; ValueError if the folder belongs to another training."""
        file = folder / "run.json"
        text = json.dumps(asdict(self), indent=1) + "\n"
        if not file.exists():
            folder.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="ascii")
        elif file.read_text(encoding="ascii") != text:
            raise ValueError(
                f"{folder} holds a training with other settings (see run.json in it); "
                "choose another --out, or remove the folder"
            )


def optimiser_settings(stage: Stage, *, first: bool) -> dict[str, Any]:
    """Return ultralytics' settings of optimizer, schedule and augmentation for a stage."""
    return {
        "imgsz": stage.imgsz,
        "epochs": stage.epochs,
        "batch": BATCH,
        "nbs": BATCH,  # a step a batch
        "optimizer": "AdamW",
        "lr0": stage.lr,
        "lrf": stage.lr_end / stage.lr,
        "cos_lr": True,
        "warmup_epochs": 0.8 if first else 0.3,
        "warmup_bias_lr": 0.0,
        "weight_decay": 0.0005,
        # The scenes have perspective, light and clutter already: only zoom, flip and recolour.
        "mosaic": 0.0,
        "scale": stage.zoom,
        "freeze": stage.freeze or None,
        "translate": 0.08,
        "box": stage.box,
        "dfl": stage.dfl,
        "hsv_h": 0.015,
        "hsv_s": 0.5,
        "hsv_v": 0.3,
        "patience": 0,  # no early stopping
    }
