"""Memorised or learned? One small training, run twice: on few pictures and on many.

::

    python -m services.id_card.training.lesson        # some five minutes on two cores

Both trainings take the same number of steps, from the same initial weights. The first sees few
pictures many times. The second sees eight times as many, the first's among them, an eighth as
often. Along the way both networks are tested on the same scenes: the few pictures, new ones of the
same kind, and cards, surfaces and objects of the test split, which neither has seen.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from services import command_line
from services.environment import build_dir
from services.id_card.detector import Detector
from services.id_card.training.dataset import write_dataset
from services.id_card.training.evaluate import SEARCH_CONF, evaluate
from services.id_card.training.recipe import Run, Stage
from services.id_card.training.synth import Scene, Split, make_scene
from services.id_card.training.train import Training

RESULT = Path(__file__).with_name("lesson.csv")
"""What the command wrote for the repository; notebook 00 draws it."""

TRAININGS = {"few pictures, often": 1, "many pictures, seldom": 8}
"""How many times the few pictures each training gets, and so how much less often it sees each."""
QUESTIONS: dict[str, tuple[Split, int]] = {
    "the few pictures": ("train", 0),
    "new pictures": ("train", 1_000_000),  # numbers that no training comes to
    "held-out designs": ("test", 0),
}
"""The split and the first number of the scenes of each question."""


@dataclass(frozen=True)
class Size:
    """How large the experiment is."""

    few: int = 96  # pictures of the smaller training, and scenes of each question
    looks: int = 64  # how often the smaller training sees each; a multiple of 32
    imgsz: int = 96  # side of the square that the networks see, in pixels, a multiple of 32
    asked: int = 4  # how often each network is tested along the way


@dataclass(frozen=True)
class Answer:
    """How a network did: a line of the result."""

    # training, question: keys of TRAININGS and QUESTIONS
    training: str
    question: str
    pictures: int  # how many the network had been trained on by then, repetitions included
    # map50, low, high: average precision at an overlap of 0.5, and its 95 % interval by bootstrap
    map50: float
    low: float
    high: float

    def __str__(self) -> str:
        return (
            f"{self.training:<22} {self.pictures:>5} pictures · {self.question:<17} "
            f"{self.map50:.3f} ({self.low:.3f} to {self.high:.3f})"
        )


def questions(size: Size, seed: int) -> dict[str, list[Scene]]:
    """Draw the scenes of each question: one card each, in fair light."""
    return {
        name: [
            make_scene(split, first + i, seed, cards=1, imgsz=_drawn(size)) for i in range(size.few)
        ]
        for name, (split, first) in QUESTIONS.items()
    }


def _drawn(size: Size) -> int:
    return round(1.25 * size.imgsz)  # zooming in finds detail


def compare(
    out: Path, size: Size = Size(), seed: int = 0, say: Callable[[str], None] = print
) -> list[Answer]:
    """Run both trainings, and return the answers in the order they were given.

    What an earlier run left in the folder *out* is removed. *say* gets a line for each answer.
    """
    asked = questions(size, seed)
    answers: list[Answer] = []
    for training, times in TRAININGS.items():
        folder = out / f"times{times}"
        shutil.rmtree(folder, ignore_errors=True)
        data = write_dataset(
            folder / "scenes", times * size.few, seed, val=8, test=0, cards=1,
            imgsz=_drawn(size), difficulty="typical", progress=False,
        )  # fmt: skip

        def ask(pictures: int, checkpoint: Path, training: str = training) -> None:
            detector = Detector(checkpoint, "torch", device="cpu", conf=SEARCH_CONF)
            for question, scenes in asked.items():
                quality = evaluate(detector, scenes).map50(resamples=100)
                figures = (round(v, 4) for v in (quality.value, quality.low, quality.high))
                answers.append(Answer(training, question, pictures, *figures))
                say(str(answers[-1]))

        _train(folder / "run", times, size, seed, data.data_yaml, ask)
    return answers


def _train(
    out: Path, times: int, size: Size, seed: int, data: Path, ask: Callable[[int, Path], None]
) -> None:
    """Train, and test the checkpoint as often as *size* says."""
    scenes, epochs = times * size.few, size.looks // times
    every = max(1, epochs // size.asked)
    done = 0

    def after_an_epoch(line: str) -> None:
        nonlocal done
        done += 1
        if done % every == 0:
            ask(done * scenes, out / "stage1" / "weights" / "last.pt")

    stage = Stage(size.imgsz, scenes, epochs, epochs, 0.002, 0.0001, val_every=epochs)
    run = Run((stage,), seed=seed, data=str(data))
    Training(run, out, device="cpu", say=after_an_epoch).train()


def write(answers: Sequence[Answer], path: Path) -> None:
    """Write answers as CSV."""
    pd.DataFrame(map(asdict, answers)).to_csv(path, index=False, lineterminator="\n")


def read(path: Path = RESULT) -> list[Answer]:
    """Read what :func:`write` wrote."""
    return [Answer(**row) for row in pd.read_csv(path).to_dict("records")]  # type: ignore[arg-type]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; see the module's docstring."""
    parser = command_line.parser("services.id_card.training.lesson", __doc__)
    parser.add_argument("--out", type=Path, help="folder to work in (build/lesson)")
    parser.add_argument("--seed", type=int, default=0, help="seed of all random choices (0)")
    args = parser.parse_args(arguments)
    out = args.out or build_dir() / "lesson"
    out.mkdir(parents=True, exist_ok=True)
    write(compare(out, seed=args.seed), out / "lesson.csv")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
