"""The scenes and photographs that the detector is measured on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from services.id_card.training.pool import drawn
from services.id_card.training.synth import Difficulty, Scene, Split, make_scene
from services.id_card.training.synth.photo.photographs import load_photograph, shipped_photographs

SCENE_SIZE = 480  # pixels: more than the network sees, as with photographs
ULTRALYTICS_PHOTOGRAPHS = ("bus.jpg", "zidane.jpg")


@dataclass(frozen=True)
class SceneSet:
    """Scenes of one kind, of a split that training never saw."""

    name: str  # for the progress bar
    difficulty: Difficulty  # see make_scene
    count: int  # scenes
    cards: int | None = None  # how many cards each shows; 0 for none, a random number if not given
    split: Split = "test"  # where designs, surfaces and clutter come from

    def scenes(self, seed: int, workers: int) -> Iterator[Scene]:
        """Draw the scenes, in their order, with *workers* processes."""
        first = 0 if self.cards is None else 1_000_000  # or they would repeat other scenes' tables
        make = partial(
            make_scene, self.split, seed=seed, difficulty=self.difficulty, cards=self.cards,
            imgsz=SCENE_SIZE,
        )  # fmt: skip
        return drawn(make, range(first, first + self.count), workers)


def card_free_photographs() -> dict[str, Image.Image]:
    """Return real photographs without a card, by name: ultralytics' two, scikit-image's all.

    Those of scikit-image that training used as backgrounds are among them: a box on one of these
    would be even worse.
    """
    from ultralytics.utils import ASSETS

    pictures: dict[str, Image.Image] = {
        name: Image.open(ASSETS / name) for name in ULTRALYTICS_PHOTOGRAPHS
    }
    for name in shipped_photographs("skimage"):
        pictures[Path(name).name] = Image.fromarray(np.asarray(load_photograph(name)))
    return pictures
