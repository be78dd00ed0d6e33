"""What 8-bit quantisation gains and costs, by quantised layers and calibration method.

::

    python -m services.bench.int8          # some minutes on two idle cores; notebook 14 plots it

Each variant is quantised from the same export, measured on the same scenes, and timed in turns.
"""

from __future__ import annotations

import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import onnx
import pandas as pd

from services import command_line
from services.environment import usable_cores
from services.id_card.detector import Detector
from services.id_card.model.checkpoint import WEIGHTS
from services.id_card.model.export import exported
from services.id_card.model.quantise import IN_FLOAT, quantise
from services.id_card.samples import load_sample
from services.id_card.training.scene_sets import SceneSet
from services.id_card.training.scoring import SEARCH_CONF, Result, evaluate
from services.workbench.timing import interleaved

RESULT = Path(__file__).parent / "results" / "int8.csv"
"""The committed result of the command."""

VARIANTS: dict[str, dict[str, Any] | None] = {
    "float": None,
    "every layer": {"in_float": re.compile(r"(?!)")},
    "head in float": {"in_float": re.compile(r"/model\.22/")},
    "mean range": {"in_float": IN_FLOAT, "mean_range": True},
    "served": {},
}
"""Arguments of :func:`~services.id_card.model.quantise.quantise`; None: not quantised.

"served" is what ``ID_CARD_BACKEND=int8`` serves: the last layers in float, the widest ranges.
"""


@dataclass(frozen=True)
class Row:
    """A row of the result."""

    variant: str  # a key of VARIANTS
    kib: int  # size of the file in KiB
    float_convolutions: int  # convolutions that are not quantised
    times_as_fast: float  # than the float export, in processor time with one thread: the median
    # typical, harsh: mAP50-95 on test scenes of each difficulty, 0 to 1
    typical: float
    harsh: float
    # typical_found, harsh_found: share of the cards found at the served confidence, 0 to 1
    typical_found: float
    harsh_found: float
    alarms: float  # share of the scenes without a card in which a box is found, 0 to 1
    scenes: int  # typical ones; three fifths as many are harsh, and two fifths empty


def make(folder: Path) -> dict[str, Path]:
    """Quantise every variant into *folder*; return the files, including the float export."""
    source = exported(WEIGHTS, "onnx")
    files = {}
    for variant, options in VARIANTS.items():
        files[variant] = source if options is None else folder / f"{variant}.onnx"
        if options is not None:
            quantise(source, files[variant], **options)
    return files


def times_as_fast(files: dict[str, Path]) -> dict[str, float]:
    """Compare each file's processor time per image with the float export's, round by round."""
    image = [load_sample("two_cards")]

    def way(path: Path) -> Callable[[], object]:
        detector = Detector(path, "onnx")
        return lambda: detector.detect(image)

    ways = {name: way(path) for name, path in files.items()}
    seconds = interleaved(ways, 60, clock=time.process_time)
    return {
        name: statistics.median(
            one / other for one, other in zip(seconds["float"], times, strict=True)
        )
        for name, times in seconds.items()
    }


def float_convolutions(path: Path) -> int:
    """Count the convolutions whose weights are floats."""
    graph = onnx.load(path).graph
    rounded = {name for node in graph.node for name in node.output}
    return sum(node.op_type == "Conv" and node.input[1] not in rounded for node in graph.node)


def measure(scenes: int, seed: int) -> list[Row]:
    """Measure all variants on *scenes* typical scenes of the test split, and on fewer others."""
    kinds = [
        SceneSet("typical", "typical", scenes),
        SceneSet("harsh", "harsh", max(1, scenes * 3 // 5)),
        SceneSet("empty", "typical", max(1, scenes * 2 // 5), cards=0),
    ]
    drawn = {each.name: list(each.scenes(seed, usable_cores())) for each in kinds}
    with tempfile.TemporaryDirectory() as folder:
        files = make(Path(folder))
        speed = times_as_fast(files)
        rows = []
        for variant, path in files.items():
            detector = Detector(path, "onnx", conf=SEARCH_CONF)
            results = {name: evaluate(detector, some) for name, some in drawn.items()}
            rows.append(_row(variant, path, speed[variant], results, scenes))
            print(rows[-1])
    return rows


def _row(variant: str, path: Path, speed: float, results: dict[str, Result], scenes: int) -> Row:
    typical, harsh = results["typical"], results["harsh"]
    return Row(
        variant,
        path.stat().st_size // 1024,
        float_convolutions(path),
        round(speed, 3),
        round(typical.map50_95(resamples=1).value, 4),
        round(harsh.map50_95(resamples=1).value, 4),
        round(typical.recall().value, 4),
        round(harsh.recall().value, 4),
        round(results["empty"].false_positive_share().value, 4),
        scenes,
    )


def write(rows: Sequence[Row], path: Path) -> None:
    """Write rows as CSV."""
    pd.DataFrame([asdict(row) for row in rows]).to_csv(path, index=False, lineterminator="\n")


def read(path: Path = RESULT) -> list[Row]:
    """Read what :func:`write` wrote."""
    return [Row(**line) for line in pd.read_csv(path).to_dict("records")]  # type: ignore[arg-type]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; see the module's docstring."""
    parser = command_line.parser("services.bench.int8", __doc__)
    parser.add_argument("--scenes", type=int, default=500, help="how many typical scenes (500)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the scenes (0)")
    parser.add_argument("--csv", type=Path, default=RESULT, help="file to write (the shipped one)")
    given = parser.parse_args(arguments)
    if given.scenes < 1 or given.seed < 0:
        parser.error("--scenes must be at least 1, and --seed must not be negative")
    os.environ["OMP_NUM_THREADS"] = "1"  # measure quantisation, not waiting for other threads
    write(measure(given.scenes, given.seed), given.csv)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
