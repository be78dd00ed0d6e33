"""Draw in several processes, without holding everything that is drawn in memory."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

import cv2

T = TypeVar("T")
R = TypeVar("R")


def drawn(draw: Callable[[T], R], items: Sequence[T], workers: int) -> Iterator[R]:
    """Yield what *draw* makes of each item, in their order, with *workers* processes."""
    if workers == 1:
        yield from map(draw, items)
        return
    # Fresh processes: forking one in which torch runs threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_one_thread) as pool:
        portion = 32 * workers  # the pool would draw all of them at once
        for start in range(0, len(items), portion):
            yield from pool.map(draw, items[start : start + portion], chunksize=4)


def _one_thread() -> None:
    """Keep OpenCV from starting a thread per core in every worker."""
    cv2.setNumThreads(1)
