"""Where things stand: a table seen by a tilted camera, and cut-outs laid on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from services.id_card.training.synth.drawing import Array, Rng


def tilt(width: int, height: int, pitch: float, roll: float, distance: float) -> Array:
    """Return the homography of a plane that the camera looks at askew, of shape (3, 3), float64.

    Plane coordinates are pixels of an upright view; the centre of the picture stays put. *pitch*
    and *roll* are angles in radians around the level and the upright axis; *distance* is how far
    the camera is, in long sides of the picture: near means strong perspective.
    """
    reach = distance * max(width, height)
    cos_p, sin_p, cos_r, sin_r = math.cos(pitch), math.sin(pitch), math.cos(roll), math.sin(roll)
    turn = np.array([[cos_r, sin_r * sin_p], [0, cos_p], [-sin_r, cos_r * sin_p]])
    view = np.array([
        [reach * turn[0, 0], reach * turn[0, 1], 0],
        [reach * turn[1, 0], reach * turn[1, 1], 0],
        [turn[2, 0], turn[2, 1], reach],
    ])  # fmt: skip
    centre = np.array([[1, 0, width / 2], [0, 1, height / 2], [0, 0, 1]])
    return centre @ view @ np.linalg.inv(centre)


def project(homography: Array, points: Array) -> Array:
    """Map (n, 2) points through a homography."""
    lifted = np.asarray(points, float) @ homography[:, :2].T + homography[:, 2]
    return lifted[:, :2] / lifted[:, 2:]


@dataclass(frozen=True)
class Pose:
    """Where a cut-out of (width, height) millimetres lies in the picture.

    `homography` carries millimetres, measured from the cut-out's top left corner, to pixels
    of the picture.
    """

    homography: Array
    width: float
    height: float

    @property
    def corners(self) -> Array:
        """The four corners in pixels, clockwise from the top left, shape (4, 2)."""
        w, h = self.width, self.height
        return project(self.homography, np.array([[0, 0], [w, 0], [w, h], [0, h]]))

    @property
    def area(self) -> float:
        """Pixels that the cut-out covers, including what lies outside the frame."""
        return float(cv2.contourArea(self.corners.astype(np.float32)))

    @property
    def scale(self) -> float:
        """Pixels per millimetre, on average over the cut-out."""
        return math.sqrt(max(self.area, 1e-6) / (self.width * self.height))


def lay(
    view: Array, size_mm: tuple[float, float], at: tuple[float, float], spin: float, scale: float
) -> Pose:
    """Lay a cut-out of *size_mm* (width, height) on the table that is seen through *view*.

    Its middle appears *at* that place of the picture, in pixels; *spin* is its turn on the table,
    in degrees, and *scale* the pixels per millimetre in the middle of the picture.
    """
    x, y = project(np.linalg.inv(view), np.array([at]))[0]
    c, s = scale * math.cos(math.radians(spin)), scale * math.sin(math.radians(spin))
    width, height = size_mm
    on_table = np.array([
        [c, -s, x - c * width / 2 + s * height / 2],
        [s, c, y - s * width / 2 - c * height / 2],
        [0, 0, 1],
    ])  # fmt: skip
    return Pose(view @ on_table, width, height)


@dataclass(frozen=True)
class Region:
    """A rectangle of the picture: rows top..bottom, columns left..right (ends excluded)."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index for arrays of the picture's size."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def mask(self) -> Array:
        """Return an empty mask of the region's size, uint8."""
        return np.zeros((self.bottom - self.top, self.right - self.left), np.uint8)


def region_around(points: Array, margin: float, height: int, width: int) -> Region | None:
    """Return the part of the picture around some points, or None if they are all outside."""
    low, high = points.min(0) - margin, points.max(0) + margin
    left, top = (int(max(0, math.floor(v))) for v in low)
    right = int(min(width, math.ceil(high[0]) + 1))
    bottom = int(min(height, math.ceil(high[1]) + 1))
    if left >= right or top >= bottom:
        return None
    return Region(top, bottom, left, right)


def warp(pixels: Array, pose: Pose, region: Region) -> tuple[Array, Array]:
    """Draw a cut-out, (h, w, 4) uint8, as the camera sees it, in that part of the picture.

    Return its colour, (rows, columns, 3) float32, multiplied with the opacity, and the opacity,
    (rows, columns) float32 in 0..1.
    """
    h, w = pixels.shape[:2]
    shrink = pose.scale * math.sqrt(pose.width * pose.height / (w * h))
    if shrink < 0.7:  # shrink first, or fine print turns into moiré
        w, h = max(2, round(w * shrink * 1.1)), max(2, round(h * shrink * 1.1))
        pixels = cv2.resize(pixels, (w, h), interpolation=cv2.INTER_AREA)
    to_mm = np.diag([pose.width / w, pose.height / h, 1.0])
    # A pixel's middle is at +0.5 in the drawing but at +0.0 for OpenCV.
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    shift = np.array([[1, 0, -region.left], [0, 1, -region.top], [0, 0, 1.0]])
    matrix = shift @ np.linalg.inv(half) @ pose.homography @ to_mm @ half
    # A transparent frame keeps the edges soft where the cut-out is opaque to its border.
    framed = cv2.copyMakeBorder(pixels, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    framed[[0, -1], :, 3] = 0
    framed[:, [0, -1], 3] = 0
    matrix = matrix @ np.array([[1, 0, -1], [0, 1, -1], [0, 0, 1.0]])
    sheer = framed.astype(np.float32)
    sheer[..., :3] *= sheer[..., 3:] / 255
    size = (region.right - region.left, region.bottom - region.top)
    seen = cv2.warpPerspective(sheer, matrix, size, flags=cv2.INTER_LINEAR)
    return seen[..., :3], seen[..., 3] / 255


def random_view(rng: Rng, width: int, height: int, limit: float) -> Array:
    """Return a view tilted by at most `limit` degrees, mostly by less."""
    pitch = math.radians(limit) * rng.triangular(-1, -0.25, 0.6)
    roll = math.radians(limit) * rng.triangular(-0.7, 0, 0.7)
    return tilt(width, height, pitch, roll, rng.uniform(1.1, 2.6))
