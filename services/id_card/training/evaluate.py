"""Measure the detector on scenes whose designs, surfaces and things training never saw.

::

    python -m services.id_card.training.evaluate
    python -m services.id_card.training.evaluate --weights my.pt --backend torch --seed 7
    python -m services.id_card.training.evaluate --threshold     # choose the confidence that serves

What is measured is what is served: the images go through
:class:`~services.id_card.detector.Detector`, from letterbox to suppression.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args

from tqdm import tqdm

from services import command_line
from services.environment import usable_cores
from services.id_card.detector import SERVED_CONF, Detector
from services.id_card.model.backends import BackendName
from services.id_card.model.checkpoint import WEIGHTS
from services.id_card.training.scene_sets import SceneSet, card_free_photographs
from services.id_card.training.scoring import SEARCH_CONF, Result, evaluate
from services.id_card.training.threshold import choose, table

__all__ = ["SEARCH_CONF", "SERVED_CONF", "Line", "Result", "evaluate", "report", "threshold_report"]

TARGETS = {"typical": (0.97, 0.87), "harsh": (0.93, 0.77)}
"""What mAP50 and mAP50-95 should reach on scenes of each difficulty."""
ALARMS, ALARMS_BOUND = 0.05, 0.08
"""How large the share of card-free scenes with a box may be, and its interval's upper end."""


@dataclass(frozen=True)
class Line:
    """One line of the report: what was measured, the result, and the target if there is one."""

    what: str
    got: str
    target: str = ""
    reached: bool = True

    def __str__(self) -> str:
        verdict = "" if not self.target else "reached" if self.reached else "missed"
        return f"{self.what:<44} {self.got:<24} {self.target:<8} {verdict}".rstrip()


def photograph_boxes(detector: Detector, conf: float = SERVED_CONF) -> dict[str, int]:
    """Count the served boxes on each real photograph without a card; leave out those with none."""
    pictures = card_free_photographs()
    found = detector.detect(list(pictures.values()))
    counts = {
        name: sum(box.confidence > conf for box in boxes)
        for name, boxes in zip(pictures, found, strict=True)
    }
    return {name: count for name, count in counts.items() if count}


def report(
    detector: Detector,
    *,
    seed: int = 0,
    typical: int = 500,
    harsh: int = 300,
    empty: int = 200,
    conf: float = SERVED_CONF,
    workers: int = 1,
) -> list[Line]:
    """Measure everything that there is a target for; a line has what was reached beside it.

    The detector is made with ``conf=0.001``; *conf* is the confidence that serves. There are at
    least one *typical* scene, of one or two cards in fair light, *harsh* one, of up to four under
    strong tilt, blur and noise, and *empty* one, typical without a card. *workers* is the number of
    processes that draw.
    """
    run = partial(_run, detector, seed=seed, conf=conf, workers=workers)
    lines = []
    for scenes in (SceneSet("typical", "typical", typical), SceneSet("harsh", "harsh", harsh)):
        lines += _card_lines(scenes, run(scenes))
    alarms = run(SceneSet("empty", "typical", empty, cards=0)).false_positive_share()
    what = f"scenes without a card ({empty}), any box"
    lines += [
        Line(what, f"{alarms:.1%}", f"≤ {ALARMS:.0%}", alarms.value <= ALARMS),
        Line("the same, upper end of the interval", f"{alarms.high:.1%}", f"≤ {ALARMS_BOUND:.0%}",
             alarms.high <= ALARMS_BOUND),
    ]  # fmt: skip
    boxes = photograph_boxes(detector, conf)
    where = f" ({', '.join(boxes)})" if boxes else ""
    lines.append(Line("boxes on photographs without a card", f"{sum(boxes.values())}{where}", "0",
                      not boxes))  # fmt: skip
    return lines


def _card_lines(scenes: SceneSet, result: Result) -> list[Line]:
    """Report average precision, and what is found at the served confidence."""
    title = f"{scenes.name} scenes ({scenes.count})"
    reached = (("mAP50", result.map50()), ("mAP50-95", result.map50_95()))
    lines = [
        Line(f"{title}, {name}", f"{got}", f"≥ {wanted}", got.value >= wanted)
        for (name, got), wanted in zip(reached, TARGETS[scenes.name], strict=True)
    ]
    if any(image.truths for image in result.images):
        lines.append(Line(f"{title}, cards found", f"{result.recall():.1%}"))
    return lines


def threshold_report(
    detector: Detector,
    *,
    seed: int = 0,
    with_cards: int = 500,
    empty: int = 500,
    workers: int = 1,
) -> str:
    """Choose the confidence that serves, on typical scenes of the validation split.

    The detector is made with ``conf=0.001``. Return the curve as a table, and the confidence of the
    least cost; see :mod:`.threshold`.
    """
    run = partial(_run, detector, seed=seed, workers=workers)
    cards = run(SceneSet("cards", "typical", with_cards, split="val"))
    without = run(SceneSet("empty", "typical", empty, cards=0, split="val"))
    points = choose(cards.images, without.images)
    return table(points)


def _run(
    detector: Detector, scenes: SceneSet, *, seed: int, workers: int, conf: float = SERVED_CONF
) -> Result:
    drawn = tqdm(scenes.scenes(seed, workers), f"{scenes.name:<8}", scenes.count, unit="scene")
    return evaluate(detector, drawn, conf=conf)


def _parser() -> argparse.ArgumentParser:
    parser = command_line.parser("services.id_card.training.evaluate", __doc__)
    parser.add_argument("--weights", type=Path, default=WEIGHTS,
                        help="an ultralytics checkpoint (the shipped weights)")  # fmt: skip
    parser.add_argument("--backend", choices=get_args(BackendName), default="onnx",
                        help="what runs the network (onnx)")  # fmt: skip
    parser.add_argument("--imgsz", type=int, help="side of the network's input (as trained)")
    parser.add_argument("--conf", type=float, default=SERVED_CONF,
                        help=f"boxes below this are dropped, 0 to 1 ({SERVED_CONF})")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="seed of the scenes (0)")
    parser.add_argument("--n-typical", type=int, default=500, help="typical scenes (500)")
    parser.add_argument("--n-harsh", type=int, default=300, help="harsh scenes (300)")
    parser.add_argument("--n-empty", type=int, default=200, help="scenes without a card (200)")
    parser.add_argument("--threshold", action="store_true",
                        help="choose the confidence to serve with instead, on typical scenes of "
                        "the validation split, with and without a card")  # fmt: skip
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; see the module's docstring."""
    parser = _parser()
    args = parser.parse_args(arguments)
    if min(args.n_typical, args.n_harsh, args.n_empty) < 1:
        parser.error("at least one scene of each kind is needed")
    if not 0 <= args.conf <= 1:
        parser.error("--conf is a share, 0 to 1")
    try:
        detector = Detector(args.weights, args.backend, imgsz=args.imgsz, conf=SEARCH_CONF)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    name = f"{args.weights.name} at {detector.imgsz} px, seed {args.seed}"
    if args.threshold:
        print(f"{name}, validation split")
        print(threshold_report(detector, seed=args.seed, with_cards=args.n_typical,
                               empty=args.n_empty, workers=usable_cores()))  # fmt: skip
        return 0
    counts = {"typical": args.n_typical, "harsh": args.n_harsh, "empty": args.n_empty}
    lines = report(detector, seed=args.seed, conf=args.conf, workers=usable_cores(), **counts)
    print(f"{name}, confidence {args.conf}; 95 % intervals")
    print(*lines, sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
