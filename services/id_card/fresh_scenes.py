"""The pictures of a training: fresh ones every few epochs, drawn when they are needed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from services.environment import usable_cores
from services.id_card.dataset import CLASS_NAME, write_dataset
from services.id_card.recipe import Run

RENDER = 1.25  # scenes are drawn larger than trained on, so that zooming in finds more detail
VAL_SCENES = 400


class FreshScenes:
    """Draws scenes into a run folder, each of them once in a training.

    Beside the pictures lies a note of which they are, written last: pictures whose drawing was
    cut short are drawn again, others are used again after a restart.

    Parameters
    ----------
    run : Run
        The training that they are for.
    out : Path
        Its folder: ``scenes`` and ``val`` in it are this object's.
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
        """Draw the scenes for an epoch of a stage, both counted from 0.

        Returns
        -------
        bool
            Whether they are others than at the last call.
        """
        stage = self.run.stages[number]
        earlier = sum(each.scenes * each.sets for each in self.run.stages[:number])
        wanted = {
            "seed": self.run.seed,
            "imgsz": _drawn_size(stage.imgsz),
            "first": earlier + stage.scenes * (epoch // stage.uses),
            "count": stage.scenes,
        }
        self._write("scenes", wanted)
        fresh, self._drawn = wanted != self._drawn, wanted
        return fresh

    def _write(self, name: str, wanted: dict[str, int]) -> None:
        """Draw a set unless it lies there."""
        folder, count = self.out / name, wanted["count"]
        note = folder / "drawn.json"
        if note.exists() and json.loads(note.read_text(encoding="ascii")) == wanted:
            return
        shutil.rmtree(folder, ignore_errors=True)
        write_dataset(
            folder,
            count if name == "scenes" else 0,
            wanted["seed"],
            first=wanted.get("first", 0),
            val=count if name == "val" else 0,
            test=0,
            imgsz=wanted["imgsz"],
            difficulty="mixed",
            # A process takes seconds to start: not for a handful of pictures.
            workers=min(usable_cores(), max(1, count // 64)),
            progress=False,
        )
        note.write_text(json.dumps(wanted), encoding="ascii")


def _drawn_size(imgsz: int) -> int:
    return max(64, round(imgsz * RENDER))
