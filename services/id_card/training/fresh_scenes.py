"""The images of a training: fresh ones every few epochs, drawn when they are needed."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from services.environment import usable_cores
from services.id_card.detector import Detector
from services.id_card.training.dataset import CLASS_NAME, write_dataset, write_scenes
from services.id_card.training.pool import drawn
from services.id_card.training.recipe import Run
from services.id_card.training.sanitise import sanitise
from services.id_card.training.scoring import batches
from services.id_card.training.synth import Scene, make_scene

RENDER = 1.25  # scenes are drawn larger than trained on, so that zooming in finds more detail
VAL_SCENES = 400
MINED_SHARE = 0.6  # of the card-free scenes of a set; the others are new
SURE = 0.25  # a box of at least this confidence makes a scene without a card hard
FIRST_EMPTY = 10_000_000
"""Number of the first card-free training scene: far from the numbers of the others."""


class FreshScenes:
    """Draws scenes into ``scenes`` and ``val`` of a run folder, each once in a training.

    A note beside the images, written last, records which they are. After a restart, images whose
    drawing was cut short are drawn again; the others are used again.
    """

    def __init__(self, run: Run, out: Path) -> None:
        self.run, self.out = run, out
        self._drawn: object = None

    def data_yaml(self) -> Path:
        """Draw the validation scenes and return the file that tells ultralytics where all are."""
        size = _drawn_size(max(stage.imgsz for stage in self.run.stages))
        count = min(VAL_SCENES, max(stage.scenes for stage in self.run.stages))
        self._write("val", {"seed": self.run.seed, "imgsz": size, "count": count})
        path = self.out / "data.yaml"
        path.write_text(
            f"train: scenes/images/train\nval: val/images/val\nnames:\n  0: {CLASS_NAME}\n",
            encoding="ascii",
        )
        return path

    def draw(self, number: int, epoch: int) -> bool:
        """Draw the scenes for an epoch of a stage, both from 0; return if they are new."""
        stage = self.run.stages[number]
        earlier = sum(each.scenes * each.sets for each in self.run.stages[:number])
        empty, turn = round(stage.scenes * stage.empty), epoch // stage.uses
        hard = self._hard(number)
        again = min(len(hard), round(empty * MINED_SHARE))
        fresh_empty = self._first_empty(number) + stage.mine + empty * turn
        wanted = {
            "seed": self.run.seed,
            "imgsz": _drawn_size(stage.imgsz),
            "first": earlier + stage.scenes * turn,
            "count": stage.scenes - empty,
            "empty": [
                *(hard[(turn * again + i) % len(hard)] for i in range(again)),
                *range(fresh_empty, fresh_empty + empty - again),
            ],
        }
        self._write("scenes", wanted)
        fresh, self._drawn = wanted != self._drawn, wanted
        return fresh

    def mine(self, number: int, weights: Path) -> None:
        """Look for a stage's hard scenes, once, with the network that it starts from."""
        stage, note = self.run.stages[number], self._note(number)
        if not stage.mine or note.exists():
            return
        first = self._first_empty(number)
        found = find_hard(
            weights, range(first, first + stage.mine), self.run.seed, stage.imgsz, usable_cores()
        )
        note.write_text(json.dumps(found), encoding="ascii")

    def _first_empty(self, number: int) -> int:
        """Return the number of a stage's first scene without a card."""
        return FIRST_EMPTY + sum(
            each.mine + round(each.scenes * each.empty) * each.sets
            for each in self.run.stages[:number]
        )

    def _note(self, number: int) -> Path:
        return self.out / f"hard{number + 1}.json"

    def _hard(self, number: int) -> list[int]:
        note = self._note(number)
        return list(json.loads(note.read_text(encoding="ascii"))) if note.exists() else []

    def _write(self, name: str, wanted: dict[str, Any]) -> None:
        """Draw a set unless it exists."""
        folder, count = self.out / name, wanted["count"]
        note = folder / "drawn.json"
        if note.exists() and json.loads(note.read_text(encoding="ascii")) == wanted:
            return
        shutil.rmtree(folder, ignore_errors=True)
        # A process takes seconds to start: not for a handful of images.
        workers = min(usable_cores(), max(1, count // 64))
        empty = _empty_scene(wanted["seed"], wanted["imgsz"])
        write_scenes(folder, empty, [("train", i) for i in wanted.get("empty", ())], workers)
        write_dataset(
            folder,
            count if name == "scenes" else 0,
            wanted["seed"],
            first=wanted.get("first", 0),
            val=count if name == "val" else 0,
            test=0,
            imgsz=wanted["imgsz"],
            difficulty="mixed",
            workers=workers,
            progress=False,
        )
        note.write_text(json.dumps(wanted), encoding="ascii")


def _drawn_size(imgsz: int) -> int:
    return max(64, round(imgsz * RENDER))


def _empty_scene(seed: int, imgsz: int) -> partial[Scene]:
    return partial(make_scene, seed=seed, difficulty="mixed", cards=0, imgsz=imgsz)


def find_hard(
    weights: Path, indices: Sequence[int], seed: int, imgsz: int, workers: int = 1
) -> list[int]:
    """Return which of some training scenes, drawn without a card, the network finds a card in.

    *weights* is a training checkpoint or weights that ship, *imgsz* the side of the square that it
    sees, in pixels, and *workers* the number of processes that draw.
    """
    make = partial(_empty_scene(seed, max(64, imgsz)), "train")
    with tempfile.TemporaryDirectory() as folder:
        bare = sanitise(weights, Path(folder) / "network.pt")
        detector = Detector(bare, "torch", device="cpu", imgsz=imgsz, conf=SURE)
        found = [
            boxes
            for scenes in batches(drawn(make, indices, workers), 64)
            for boxes in detector.detect([scene.image for scene in scenes])
        ]
    return [index for index, boxes in zip(indices, found, strict=True) if boxes]
