"""Write the synthetic identity-card data set in YOLO format.

    python -m services.id_card.training.dataset --out build/id_cards --n 2000 --seed 0

Image i of a split depends on the seed, the split and i alone, so any number of workers
writes the same bytes, and a larger data set begins with the smaller one.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tqdm import tqdm

from services import command_line
from services.id_card.training.pool import drawn
from services.id_card.training.synth import (
    DIFFICULTIES,
    SPLITS,
    Difficulty,
    Scene,
    Split,
    make_scene,
)

CLASS_NAME = "id_card"


@dataclass(frozen=True)
class Summary:
    """What :func:`write_dataset` wrote: where, and how many images and cards."""

    data_yaml: Path
    images: int
    cards: int


def yolo_lines(scene: Scene) -> list[str]:
    """Return a scene's labels: class, centre x, centre y, width, height, as shares of the image."""
    width, height = scene.image.size
    return [
        f"0 {(x0 + x1) / 2 / width:.6f} {(y0 + y1) / 2 / height:.6f} "
        f"{(x1 - x0) / width:.6f} {(y1 - y0) / height:.6f}"
        for x0, y0, x1, y1 in scene.boxes.tolist()
    ]


def write_dataset(
    out: str | Path,
    n: int,
    seed: int = 0,
    *,
    first: int = 0,
    val: int | None = None,
    test: int | None = None,
    imgsz: int = 384,
    difficulty: Difficulty = "mixed",
    cards: int | None = None,
    workers: int = 1,
    progress: bool = True,
) -> Summary:
    """Write a data set that ultralytics can train on.

    *out* is made if it is missing. It must not hold images of other sizes or seeds: files of the
    same name are overwritten, others are left alone. There are *n* training images, numbered from
    *first* (to get fresh ones for the next epoch of a training), *val* for validation and *test*
    for the test; of these a tenth of *n* each unless given. For the rest see
    :func:`services.id_card.training.synth.make_scene`; *workers* is the number of processes to draw
    with. Raises ValueError if a number is out of range, or there would be no image at all.
    """
    counts: dict[Split, int] = {
        "train": n,
        "val": n // 10 if val is None else val,
        "test": n // 10 if test is None else test,
    }
    if min(counts.values()) < 0 or not any(counts.values()):
        raise ValueError(f"counts must not be negative, nor all zero, got {counts}")
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    if seed < 0 or first < 0:
        raise ValueError(f"seed and first must not be negative, got {seed} and {first}")
    folder = Path(out)
    numbers = [
        (split, index + (first if split == "train" else 0))
        for split, count in counts.items()
        for index in range(count)
    ]
    make = partial(make_scene, seed=seed, difficulty=difficulty, cards=cards, imgsz=imgsz)
    total = write_scenes(folder, make, numbers, workers, progress=progress)
    return Summary(_write_yaml(folder), len(numbers), total)


def write_scenes(
    out: Path,
    make: Callable[[Split, int], Scene],
    numbers: Sequence[tuple[Split, int]],
    workers: int = 1,
    *,
    progress: bool = False,
) -> int:
    """Make and write the scenes of some numbers; return how many cards are in them."""
    for split in SPLITS:
        for kind in ("images", "labels"):
            (out / kind / split).mkdir(parents=True, exist_ok=True)
    cards = drawn(partial(_write_one, out, make), numbers, workers)
    return sum(tqdm(cards, total=len(numbers), unit="scene", disable=not progress))


def _write_one(out: Path, make: Callable[[Split, int], Scene], number: tuple[Split, int]) -> int:
    """Make and write one image and its label file; return the number of cards in it."""
    split, index = number
    scene = make(split, index)
    name = f"{split}_{index:06d}"
    # Colour at full resolution: these images are small, and already have the camera's JPEG marks.
    scene.image.save(out / "images" / split / f"{name}.jpg", quality=92, subsampling=0)
    text = "".join(line + "\n" for line in yolo_lines(scene))
    (out / "labels" / split / f"{name}.txt").write_text(text, encoding="ascii")
    return len(scene.boxes)


def _write_yaml(folder: Path) -> Path:
    """Write ``data.yaml`` without a path: ultralytics then looks beside the file itself."""
    lines = [f"{split}: images/{split}" for split in SPLITS]
    path = folder / "data.yaml"
    path.write_text("\n".join([*lines, "names:", f"  0: {CLASS_NAME}", ""]), encoding="ascii")
    return path


def _parser() -> argparse.ArgumentParser:
    parser = command_line.parser("services.id_card.training.dataset", __doc__)
    parser.add_argument("--out", required=True, help="folder to write to")
    parser.add_argument("--n", type=int, default=2000, help="how many training images (2000)")
    parser.add_argument("--val", type=int, help="how many validation images (a tenth of --n)")
    parser.add_argument("--test", type=int, help="how many test images (a tenth of --n)")
    parser.add_argument("--seed", type=int, default=0, help="seed of all random choices (0)")
    parser.add_argument("--imgsz", type=int, default=384, help="longer side, in pixels (384)")
    parser.add_argument("--difficulty", choices=DIFFICULTIES, default="mixed",
                        help="how hard the scenes are (mixed)")  # fmt: skip
    parser.add_argument("--cards", type=int, choices=range(5),
                        help="cards in each image, 0 for none (random)")  # fmt: skip
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1,
                        help="how many processes (one per core)")  # fmt: skip
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; `arguments` default to the process's own."""
    parser = _parser()
    args = vars(parser.parse_args(arguments))
    try:
        summary = write_dataset(args.pop("out"), args.pop("n"), **args)
    except ValueError as error:
        parser.error(str(error))
    print(f"{summary.images} images with {summary.cards} cards, see {summary.data_yaml}")


if __name__ == "__main__":
    main()
