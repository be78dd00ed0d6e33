"""The picture while it is being built: things are laid on it, with shadow and gloss."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np

from services.id_card.training.synth.drawing import Array, Rng, chance
from services.id_card.training.synth.photo.camera import Pose, Region, region_around, warp
from services.id_card.training.synth.stickers import Sticker

MIN_VISIBLE = 0.7  # a card that shows less of itself is not placed, or what hides it is not
MIN_EXTENT = 0.92  # what still shows of a card spans at least this share of its box


@dataclass(frozen=True)
class Light:
    """One lamp or window for the whole scene."""

    direction: tuple[float, float]  # unit vector, in the picture, along which shadows fall
    reach: float  # length of a shadow over the height of what casts it
    softness: float  # blur of a shadow's edge over its length
    depth: float  # how much light a shadow takes away, 0..1

    @classmethod
    def random(cls, rng: Rng) -> Light:
        """Choose between a hard lamp and an overcast window."""
        angle = rng.uniform(0, 2 * math.pi)
        return cls(
            (math.cos(angle), math.sin(angle)),
            float(rng.uniform(0.3, 1.8)),
            float(rng.uniform(0.25, 1.2)),
            float(rng.uniform(0.2, 0.65)),
        )


def bounds(mask: Array) -> tuple[float, float, float, float]:
    """Return the left, top, right and bottom edge of a bool mask, in pixels; zeros if empty."""
    columns = np.flatnonzero(mask.any(axis=0))
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(columns):
        return 0.0, 0.0, 0.0, 0.0
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def _area(box: tuple[float, float, float, float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


@dataclass
class PlacedCard:
    """A card in the picture.

    `outline` is its silhouette before anything was laid over it, `visible` the part still
    visible; both are bool arrays of the picture's size. `area` counts its pixels including those
    outside the frame.
    """

    outline: Array
    visible: Array
    area: float

    @property
    def visible_fraction(self) -> float:
        """Share of the whole card that the picture shows, 0..1."""
        return float(np.count_nonzero(self.visible)) / max(self.area, 1.0)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom edge in pixels, tight to the silhouette in the frame."""
        return bounds(self.outline)


@dataclass
class Stage:
    """A picture under construction: (h, w, 3) float32 pixels and the cards in it."""

    pixels: Array
    light: Light
    cards: list[PlacedCard] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def covers_too_much(self, mask: Array, region: Region) -> bool:
        """Tell whether something with this bool `mask` would hide a card beyond the limit."""
        for card in self.cards:
            hidden = np.count_nonzero(card.visible[region.slices] & mask)
            if not hidden:
                continue
            if np.count_nonzero(card.visible) - hidden < MIN_VISIBLE * card.area:
                return True
            left = card.visible.copy()
            left[region.slices] &= ~mask
            # Nobody could tell where a card ends whose edge is hidden all along.
            if _area(bounds(left)) < MIN_EXTENT * _area(card.box):
                return True
        return False

    def cover(self, mask: Array, region: Region) -> None:
        """Record that something lies over the cards."""
        for card in self.cards:
            card.visible[region.slices] &= ~mask

    def shows(self, pose: Pose) -> bool:
        """Tell whether enough of a card with this pose would be inside the frame."""
        height, width = self.size
        inside = np.zeros((height, width), np.uint8)
        corners = np.clip(pose.corners, -16000, 16000)
        cv2.fillConvexPoly(inside, np.rint(corners).astype(np.int32), 1)
        return bool(np.count_nonzero(inside) >= MIN_VISIBLE * pose.area)

    def put(self, sticker: Sticker, pose: Pose, lift_mm: float = 0.0) -> bool:
        """Lay a thing down with its shadow; False if it would hide a card or is outside.

        *lift_mm* is its height over the table, for a card held in the air.
        """
        return self._put(sticker, pose, lift_mm) is not None

    def put_card(self, rng: Rng, sticker: Sticker, pose: Pose, lift_mm: float = 0.0) -> bool:
        """Lay an identity card down and remember it; refuse if too little of it would show."""
        if not self.shows(pose):
            return False
        placed = self._put(sticker, pose, lift_mm)
        if placed is None:
            return False
        region, opacity = placed
        outline = np.zeros(self.size, bool)
        outline[region.slices] = opacity > 0.5
        self.cards.append(PlacedCard(outline, outline.copy(), pose.area))
        if chance(rng, 0.45 * sticker.gloss + 0.05):
            self._glare(rng, pose, region, opacity, sticker.gloss)
        return True

    def _put(self, sticker: Sticker, pose: Pose, lift_mm: float) -> tuple[Region, Array] | None:
        length = (sticker.thick_mm + lift_mm) * pose.scale * self.light.reach
        blur = length * self.light.softness + 0.6 + lift_mm * pose.scale * 0.15
        margin = length + 2.5 * blur + 2
        region = region_around(pose.corners, margin, *self.size)
        if region is None:
            return None
        colour, opacity = warp(sticker.pixels, pose, region)
        solid = opacity > 0.5
        if not solid.any() or self.covers_too_much(solid, region):
            return None
        part = self.pixels[region.slices]
        dx, dy = (length * d for d in self.light.direction)
        rows, columns = opacity.shape
        moved = cv2.warpAffine(opacity, np.array([[1, 0, dx], [0, 1, dy]]), (columns, rows))
        # Under a thing it is dark all around, not only where its shadow falls.
        contact = cv2.GaussianBlur(np.maximum(moved, opacity), (0, 0), blur)
        faint = self.light.depth / (1 + 0.02 * lift_mm * self.light.softness)
        part *= 1 - faint * contact[..., None]
        part *= 1 - opacity[..., None]
        part += self._lit_edges(colour, opacity)
        self.cover(solid, region)
        return region, opacity

    def _lit_edges(self, colour: Array, opacity: Array) -> Array:
        """Brighten the rim that faces the light and darken the one that turns away from it."""
        dx, dy = self.light.direction
        step = np.array([[1, 0, dx], [0, 1, dy]])
        size = (opacity.shape[1], opacity.shape[0])
        towards = opacity - cv2.warpAffine(opacity, step, size)
        return colour * (1 + 0.35 * np.clip(towards, -0.8, 1))[..., None]

    def _glare(self, rng: Rng, pose: Pose, region: Region, opacity: Array, gloss: float) -> None:
        """Mirror a lamp (a soft spot or band) or a window (a bright quadrangle) on a card."""
        y, x = np.mgrid[region.top : region.bottom, region.left : region.right].astype(np.float32)
        corners = pose.corners
        weights = rng.dirichlet((1.0, 1.0, 1.0, 1.0))
        cx, cy = weights @ corners
        span = float(np.ptp(corners, axis=0).max())
        angle = rng.uniform(0, math.pi)
        c, s = np.float32(math.cos(angle)), np.float32(math.sin(angle))
        u, v = (x - cx) * c + (y - cy) * s, (y - cy) * c - (x - cx) * s
        long, short = span * rng.uniform(0.15, 0.8), span * rng.uniform(0.04, 0.25)
        if chance(rng, 0.3):
            spot = ((np.abs(u) < long * 0.7) & (np.abs(v) < short)).astype(np.float32)
            spot = cv2.GaussianBlur(spot, (0, 0), span * rng.uniform(0.01, 0.05) + 0.5)
        else:
            spot = np.exp(-((u / long) ** 2) - (v / short) ** 2)
        amount = (spot * opacity * np.float32(gloss * rng.uniform(0.25, 0.95)))[..., None]
        part = self.pixels[region.slices]
        part += (255 - part) * amount
