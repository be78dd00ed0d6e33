"""Print how the backends compare on this machine: ``python -m services.bench.backends``.

Each backend processes the same shipped images, one at a time; the backends take turns.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from typing import get_args

from PIL import Image

from services import command_line
from services.id_card.detector import Detector
from services.id_card.model.backends import BackendName, threads
from services.id_card.samples import SAMPLES, load_sample
from services.workbench.timing import interleaved, ratios


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison; torch is the reference."""
    parser = command_line.parser("services.bench.backends", __doc__)
    parser.add_argument(
        "--rounds", type=int, default=20, help="how often each backend is timed (20)"
    )
    given = parser.parse_args(arguments)
    pictures = [load_sample(name) for name in SAMPLES]
    ways: dict[str, Callable[[], object]] = {
        name: _way(Detector(backend=name), pictures) for name in get_args(BackendName)
    }
    print(f"{len(pictures)} images, one at a time, {threads()} threads, {given.rounds} rounds")
    seconds = interleaved(ways, given.rounds)
    for name, ratio in ratios(seconds, "torch").items():
        a_picture = 1000 * statistics.median(seconds[name]) / len(pictures)
        print(f"{name:9} {ratio:5.2f} x torch   {a_picture:6.1f} ms per image")
    return 0


def _way(detector: Detector, pictures: list[Image.Image]) -> Callable[[], object]:
    return lambda: [detector.detect([picture]) for picture in pictures]


if __name__ == "__main__":
    sys.exit(main())
