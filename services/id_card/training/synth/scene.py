"""Photographs that were never taken: one call makes a picture and its boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from PIL import Image

from services.id_card.training.synth.composer import Composer, Recipe
from services.id_card.training.synth.drawing import Array
from services.id_card.training.synth.splits import SPLITS, Split
from services.id_card.training.synth.stage import Stage

Difficulty = Literal["typical", "harsh", "mixed"]
DIFFICULTIES: tuple[Difficulty, ...] = get_args(Difficulty)


@dataclass(frozen=True)
class Scene:
    """A made-up photograph."""

    image: Image.Image  # RGB
    # (n, 4) float32, 0 to 4 rows: x0, y0, x1, y1 in pixels, inside the image, tight to the card's
    # outline (also where fingers or things lie over it)
    boxes: Array
    outlines: Array  # (n, h, w) bool: silhouettes in the frame, before anything lay over them
    visible: Array  # (n,) float32: the share of each whole card that shows, MIN_VISIBLE to 1


_RECIPES = {
    "typical": Recipe((0.0, 0.72, 0.28), 28, 0.5, (0, 6), (0.5, 0.25, 0.2, 0.05)),
    "harsh": Recipe((0.1, 0.45, 0.25, 0.12, 0.08), 48, 1.0, (1, 9), (0.6, 0.17, 0.2, 0.03)),
}


def make_scene(
    split: Split,
    index: int,
    seed: int,
    difficulty: Difficulty = "typical",
    cards: int | None = None,
    imgsz: int = 384,
) -> Scene:
    """Make one photograph; the same arguments always give the same one.

    Parameters
    ----------
    split : {"train", "val", "test"}
        Where designs, surfaces and clutter come from.
    index, seed : int
        Which scene of the split, and of which series; from 0.
    difficulty : {"typical", "harsh", "mixed"}
        One or two cards in fair light; zero to four under strong tilt, blur and noise; for training
        either of them or, one time in six, a typical scene without any card.
    cards : int, optional
        How many cards to lay down, 0 to 4, instead of a random number. Fewer may find room.
    imgsz : int
        Long side of the picture in pixels, at least 64.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    _validate(split, index, seed, difficulty, cards, imgsz)
    rng = np.random.default_rng([seed, SPLITS.index(split), index])
    draw = rng.random()  # always drawn, so that a difficulty changes nothing but itself
    if difficulty == "mixed":
        difficulty = "typical" if draw < 0.6 else "harsh"
        if draw < 1 / 6 and cards is None:
            cards = 0
    recipe = _RECIPES[difficulty]
    if cards is None:
        cards = int(rng.choice(len(recipe.counts), p=recipe.counts))
    image, stage = Composer(rng, split, recipe, cards, imgsz).compose()
    return _scene(image, stage)


def _validate(
    split: str, index: int, seed: int, difficulty: str, cards: int | None, imgsz: int
) -> None:
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    if difficulty not in DIFFICULTIES:
        raise ValueError(f"difficulty must be one of {', '.join(DIFFICULTIES)}, got {difficulty!r}")
    if index < 0 or seed < 0:
        raise ValueError(f"index and seed must not be negative, got {index} and {seed}")
    if cards is not None and not 0 <= cards <= 4:
        raise ValueError(f"cards must be between 0 and 4, got {cards}")
    if imgsz < 64:
        raise ValueError(f"imgsz must be at least 64 pixels, got {imgsz}")


def _scene(image: Image.Image, stage: Stage) -> Scene:
    height, width = stage.size
    boxes = np.array([card.box for card in stage.cards], np.float32).reshape(-1, 4)
    outlines = np.array([card.outline for card in stage.cards], bool).reshape(-1, height, width)
    visible = np.array([card.visible_fraction for card in stage.cards], np.float32)
    return Scene(image, boxes, outlines, visible)
