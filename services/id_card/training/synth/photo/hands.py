"""Hands: shaded fingers with nails, a palm and a cuff, holding a card or lying about."""

from __future__ import annotations

import math
from itertools import pairwise

import cv2
import numpy as np

from services.id_card.training.synth.cards.people import SKIN
from services.id_card.training.synth.drawing import (
    Array,
    Colour,
    Rng,
    any_colour,
    chance,
    noise,
    pick,
    scaled,
)
from services.id_card.training.synth.photo.camera import Pose, Region, project, region_around
from services.id_card.training.synth.stage import Stage

FINGER_MM = 8.5  # half the breadth of a finger


class Hand:
    """One person's hand: its skin, its size and its cuff."""

    def __init__(self, rng: Rng) -> None:
        self.rng = rng
        self.skin: Colour = scaled(pick(rng, SKIN), rng.uniform(0.85, 1.02))
        self.size = float(rng.uniform(0.9, 1.2))
        self.nail: Colour = scaled(
            (self.skin[0] * 1.04, self.skin[1] * 0.98, self.skin[2] * 1.0), 1.12
        )
        if chance(rng, 0.12):
            self.nail = any_colour(rng)  # varnish
        self.cuff = any_colour(rng) if chance(rng, 0.7) else None

    def finger(self, stage: Stage, joints: Array, half: float, nail: bool = False) -> bool:
        """Draw a finger along its joints, shape (n, 2), tip last; *half* its breadth in pixels.

        Return False if it was left out because it would hide too much of a card.
        """
        path = _smooth(joints, 18)
        radii = half * (1.0 - 0.22 * np.linspace(0, 1, len(path)) ** 2)
        if not self._limb(stage, path, radii, half * 2.2 + 3, half, self.skin):
            return False
        self._creases(stage, path, half)
        if nail:
            self._draw_nail(stage, path, half)
        return True

    def palm(self, stage: Stage, points: Array, half: float) -> bool:
        """Draw the palm or the back of the hand: the hull of some points, rounded by `half`."""
        region = region_around(points, half * 2 + 3, *stage.size)
        if region is None:
            return False
        shift = np.array([region.left, region.top])
        mask = region.mask()
        hull = cv2.convexHull(np.rint((points - shift) * 8).astype(np.int32))
        cv2.fillConvexPoly(mask, hull, 255, cv2.LINE_AA, 3)
        cv2.polylines(mask, [hull], True, 255, max(1, round(2 * half)), cv2.LINE_AA, 3)
        return _paint(stage, mask, region, half * 1.4, self.skin, self.rng)

    def sleeve(self, stage: Stage, start: Array, end: Array, half: float) -> bool:
        """Draw the forearm or its sleeve from `start` (the wrist) outwards to `end`."""
        path, radii = np.linspace(end, start, 8), np.linspace(half * 1.3, half, 8)
        return self._limb(stage, path, radii, half * 1.6, half, self.cuff or self.skin)

    def _limb(
        self, stage: Stage, path: Array, radii: Array, margin: float, half: float, tone: Colour
    ) -> bool:
        region = region_around(path, margin, *stage.size)
        if region is None:
            return False
        return _paint(stage, _capsules(path, radii, region), region, half, tone, self.rng)

    def _creases(self, stage: Stage, path: Array, half: float) -> None:
        if half < 6:
            return
        for at in (0.42, 0.72):
            i = int(at * (len(path) - 2))
            along = path[i + 1] - path[i]
            across = np.array([-along[1], along[0]]) / (np.linalg.norm(along) + 1e-6) * half * 0.55
            a, b = np.rint(path[i] - across).astype(int), np.rint(path[i] + across).astype(int)
            tone = tuple(c * 0.72 for c in self.skin)
            _blend_shape(stage, np.array([a, b]), half, 0.25, tone, line=True)

    def _draw_nail(self, stage: Stage, path: Array, half: float) -> None:
        along = path[-1] - path[-3]
        angle = math.degrees(math.atan2(along[1], along[0]))
        unit = along / (np.linalg.norm(along) + 1e-6)
        centre = path[-1] + unit * half * 0.12
        points = cv2.ellipse2Poly(
            (0, 0), (round(half * 5.0), round(half * 4.0)), round(angle), 0, 360, 20
        )
        _blend_shape(stage, np.array(points) / 8 + centre, half, 0.6, self.nail)


def _blend_shape(
    stage: Stage,
    points: Array,
    half: float,
    strength: float,
    tone: tuple[float, ...],
    line: bool = False,
) -> None:
    region = region_around(points, 3, *stage.size)
    if region is None:
        return
    mask = region.mask()
    inner = np.rint((points - [region.left, region.top]) * 8).astype(np.int32)
    if line:
        cv2.polylines(mask, [inner], False, 255, max(1, round(half * 0.12)), cv2.LINE_AA, 3)
    else:
        cv2.fillPoly(mask, [inner], 255, cv2.LINE_AA, 3)
    amount = (mask.astype(np.float32) * (strength / 255))[..., None]
    part = stage.pixels[region.slices]
    local = np.array(tone, np.float32) * (part.mean() / max(1.0, float(np.mean(tone)))) ** 0.3
    part += (np.clip(local, 0, 255) - part) * amount


def _smooth(joints: Array, steps: int) -> Array:
    """Bend a polyline gently (a Bézier curve within its joints' hull)."""
    t = np.linspace(0, 1, steps)[:, None]
    points = [np.asarray(p, float)[None] for p in joints]
    while len(points) > 1:
        points = [a + (b - a) * t for a, b in pairwise(points)]
    return points[0]


def _capsules(path: Array, radii: Array, region: Region) -> Array:
    mask = region.mask()
    shift = np.array([region.left, region.top])
    for point, radius in zip(path - shift, radii, strict=True):
        x, y = np.rint(point * 8).astype(int)
        cv2.circle(mask, (int(x), int(y)), max(4, int(radius * 8)), 255, -1, cv2.LINE_AA, 3)
    return cv2.GaussianBlur(mask, (0, 0), 0.6)


def _paint(stage: Stage, mask: Array, region: Region, half: float, tone: Colour, rng: Rng) -> bool:
    """Paint a rounded body of flesh or cloth with light, shadow and a little texture."""
    solid = mask > 127
    if not solid.any() or stage.covers_too_much(solid, region):
        return False
    opacity = mask.astype(np.float32) / 255
    edge = cv2.distanceTransform(solid.astype(np.uint8), cv2.DIST_L2, 3)
    depth = np.clip(edge / max(half, 1.0), 0, 1)
    dome = cv2.GaussianBlur(np.sqrt(1 - (1 - depth) ** 2), (0, 0), max(0.6, half * 0.12))
    slope_x = cv2.Sobel(dome, cv2.CV_32F, 1, 0, ksize=3) * half / 8
    slope_y = cv2.Sobel(dome, cv2.CV_32F, 0, 1, ksize=3) * half / 8
    dx, dy = stage.light.direction
    shine = 0.62 + 0.42 * dome + 0.5 * np.clip(slope_x * dx + slope_y * dy, -0.7, 0.7)
    height, width = mask.shape
    shine *= 0.94 + 0.12 * noise(rng, height, width, max(3.0, half * 0.7))
    body = np.array(tone, np.float32) * shine[..., None]
    body[..., 0] += 10 * (1 - dome)  # blood shows where the skin turns away

    part = stage.pixels[region.slices]
    offset = half * 0.5 * stage.light.reach
    step = np.array([[1, 0, dx * offset], [0, 1, dy * offset]])
    shadow = cv2.warpAffine(opacity, step, (width, height))
    shadow = cv2.GaussianBlur(np.maximum(shadow, opacity), (0, 0), half * 0.3 + 0.6)
    part *= 1 - stage.light.depth * 0.8 * shadow[..., None]
    part += (body - part) * opacity[..., None]
    stage.cover(solid, region)
    return True


class Grip:
    """A hand that holds a card by one edge: draw `behind` first, then the card, then `before`."""

    def __init__(self, rng: Rng, pose: Pose) -> None:
        self.rng, self.pose, self.hand = rng, pose, Hand(rng)
        self.edge = pick(rng, ("bottom", "bottom", "left", "right"))
        self.at = float(rng.uniform(0.3, 0.7))
        self.reach = float(rng.uniform(8, 24))  # how far the thumb lies over the card, in mm
        self.lean = float(rng.uniform(-14, 14))

    def _points(self, *places: tuple[float, float]) -> Array:
        """Map (along the edge, outwards from it) in millimetres to pixels."""
        w, h = self.pose.width, self.pose.height
        out = []
        for along, away in places:
            if self.edge == "bottom":
                out.append((w * self.at + along, h + away))
            elif self.edge == "left":
                out.append((-away, h * self.at + along))
            else:
                out.append((w + away, h * self.at + along))
        return project(self.pose.homography, np.array(out))

    def behind(self, stage: Stage) -> None:
        """Draw the arm, the palm and the fingers that the card will hide in part."""
        k, half = self.hand.size, FINGER_MM * self.hand.size * self.pose.scale
        wrist, elbow = self._points((self.lean, 95 * k), (self.lean * 3, 260 * k))
        self.hand.sleeve(stage, wrist, elbow, half * 3.4)
        corners = ((-26 * k, 34 * k), (26 * k, 30 * k), (24 * k, 92 * k), (-20 * k, 96 * k))
        self.hand.palm(stage, self._points(*corners), half * 1.6)
        past = self.rng.uniform(-45, 6)  # most fingertips stay hidden behind the card
        for i, along in enumerate((-30.0, -10.0, 10.0, 30.0)):
            tip = past - 6 * math.sin(i * 1.1)
            joints = ((along * 0.8 * k, 48 * k), (along * 1.1 * k, 18), (along * 1.2 * k, tip))
            self.hand.finger(stage, self._points(*joints), half)

    def before(self, stage: Stage) -> None:
        """Draw the thumb on top of the card; it shortens until it hides little enough."""
        k, half = self.hand.size, FINGER_MM * self.hand.size * self.pose.scale
        side = pick(self.rng, (-1, 1))
        root = ((side * 26 * k, 62 * k), (side * 22 * k, 24 * k), (side * 6, 6))
        for reach in (self.reach, self.reach * 0.5, 3.0):
            joints = self._points(*root, (self.lean * 0.4, -reach))
            if self.hand.finger(stage, joints, half * 1.15, nail=True):
                return


def reach_in(rng: Rng, stage: Stage, target: Array, scale: float) -> None:
    """Draw a hand that comes in from the frame's nearer edge and points at `target` (pixels)."""
    height, width = stage.size
    hand, half = Hand(rng), FINGER_MM * scale * float(rng.uniform(0.9, 1.2))
    angle = rng.uniform(0.15, 0.85) * math.pi  # arms come from below
    away = np.array([math.cos(angle), math.sin(angle)])
    side = np.array([-away[1], away[0]])
    mm = scale * hand.size
    root = target + away * 75 * mm
    hand.sleeve(
        stage, root + away * 85 * mm, root + away * (200 * mm + height + width) * 0.5, half * 3.4
    )
    hand.palm(stage, np.array([root + side * s * 28 * mm + away * d * mm
                               for s in (-1, 1) for d in (8, 70)]), half * 1.6)  # fmt: skip
    for i in rng.permutation(4)[: int(rng.integers(1, 5))]:
        along = (i - 1.5) * 19 * mm
        tip = target + side * along * 1.15 + away * rng.uniform(0, 30) * mm
        bend = root + side * along * 1.1 - away * 30 * mm
        hand.finger(stage, np.array([root + side * along, bend, tip]), half, nail=True)
