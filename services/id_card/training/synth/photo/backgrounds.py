"""What is behind the cards: a table seen at an angle, a room, or the bed of a scanner."""

from __future__ import annotations

import cv2
import numpy as np

from services.id_card.training.synth.drawing import Array, Rng, chance, pick
from services.id_card.training.synth.photo.camera import project
from services.id_card.training.synth.photo.photographs import photograph
from services.id_card.training.synth.photo.textures import TEXTURES
from services.id_card.training.synth.splits import Split, families


def surface(rng: Rng, split: Split, height: int, width: int, photographs: float) -> Array:
    """Return a flat (height, width, 3) float32 picture of a surface.

    `photographs` is the probability of a photograph instead of a drawn texture.
    """
    if chance(rng, photographs):
        name = pick(rng, families("photographs", split))
        return photograph(rng, name, height, width, recolour=split == "train")
    texture = TEXTURES[pick(rng, families("textures", split))]
    if chance(rng, 0.5):
        return np.ascontiguousarray(texture(rng, height, width), np.float32)
    turned = texture(rng, width, height).transpose(1, 0, 2)
    return np.ascontiguousarray(turned, np.float32)


def table(rng: Rng, split: Split, view: Array, height: int, width: int) -> Array:
    """Return a table top as the camera sees it through `view`, now and then with its far edge."""
    frame = np.array([[0, 0], [width, 0], [width, height], [0, height]])
    on_table = project(np.linalg.inv(view), frame)
    low, high = on_table.min(0), on_table.max(0)
    # One texture pixel per picture pixel near the camera; further away it only gets finer.
    size = np.minimum(np.ceil(high - low), 1.3 * max(height, width)).astype(int)
    flat = surface(rng, split, int(size[1]), int(size[0]), photographs=0.35)
    fit = np.array([[(high[0] - low[0]) / size[0], 0, low[0]],
                    [0, (high[1] - low[1]) / size[1], low[1]], [0, 0, 1]])  # fmt: skip
    seen = cv2.warpPerspective(flat, view @ fit, (width, height), borderMode=cv2.BORDER_REFLECT)
    if chance(rng, 0.12):
        behind = backdrop(rng, split, height, width, strongest=8.0)
        x = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None]
        y = np.arange(height, dtype=np.float32)[:, None]
        edge = height * (rng.uniform(0.04, 0.3) + rng.uniform(-0.15, 0.15) * x)
        far = np.clip((edge - y) / 1.5, 0, 1)[..., None]
        seen = seen * (1 - far) + behind * far
    return seen


def backdrop(rng: Rng, split: Split, height: int, width: int, strongest: float = 6.0) -> Array:
    """Return a room or a landscape behind a card held in the air, out of focus to some degree."""
    scene = surface(rng, split, height, width, photographs=0.6)
    return defocus(rng, scene, strongest)


def defocus(rng: Rng, pixels: Array, strongest: float) -> Array:
    """Blur a picture in place by up to `strongest` pixels per 384, and return it."""
    sigma = rng.uniform(0, strongest) * max(pixels.shape[:2]) / 384
    if sigma > 0.4:
        pixels[:] = cv2.GaussianBlur(pixels, (0, 0), sigma)
    return pixels


def scanner(rng: Rng, height: int, width: int) -> Array:
    """Return an even, nearly white (or black) ground, as scans and cut-outs have."""
    tone = pick(rng, (255.0, 250.0, 242.0, 228.0, 24.0))
    tint = np.array([tone, tone, tone]) + rng.uniform(-5, 5, 3)
    return np.full((height, width, 3), tint, np.float32)
