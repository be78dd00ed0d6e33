"""Find training scenes that have no card, but in which a network sees one."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import cv2

from services.id_card.detector import Detector
from services.id_card.training.sanitise import sanitise
from services.id_card.training.synth import Scene, make_scene

FIRST_EMPTY = 10_000_000
"""Number of the first card-free training scene: far from the numbers of the others."""
SURE = 0.25  # a box of at least this confidence makes a scene hard
_PORTION = 64  # scenes: a pool would draw all at once and hold them in memory


def find_hard(
    weights: Path, indices: Sequence[int], seed: int, imgsz: int, workers: int = 1
) -> list[int]:
    """Return which of some training scenes, drawn without a card, the network finds a card in.

    *weights* is a training checkpoint or weights that ship, *imgsz* the side of the square that it
    sees, in pixels, and *workers* the number of processes that draw.
    """
    with tempfile.TemporaryDirectory() as folder:
        bare = sanitise(weights, Path(folder) / "network.pt")
        detector = Detector(bare, "torch", device="cpu", imgsz=imgsz, conf=SURE)
        hard: list[int] = []
        for portion, scenes in _drawn(indices, seed, imgsz, workers):
            found = detector.detect([scene.image for scene in scenes])
            hard += [index for index, boxes in zip(portion, found, strict=True) if boxes]
    return hard


def _drawn(
    indices: Sequence[int], seed: int, imgsz: int, workers: int
) -> Iterator[tuple[Sequence[int], list[Scene]]]:
    make = partial(
        make_scene, "train", seed=seed, difficulty="mixed", cards=0, imgsz=max(64, imgsz)
    )
    portions = [indices[at : at + _PORTION] for at in range(0, len(indices), _PORTION)]
    if workers == 1:
        for portion in portions:
            yield portion, list(map(make, portion))
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_one_thread) as pool:
        for portion in portions:
            yield portion, list(pool.map(make, portion, chunksize=8))


def _one_thread() -> None:
    cv2.setNumThreads(1)
