"""The arithmetic before and after the network, as YOLOv8's reference does it (ultralytics 8.4)."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

GREY = 114
"""The grey of the padding, as YOLOv8 saw it in training."""

MAX_DETECTIONS = 300


def size_and_margins(size: tuple[int, int], side: int) -> tuple[tuple[int, int], int, int]:
    """Return how an image is laid onto the square: its new size, left and top margin."""
    width, height = size
    scale = min(side / height, side / width)
    new = max(round(width * scale), 1), max(round(height * scale), 1)
    # The 0.1 is the reference's: the right and lower margins get the odd pixel.
    return new, round((side - new[0]) / 2 - 0.1), round((side - new[1]) / 2 - 0.1)


def letterbox(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Scale an image into the middle of a grey square, keeping its shape.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width, 3)
    side : int
        Pixels.

    Returns
    -------
    ndarray of uint8, shape (side, side, 3)
    """
    height, width = pixels.shape[:2]
    new, left, top = size_and_margins((width, height), side)
    if new != (width, height):
        pixels = cv2.resize(pixels, new, interpolation=cv2.INTER_LINEAR)
    board = np.full((side, side, 3), GREY, np.uint8)
    board[top : top + new[1], left : left + new[0]] = pixels
    return board


def batch_of(pictures: Sequence[NDArray[np.uint8]], side: int) -> NDArray[np.float32]:
    """Letterbox RGB images into what the network takes: (images, 3, side, side), 0 to 1."""
    boards = np.stack([letterbox(pixels, side) for pixels in pictures])
    return np.ascontiguousarray(boards.transpose(0, 3, 1, 2).astype(np.float32) / 255)


def corners_of(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn rows of centre x, centre y, width, height into rows of x1, y1, x2, y2."""
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def in_picture(
    corners: NDArray[np.float32], size: tuple[int, int], side: int
) -> NDArray[np.float32]:
    """Turn corners on the square into corners in the image, the inverse of :func:`letterbox`.

    Parameters
    ----------
    corners : ndarray of float32, shape (boxes, 4)
        x1, y1, x2, y2 in pixels of the square.
    size : tuple of int
        Width and height of the image in pixels.
    side : int
        Side of the square in pixels.

    Returns
    -------
    ndarray of float32, shape (boxes, 4)
        In pixels of the image, cut at its edge.
    """
    new, left, top = size_and_margins(size, side)
    width, height = size
    # Each side was rounded to whole pixels, so each has a scale of its own.
    scale = np.array([new[0] / width, new[1] / height] * 2, np.float32)
    placed = (corners - np.array([left, top, left, top], np.float32)) / scale
    return np.clip(placed, 0, np.array([width, height, width, height], np.float32))


def suppress(
    boxes: NDArray[np.float32],
    confidences: NDArray[np.float32],
    classes: NDArray[np.int64],
    iou: float,
) -> list[int]:
    """Return which boxes non-maximum suppression keeps, the most confident first.

    Parameters
    ----------
    boxes : ndarray of float32, shape (boxes, 4)
        x1, y1, x2, y2.
    confidences : ndarray of float32, shape (boxes,)
    classes : ndarray of int64, shape (boxes,)
        Boxes of different classes do not suppress each other.
    iou : float
        Of two boxes that overlap by more than this, 0 to 1, the less confident one is dropped.

    Returns
    -------
    list of int
        Indices, :data:`MAX_DETECTIONS` at most.
    """
    if not len(boxes):
        return []
    corners_to_sides = boxes.copy()
    corners_to_sides[:, 2:] -= corners_to_sides[:, :2]
    kept = cv2.dnn.NMSBoxesBatched(
        corners_to_sides.tolist(), confidences.tolist(), classes.tolist(), 0.0, iou
    )
    best_first = sorted((int(i) for i in kept), key=lambda i: -confidences[i])
    return best_first[:MAX_DETECTIONS]
