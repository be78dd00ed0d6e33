"""Draw the samples: ``python -m services.id_card.samples.draw [FOLDER]``.

They are scenes of the generator's test split, so no training saw
their designs, surfaces or objects. They were chosen to look at, not to measure anything:
:mod:`services.id_card.training.evaluate` does that.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from services import command_line
from services.id_card.samples import SAMPLES, sample_path
from services.id_card.training.synth import make_scene

SEED = 2026
SIZE = 640  # pixels of the long side
QUALITY = 92

#          number of the scene, cards in it
SCENES = {
    "one_card": (6206, 1),
    "two_cards": (6022, 2),
    "close_up": (6091, 1),
    "small_card": (6218, 1),
    "no_card": (6015, 0),
}


def draw(name: str) -> Image.Image:
    """Draw a sample again: RGB, 640 pixels on the long side, before JPEG compresses it."""
    index, cards = SCENES[name]
    return make_scene("test", index, seed=SEED, difficulty="typical", cards=cards, imgsz=SIZE).image


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw all samples into a folder, by default over those that ship."""
    parser = command_line.parser("services.id_card.samples.draw", __doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=sample_path("one_card").parent,
                        help="folder to write to (services/id_card/samples)")  # fmt: skip
    folder = parser.parse_args(arguments).folder
    folder.mkdir(parents=True, exist_ok=True)
    for name in SAMPLES:
        draw(name).save(folder / f"{name}.jpg", quality=QUALITY, subsampling=0)
    print(f"{len(SAMPLES)} samples in {folder}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
