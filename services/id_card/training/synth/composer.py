"""Builds one scene: where the camera stands, what lies there, where the cards are."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image

from services.id_card.training.synth.cards.card import LAYOUTS, draw_card
from services.id_card.training.synth.cards.layouts import Layout
from services.id_card.training.synth.cards.random_layout import RANDOM_LAYOUTS
from services.id_card.training.synth.drawing import CARD_MM, Array, Rng, chance, pick
from services.id_card.training.synth.negatives.cards import CARDS
from services.id_card.training.synth.negatives.cutouts import CUTOUTS
from services.id_card.training.synth.negatives.desk import DESK
from services.id_card.training.synth.negatives.held_out import HELD_OUT
from services.id_card.training.synth.negatives.near import NEAR_MISSES
from services.id_card.training.synth.negatives.paper import PAPER
from services.id_card.training.synth.photo import backgrounds
from services.id_card.training.synth.photo.camera import Pose, lay, random_view
from services.id_card.training.synth.photo.hands import Grip, reach_in
from services.id_card.training.synth.photo.optics import develop, shine
from services.id_card.training.synth.splits import RANDOM_LAYOUT_SHARE, Split, families
from services.id_card.training.synth.stage import Light, Stage
from services.id_card.training.synth.stickers import Sticker, Thing

HELD_MM = 25.0  # how far a card in a hand is above what is behind it, for its shadow
THINGS = CARDS | PAPER | NEAR_MISSES | DESK | CUTOUTS | HELD_OUT
_MODES = ("desk", "close-up", "hand", "scan")
_SHAPES = ((1, 1), (1, 0.75), (0.75, 1), (1, 0.75), (0.75, 1), (1, 0.5625), (0.5625, 1), (1, 2 / 3))


@dataclass(frozen=True)
class Recipe:
    """The ranges that a difficulty draws from."""

    counts: tuple[float, ...]  # probability of 0, 1, 2, ... cards
    tilt: float  # degrees
    strength: float  # of light, blur and noise
    things: tuple[int, int]  # how many lie about
    modes: tuple[float, float, float, float]  # probability of desk, close-up, hand, scan


class Composer:
    """Builds one scene from back to front."""

    def __init__(self, rng: Rng, split: Split, recipe: Recipe, cards: int, imgsz: int) -> None:
        self.rng, self.split, self.recipe, self.cards = rng, split, recipe, cards
        wide, high = pick(rng, _SHAPES)
        self.width, self.height = round(imgsz * wide), round(imgsz * high)
        self.mode = str(rng.choice(_MODES, p=recipe.modes))
        if self.mode in ("close-up", "hand") and cards > 1:
            self.mode = "desk"
        limit = {"desk": 1.0, "close-up": 0.7, "hand": 0.9, "scan": 0.04}[self.mode]
        self.view = random_view(rng, self.width, self.height, recipe.tilt * limit)
        self.tidy = chance(rng, 0.6)  # things lie parallel to one another
        self.sideways = chance(rng, 0.15)  # a close-up taken with the phone turned
        self.turn = float(rng.normal(0, 9) if chance(rng, 0.75) else rng.uniform(-180, 180))

    def compose(self) -> tuple[Image.Image, Stage]:
        """Lay everything down and take the photograph; return it and what it was taken of."""
        stage = Stage(self._background(), Light.random(self.rng))
        first = self._choose_layout()
        scale = self._scale(first)
        self._clutter(stage, scale)
        if self.mode == "hand":  # the lens is focused on the card, not on what is far behind it
            backgrounds.defocus(self.rng, stage.pixels, 4.0)
        for _ in range(self._decoys()):
            self._decoy(stage, scale)
        for number in range(self.cards):
            layout = first if number == 0 else self._choose_layout()
            self._card(stage, layout, scale * (1.0 if number == 0 else self.rng.uniform(0.9, 1.1)))
        self._litter(stage, scale)
        shine(self.rng, stage.pixels, self.recipe.strength)
        image = develop(self.rng, stage.pixels, self.recipe.strength)
        return image, stage

    def _background(self) -> Array:
        if self.mode == "hand":
            return backgrounds.backdrop(self.rng, self.split, self.height, self.width)
        if self.mode == "scan":
            return backgrounds.scanner(self.rng, self.height, self.width)
        return backgrounds.table(self.rng, self.split, self.view, self.height, self.width)

    # ------------------------------------------------------------ cards

    def _choose_layout(self) -> str:
        names = families("layouts", self.split)
        made_up = tuple(name for name in names if name in RANDOM_LAYOUTS)
        if made_up and chance(self.rng, RANDOM_LAYOUT_SHARE):
            # Most cards are of one size, and lie on their long side.
            return made_up[0] if chance(self.rng, 0.68) else pick(self.rng, made_up)
        return pick(self.rng, tuple(name for name in names if name not in RANDOM_LAYOUTS))

    def _scale(self, name: str) -> float:
        """Choose how many pixels a millimetre takes, from the share of the frame a card fills."""
        width_mm, height_mm = _size_mm(LAYOUTS[name])
        frame = self.width * self.height
        if self.mode == "close-up":
            if self.sideways:
                width_mm, height_mm = height_mm, width_mm
            fit = min(self.width / width_mm, self.height / height_mm)
            return float(fit * self.rng.uniform(0.82, 1.06))
        if self.mode == "hand":
            share = math.exp(self.rng.uniform(math.log(0.09), math.log(0.42)))
        elif self.cards <= 1:
            share = math.exp(self.rng.uniform(math.log(0.045), math.log(0.5)))
        else:
            share = math.exp(self.rng.uniform(math.log(0.045), math.log(0.45 / self.cards)))
        scale = math.sqrt(share * frame / (width_mm * height_mm))
        # Long cards in narrow frames: keep them whole.
        return float(min(scale, 1.02 * max(self.width, self.height) / max(width_mm, height_mm)))

    def _card(self, stage: Stage, name: str, scale: float) -> None:
        layout, rng = LAYOUTS[name], self.rng
        size = _size_mm(layout)
        sticker = draw_card(rng, name, int(np.clip(scale * layout.long_mm * 1.15, 56, 640)))
        for _ in range(14):
            pose = self._card_pose(size, scale)
            small = pose.area < 0.038 * self.width * self.height
            if small or self._touches(stage, pose) or not stage.shows(pose):
                continue
            if self._lay(stage, pose, partial(stage.put_card, rng, sticker, pose)):
                return

    def _lay(self, stage: Stage, pose: Pose, put: Callable[..., bool]) -> bool:
        """Lay something down, or hold it in a hand; return False if there was no room for it."""
        if self.mode != "hand":
            return put()
        grip = Grip(self.rng, pose)
        grip.behind(stage)
        put(lift_mm=HELD_MM)
        grip.before(stage)
        return True

    def _decoys(self) -> int:
        """Choose how many things pose as the card that a scene does not have.

        Training shows more of them than the scenes that it is judged by.
        """
        if self.cards:
            return 0
        if self.split != "train":
            return int(chance(self.rng, 0.75))
        if not chance(self.rng, 0.9):
            return 0
        return 1 if self.mode in ("close-up", "hand") or chance(self.rng, 0.6) else 2

    def _decoy(self, stage: Stage, scale: float) -> None:
        """Photograph something else just as one would photograph an identity card."""
        thing = THINGS[pick(self.rng, families("cards", self.split))]
        alike = scale * CARD_MM / thing.long_mm  # as large in the picture as a card would be
        sticker, size = self._draw_thing(thing, alike)
        pose = self._card_pose(size, alike)
        self._lay(stage, pose, partial(stage.put, sticker, pose))

    def _touches(self, stage: Stage, pose: Pose) -> bool:
        """Cards may overlap a little in harsh scenes; in typical ones they lie apart."""
        if not stage.cards or (self.recipe.strength > 0.9 and chance(self.rng, 0.3)):
            return False
        low, high = pose.corners.min(0), pose.corners.max(0)
        return any(
            low[0] < x1 and x0 < high[0] and low[1] < y1 and y0 < high[1]
            for x0, y0, x1, y1 in (card.box for card in stage.cards)
        )

    def _card_pose(self, size: tuple[float, float], scale: float) -> Pose:
        rng = self.rng
        if self.mode == "close-up":
            spin = rng.normal(0, 4) + 90 * self.sideways
            spread = 0.03
        elif self.mode == "hand":
            spin = rng.normal(0, 10) if chance(rng, 0.85) else rng.uniform(-90, 90)
            spread = 0.12
        else:
            spin = self._spin(loose=0.2)
            spread = 0.0
        if spread:
            middle = 0.44 if self.mode == "hand" else 0.5  # the arm needs room below
            x = self.width * rng.normal(0.5, spread)
            y = self.height * rng.normal(middle, spread)
        else:
            # Nearly always whole in the frame; one in eight is cut by its border.
            reach = 0.5 * scale * math.hypot(*size) * (0.3 if chance(rng, 0.12) else 0.86)
            x = _between(rng, reach, self.width - reach)
            y = _between(rng, reach, self.height - reach)
        return lay(self.view, size, (x, y), spin, scale)

    def _spin(self, loose: float) -> float:
        """Return an angle in degrees: with the table's order, upright, or anyhow."""
        rng = self.rng
        if chance(rng, loose):
            return float(rng.uniform(-180, 180))
        quarter = 90.0 * int(rng.integers(4)) if chance(rng, 0.15) else 0.0
        if self.tidy:
            return self.turn + quarter + float(rng.normal(0, 4))
        return float(rng.normal(0, 16)) + quarter

    # ------------------------------------------------------------ other things

    def _clutter(self, stage: Stage, scale: float) -> None:
        """Lay things under and beside the cards."""
        if self.mode == "scan" and self.cards:
            return
        low, high = self.recipe.things
        count = int(self.rng.integers(low, high + 1))
        if self.mode == "close-up":
            count = min(count, 2)
        elif self.mode == "hand":
            count = count // 2
        if self.cards == 0:
            count = max(1, count)
        for _ in range(count):
            self._thing(stage, scale * self.rng.uniform(0.8, 1.2))
        if chance(self.rng, 0.06 * (1 + (self.cards == 0))):
            target = self.rng.uniform(0.2, 0.8, 2) * (self.width, self.height)
            reach_in(self.rng, stage, target, scale)

    def _thing(self, stage: Stage, scale: float, centre: tuple[float, float] | None = None) -> None:
        rng = self.rng
        kind = "cards" if chance(rng, 0.6 if self.cards == 0 else 0.45) else "things"
        thing = THINGS[pick(rng, families(kind, self.split))]  # type: ignore[arg-type]
        sticker, size = self._draw_thing(thing, scale)
        x, y = centre or (
            rng.uniform(-0.05, 1.05) * self.width,
            rng.uniform(-0.05, 1.05) * self.height,
        )
        stage.put(sticker, lay(self.view, size, (x, y), self._spin(loose=0.35), scale))

    def _draw_thing(self, thing: Thing, scale: float) -> tuple[Sticker, tuple[float, float]]:
        """Draw a thing as finely as it will be seen; return it with its size in millimetres."""
        sticker = thing.draw(self.rng, int(np.clip(scale * thing.long_mm, 24, 520)))
        rows, columns = sticker.pixels.shape[:2]
        unit = thing.long_mm / max(rows, columns)
        return sticker, (columns * unit, rows * unit)

    def _litter(self, stage: Stage, scale: float) -> None:
        """Let something lie over a card's edge, or a finger point at it."""
        if not stage.cards or self.mode in ("scan", "hand"):
            return
        rng, strength = self.rng, self.recipe.strength
        card = pick(rng, stage.cards)
        x0, y0, x1, y1 = card.box
        if chance(rng, 0.25 * strength):
            edge = (pick(rng, (x0, x1)) + rng.normal(0, 12), rng.uniform(y0, y1))
            self._thing(stage, scale * rng.uniform(0.5, 0.9), edge)
        if chance(rng, 0.22):
            target = np.array([rng.uniform(x0, x1), y1 - rng.uniform(-0.06, 0.16) * (y1 - y0)])
            reach_in(rng, stage, target, scale)


def _between(rng: Rng, low: float, high: float) -> float:
    middle = (low + high) / 2
    if low >= high:
        return float(middle + rng.normal(0, 4))
    return float(low + (high - low) * rng.beta(1.5, 1.5))  # people aim at what they photograph


def _size_mm(layout: Layout) -> tuple[float, float]:
    """Return width and height of a card in millimetres."""
    long, short = layout.long_mm, layout.long_mm * layout.ratio
    return (short, long) if layout.portrait else (long, short)
