"""Measure the detector on scenes whose designs, surfaces and things training never saw.

::

    python -m services.id_card.evaluate
    python -m services.id_card.evaluate --weights my.pt --backend torch --seed 7

What is measured is what is served: the pictures go through
:class:`~services.id_card.detector.Detector`, from letterbox to suppression.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
from PIL import Image
from tqdm import tqdm

from services.environment import usable_cores
from services.id_card.backends import BackendName
from services.id_card.checkpoint import WEIGHTS
from services.id_card.detector import Detection, Detector
from services.id_card.metrics import (
    Curve,
    ImageScore,
    Interval,
    bootstrap,
    curve,
    map50,
    map50_95,
    score_image,
    share,
)
from services.id_card.synth import Difficulty, Scene, make_scene

SERVED_CONF = 0.5
"""The confidence below which a server says nothing, unless told otherwise."""
SEARCH_CONF = 0.001
"""The confidence a detector must go down to, for average precision to see its whole curve."""
SCENE_SIZE = 480  # more than the network sees, as with photographs
BATCH = 16
PHOTOGRAPHS = ("bus.jpg", "zidane.jpg")  # ultralytics' own; there is no card in them


@dataclass(frozen=True)
class Result:
    """How a detector did on a set of scenes.

    Attributes
    ----------
    images : tuple of ImageScore
        One for each scene, in their order: hits, misses and false alarms.
    conf : float
        The served confidence, for what depends on one.
    """

    images: tuple[ImageScore, ...]
    conf: float = SERVED_CONF

    @cached_property
    def curve(self) -> Curve:
        """Precision against recall, and the average precision at each overlap."""
        return curve(self.images)

    def map50(self, **options: int) -> Interval:
        """Return mAP50; `options` (``resamples``, ``seed``) go to the bootstrap."""
        return bootstrap(self.images, map50, **options)

    def map50_95(self, **options: int) -> Interval:
        """Return mAP50-95; `options` (``resamples``, ``seed``) go to the bootstrap."""
        return bootstrap(self.images, map50_95, **options)

    def recall(self) -> Interval:
        """Return the share of the cards that were found at the served confidence."""
        truths = sum(image.truths for image in self.images)
        return share(truths - sum(image.misses(self.conf) for image in self.images), truths)

    def false_positive_share(self) -> Interval:
        """Return the share of the images with a box, at the served confidence, on no card."""
        wrong = sum(image.false_alarms(self.conf) > 0 for image in self.images)
        return share(wrong, len(self.images))


def evaluate(
    detector: Detector,
    scenes: Iterable[Scene],
    *,
    conf: float = SERVED_CONF,
    progress: bool | str = False,
    total: int | None = None,
) -> Result:
    """Run a detector over scenes and score it image by image.

    Parameters
    ----------
    detector : Detector
        Made with a low threshold, ``Detector(conf=0.001)``: average precision looks at all boxes.
    scenes : iterable of Scene
        From :func:`services.id_card.synth.make_scene`. Read once, a few at a time.
    conf : float
        The served confidence, 0 to 1: it changes recall and false positives, not mAP.
    progress : bool or str
        Show a progress bar, of *total* scenes if given; a string is its title.

    Returns
    -------
    Result

    Raises
    ------
    ValueError
        If the detector keeps to itself what is below a confidence of 0.05.
    """
    if detector.conf > 0.05:
        raise ValueError(
            f"average precision needs boxes of all confidences; this detector drops those below "
            f"{detector.conf}. Evaluate Detector(conf={SEARCH_CONF})"
        )
    images: list[ImageScore] = []
    title = progress if isinstance(progress, str) else None
    with tqdm(total=total, desc=title, unit="scene", disable=not progress) as bar:
        for batch in _batches(scenes, BATCH):
            found = detector.detect([scene.image for scene in batch])
            images += map(_score, found, batch)
            bar.update(len(batch))
    return Result(tuple(images), conf)


def _score(found: list[Detection], scene: Scene) -> ImageScore:
    boxes = np.array([each.box for each in found], float).reshape(-1, 4)
    return score_image(boxes, np.array([each.confidence for each in found]), scene.boxes)


def _batches(scenes: Iterable[Scene], size: int) -> Iterator[list[Scene]]:
    batch: list[Scene] = []
    for scene in scenes:
        batch.append(scene)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


@dataclass(frozen=True)
class Question:
    """A set of scenes to put to the detector."""

    name: str
    difficulty: Difficulty
    count: int
    cards: int | None = None

    def scenes(self, seed: int, workers: int) -> Iterator[Scene]:
        """Draw the test scenes, in their order, with so many processes."""
        first = 0 if self.cards is None else 1_000_000  # or they would repeat the others' tables
        make = partial(
            make_scene, "test", seed=seed, difficulty=self.difficulty, cards=self.cards,
            imgsz=SCENE_SIZE,
        )  # fmt: skip
        numbers = range(first, first + self.count)
        if workers == 1:
            yield from map(make, numbers)
            return
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, context, initializer=_one_thread) as pool:
            # In portions: the pool would draw everything at once and hold it in memory.
            for start in range(0, self.count, 64):
                yield from pool.map(make, numbers[start : start + 64], chunksize=4)


def _one_thread() -> None:
    cv2.setNumThreads(1)


@dataclass(frozen=True)
class Line:
    """One line of the report: what was measured, what came out, what was asked for."""

    what: str
    got: str
    target: str
    reached: bool

    def __str__(self) -> str:
        verdict = "reached" if self.reached else "missed"
        return f"{self.what:<44} {self.got:<24} {self.target:<8} {verdict}"


def photograph_boxes(detector: Detector, conf: float = SERVED_CONF) -> int:
    """Count the boxes on ultralytics' two photographs, which show no card."""
    from ultralytics.utils import ASSETS

    pictures = [Image.open(ASSETS / name) for name in PHOTOGRAPHS]
    return sum(box.confidence > conf for boxes in detector.detect(pictures) for box in boxes)


def report(
    detector: Detector,
    *,
    seed: int = 0,
    typical: int = 500,
    harsh: int = 300,
    empty: int = 200,
    workers: int = 1,
    progress: bool = True,
) -> list[Line]:
    """Measure everything that there is a target for.

    Parameters
    ----------
    detector : Detector
        Made with ``conf=0.001``.
    seed : int
        Of the scenes, from 0.
    typical, harsh, empty : int
        Scenes of each kind: one or two cards in fair light; up to four under strong tilt, blur
        and noise; typical ones without a card. At least 1.
    workers : int
        Processes that draw.
    progress : bool
        Show a bar for each kind.

    Returns
    -------
    list of Line
        Each prints what was reached beside its target.
    """
    lines = []
    questions = (
        (Question("typical", "typical", typical), 0.97, 0.87),
        (Question("harsh", "harsh", harsh), 0.92, 0.76),
    )
    run = partial(_ask, detector, seed=seed, workers=workers, progress=progress)
    for question, target50, target in questions:
        result = run(question)
        for name, got, wanted in (
            ("mAP50", result.map50(), target50),
            ("mAP50-95", result.map50_95(), target),
        ):
            what = f"{question.name} scenes ({question.count}), {name}"
            lines.append(Line(what, f"{got}", f"≥ {wanted}", got.value >= wanted))
    alarms = run(Question("empty", "typical", empty, cards=0)).false_positive_share()
    lines.append(Line(f"scenes without a card ({empty}), any box", f"{alarms:.1%}", "≤ 5 %",
                      alarms.value <= 0.05))  # fmt: skip
    boxes = photograph_boxes(detector)
    lines.append(Line(" and ".join(PHOTOGRAPHS) + ", boxes", str(boxes), "0", boxes == 0))
    return lines


def _ask(
    detector: Detector, question: Question, *, seed: int, workers: int, progress: bool
) -> Result:
    scenes = question.scenes(seed, workers)
    title = progress and f"{question.name:<8}"
    return evaluate(detector, scenes, progress=title, total=question.count)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m services.id_card.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="(the shipped ones)")
    parser.add_argument("--backend", choices=get_args(BackendName), default="onnx", help="(onnx)")
    parser.add_argument("--imgsz", type=int, help="side the network sees (as trained)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the scenes (0)")
    parser.add_argument("--n-typical", type=int, default=500, help="(500)")
    parser.add_argument("--n-harsh", type=int, default=300, help="(300)")
    parser.add_argument("--n-empty", type=int, default=200, help="(200)")
    args = parser.parse_args(arguments)
    if min(args.n_typical, args.n_harsh, args.n_empty) < 1:
        parser.error("at least one scene of each kind is needed")
    try:
        detector = Detector(args.weights, args.backend, imgsz=args.imgsz, conf=SEARCH_CONF)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    counts = {"typical": args.n_typical, "harsh": args.n_harsh, "empty": args.n_empty}
    lines = report(detector, seed=args.seed, workers=usable_cores(), **counts)
    print(f"{args.weights.name} at {detector.imgsz} px, seed {args.seed}; 95 % intervals")
    print(*lines, sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
