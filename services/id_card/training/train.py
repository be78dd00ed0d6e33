"""Train the detector: YOLOv8, from scratch, on synthetic scenes.

::

    python -m services.id_card.training.train                       # all stages, hours on two cores
    python -m services.id_card.training.train --budget-minutes 30  # stop early, with usable weights
    python -m services.id_card.training.train --quick               # one tiny epoch
    python -m services.id_card.training.train --weights yolov8n.pt --data my/data.yaml

The network first learns on small images, where a step costs little, then on larger ones, where
boxes get tight. Every few epochs it gets scenes that it has never seen: more scenes teach more
than more looks at the same ones. All state is in the run folder: kill the training whenever you
like, start it again with the same command, and it continues with the epoch it was in.

The fifth stage adds scenes without a card (club cards, tickets, telephones with a face), most of
which fooled the network of stage four. The sixth continues at a lower rate to tighten the boxes;
its weights are then averaged with those from before it.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services import command_line
from services.environment import build_dir, usable_cores
from services.id_card.training.fresh_scenes import FreshScenes
from services.id_card.training.recipe import (
    LEAST_COST,
    NAMES,
    PLANS,
    QUICK,
    Run,
    optimiser_settings,
)

# torch and ultralytics are imported where they are needed: the processes that draw the scenes
# import this module too.
if TYPE_CHECKING:
    from services.id_card.training.trainer import CardTrainer


class Training:
    """A run and the folder it lives in.

    The folder holds ``run.json``, the images (``scenes``, ``val``), a folder a stage with
    ultralytics' checkpoint ``weights/last.pt``, and ``history.csv`` with a line an epoch. Which
    epoch comes next is read from the checkpoints alone. The training stops at a checkpoint before
    *budget* seconds have passed, and *say* gets a line of progress after each epoch. Raises
    ValueError if the folder holds another training.
    """

    def __init__(
        self,
        run: Run,
        out: str | Path,
        *,
        device: str = "auto",
        budget: float = math.inf,
        say: Callable[[str], None] = print,
    ) -> None:
        self.run, self.out, self.device, self.budget, self.say = run, Path(out), device, budget, say
        run.record(self.out)
        self._scenes = FreshScenes(run, self.out)
        self._began = time.monotonic()
        self._paid = self._spent = 0.0  # cost of the epochs of this process, and their seconds

    def train(self) -> Path | None:
        """Train what is left; return the last checkpoint, or None if the budget ended first."""
        for number in range(self.run.first_stage, len(self.run.stages)):
            if self._done(number) < self.run.stages[number].epochs:
                self._stage(number)
            if self._done(number) < self.run.stages[number].epochs:
                return None
        return self._last(len(self.run.stages) - 1)

    def ship(self, checkpoint: Path) -> Path:
        """Write a checkpoint's weights as they ship; the last one of the recipe is calibrated."""
        from services.id_card.training.sanitise import sanitise

        out, number = self.out / NAMES[self.run.model], len(self.run.stages) - 1
        by_the_recipe = self.run.stages == PLANS[self.run.model] and not self.run.data
        if not by_the_recipe or checkpoint != self._last(number):
            return sanitise(checkpoint, out)
        keep, served = self.run.stages[number].keep, LEAST_COST[self.run.model]
        start = self._start(number) if keep else None
        return sanitise(checkpoint, out, start=start, keep=keep, served=served)

    def latest(self) -> Path | None:
        """Return the newest checkpoint, of whatever stage; None before the first epoch's end."""
        numbers = reversed(range(self.run.first_stage, len(self.run.stages)))
        return next((self._last(n) for n in numbers if self._last(n).exists()), None)

    # ------------------------------------------------------------ one stage

    def _last(self, number: int) -> Path:
        return self.out / f"stage{number + 1}" / "weights" / "last.pt"

    def _done(self, number: int) -> int:
        from services.id_card.training.trainer import finished_epochs

        return finished_epochs(self._last(number))

    def _stage(self, number: int) -> None:
        from services.id_card.training.trainer import CardTrainer

        stage, first_epoch = self.run.stages[number], self._done(number)
        data = self.run.data or str(self._scenes.data_yaml())

        def renew(epoch: int) -> bool:
            return not self.run.data and self._scenes.draw(number, epoch)

        def epoch_done(trainer: CardTrainer) -> bool:
            return self._epoch_done(number, trainer)

        if stage.mine and not self.run.data:
            self._scenes.mine(number, Path(self._start(number)))
        renew(first_epoch)
        CardTrainer(
            {**self._settings(number), "data": data},
            scale=self.run.model,
            renew=renew,
            epoch_done=epoch_done,
            val_every=stage.val_every,
        ).train()

    def _start(self, number: int) -> str:
        """Return what a stage starts from: the last one's checkpoint, weights, or an outline."""
        if number > self.run.first_stage:
            return str(self._last(number - 1))
        return self.run.weights or "yolov8n.yaml"

    def _settings(self, number: int) -> dict[str, Any]:
        """Return ultralytics' settings for a stage."""
        from services.id_card.training.trainer import choose_device, precision

        stage, device = self.run.stages[number], choose_device(self.device)
        last, start = self._last(number), self._start(number)
        return {
            **optimiser_settings(stage, first=number == 0),
            "model": start,
            "pretrained": start.endswith(".pt"),
            "resume": str(last) if last.exists() else False,
            "save_dir": str(self.out / f"stage{number + 1}"),
            "seed": self.run.seed + 100_003 * number,
            "cache": "ram",
            "device": device,
            "workers": 0 if device == "cpu" else min(8, usable_cores()),
            "amp": precision(device),
            "deterministic": False,
            "plots": False,
            "exist_ok": True,
            "verbose": False,
        }

    # ------------------------------------------------------------ progress

    def _epoch_done(self, number: int, trainer: CardTrainer) -> bool:
        """Report an epoch; return whether the budget asks to stop here."""
        now = time.monotonic()
        seconds = now - trainer.epoch_began
        stage, epoch = self.run.stages[number], trainer.epoch + 1
        self._paid += stage.cost
        self._spent += seconds
        left = self._spent / self._paid * (
            stage.cost * (stage.epochs - epoch)
            + sum(each.cost * each.epochs for each in self.run.stages[number + 1 :])
        )  # fmt: skip
        row: dict[str, Any] = {
            "stage": number + 1, "imgsz": stage.imgsz, "epoch": epoch, "seconds": round(seconds, 1)
        }  # fmt: skip
        row |= {key.removeprefix("train/"): round(value, 4)
                for key, value in trainer.label_loss_items(trainer.tloss).items()}  # fmt: skip
        for name in ("mAP50", "mAP50-95"):
            scores: dict[str, float] = trainer.metrics or {}
            value = scores.get(f"metrics/{name}(B)") if trainer.validated else None
            row[name] = "" if value is None else round(float(value), 4)
        self._remember(row)
        losses = " ".join(f"{k.removesuffix('_loss')} {v}" for k, v in row.items() if "loss" in k)
        quality = f" · mAP50 {row['mAP50']}, mAP50-95 {row['mAP50-95']}" * trainer.validated
        self.say(
            f"stage {number + 1}/{len(self.run.stages)} ({stage.imgsz} px) "
            f"epoch {epoch}/{stage.epochs} · {losses}{quality} · {_clock(seconds)}, "
            f"about {_clock(left)} left"
        )
        return now - self._began + seconds > self.budget

    def _remember(self, row: dict[str, Any]) -> None:
        file = self.out / "history.csv"
        fresh = not file.exists()
        with file.open("a", newline="", encoding="ascii") as stream:
            writer = csv.DictWriter(stream, row, lineterminator="\n")
            if fresh:
                writer.writeheader()
            writer.writerow(row)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def _parser() -> argparse.ArgumentParser:
    parser = command_line.parser("services.id_card.training.train", __doc__)
    parser.add_argument("--out", type=Path, help="run folder (build/training/MODEL)")
    parser.add_argument(
        "--model", choices=sorted(NAMES), default="nano", help="size of the network (nano)"
    )
    parser.add_argument("--weights", help="a checkpoint to start from, such as yolov8n.pt")
    parser.add_argument("--first-stage", type=int, default=1, metavar="N",
                        help="stage to begin with; above 1 it needs --weights (1)")  # fmt: skip
    parser.add_argument("--data", help="data.yaml of your own images, in YOLO format")
    parser.add_argument("--device", default="auto", help="auto, cpu, or a GPU's number (auto)")
    parser.add_argument("--seed", type=int, default=0, help="seed of all random choices (0)")
    parser.add_argument("--quick", action="store_true", help="one tiny epoch")
    parser.add_argument("--budget-minutes", type=float, default=math.inf,
                        help="stop at a checkpoint before this time is up")  # fmt: skip
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; see the module's docstring."""
    parser = _parser()
    args = parser.parse_args(arguments)
    for name in ("weights", "data"):
        value = getattr(args, name)
        if value and not Path(value).is_file():
            parser.error(f"--{name}: no file at {value}")
        if value:  # ultralytics would read it relative to a folder of its own
            setattr(args, name, str(Path(value).resolve()))
    stages = QUICK if args.quick else PLANS[args.model]
    if not 1 <= args.first_stage <= len(stages):
        parser.error(f"--first-stage: there are {len(stages)} stages, from 1")
    if args.first_stage > 1 and not args.weights:
        parser.error("--first-stage: give the --weights that the earlier stages made")
    run = Run(stages, args.seed, args.model, args.weights, args.data, args.first_stage - 1)
    folder = "quick" if args.quick else args.model
    out = args.out or build_dir() / "training" / folder
    try:
        training = Training(run, out, device=args.device, budget=60 * args.budget_minutes)
    except ValueError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"--out: {error}")
    finished = training.train()
    last = finished or training.latest()
    assert last is not None  # a budget ends a training after an epoch, not before one
    weights = training.ship(last)
    if finished:
        print(f"Trained: {weights}")
    else:
        print(f"Stopped at a checkpoint; the same command continues. Usable so far: {weights}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
