"""Pretended models and pretended time: what the checks of lab 04 put in the models' place.

Nothing here waits. A check with timeouts is quick, and says the same on a busy machine.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

import numpy as np

Boxes = list[dict[str, Any]]


class StuckError(RuntimeError):
    """Everybody waits for somebody: no work is ready, and no timer is set."""


class PretendedTime(asyncio.SelectorEventLoop):
    """An event loop that jumps to the next timer instead of waiting for it.

    ``asyncio.sleep(30)`` takes no time and moves :meth:`time` by 30 s. So a check with timeouts
    is quick, and says the same on a busy machine.
    """

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._wait = self._selector.select  # type: ignore[attr-defined]
        self._selector.select = self._jump  # type: ignore[attr-defined]

    def time(self) -> float:
        """Return the pretended time, in seconds from 0."""
        return self._now

    def _jump(self, timeout: float | None = None) -> Any:
        # Without a timer something real may still come: the end of a thread of the learner's.
        ready = self._wait(3.0 if timeout is None else 0)
        if timeout is None and not ready:
            raise StuckError("everybody waits, and nothing will ever happen")
        if not ready:
            self._now += timeout or 0.0
        return ready


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run *work* to its end in pretended time; return its result.

    Raises
    ------
    StuckError
        If it waits for something that will never happen.
    """
    with asyncio.Runner(loop_factory=PretendedTime) as runner:
        return runner.run(work)


def boxes(name: str, pixels: Any) -> Boxes:
    """Return what the pretended model *name* finds: it differs for every picture and model."""
    x1, y1, x2, y2 = (int(number) for number in np.asarray(pixels).ravel()[:4])
    shift = sum(name.encode()) % 7 * 10
    return [
        {
            "name": "id_card",
            "class": 0,
            "confidence": round(0.5 + (x1 + shift) % 50 / 100, 2),
            "box": {"x1": x1 + shift, "y1": y1, "x2": x1 + x2 + 1, "y2": y1 + y2 + 1},
        }
    ]


class Room:
    """Knows how many pretended models are under way, and whether one was called in a blocking way.

    A model takes its *seconds* of pretended time, so two that were begun together meet here.
    """

    def __init__(self) -> None:
        self.at_once = 0
        self.most = 0
        self.blocking = False
        self.waited_out: list[str] = []

    def model(self, name: str, seconds: float, raises: BaseException | None = None) -> Any:
        """Return a model that another process holds, as ``bentoml.depends`` would give it."""

        async def detect(pixels: Any) -> Boxes:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            try:
                await asyncio.sleep(seconds)
            finally:
                self.at_once -= 1
            self.waited_out.append(name)
            if raises is not None:
                raise raises
            return boxes(name, pixels)

        def blocking(pixels: Any) -> Boxes:
            self.blocking = True
            return boxes(name, pixels)

        return SimpleNamespace(to_async=SimpleNamespace(detect=detect), detect=blocking)


class Remote:
    """A model behind a connection, in pretended time: slots, a short queue, and cut connections."""

    SLOTS, QUEUE, LARGEST = 4, 4, 8
    CUT = 0.05

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self._random = random.Random(seed)
        self._slots = asyncio.Semaphore(self.SLOTS)
        self._here = 0

    async def detect(self, pixels: Any) -> Boxes:
        """Return the boxes of one picture."""
        [found] = await self.detect_many([pixels])
        return found

    async def detect_many(self, pictures: Any) -> list[Boxes]:
        """Return the boxes of up to eight pictures."""
        pictures = [np.array(pixels) for pixels in pictures]
        if not 1 <= len(pictures) <= self.LARGEST:
            raise ValueError(f"detect_many takes 1 to {self.LARGEST} pictures; got {len(pictures)}")
        if self._here >= self.SLOTS + self.QUEUE:
            await asyncio.sleep(0.005)
            raise ConnectionRefusedError(f"{self.name} has {self._here} calls already")
        self._here += 1
        try:
            async with self._slots:
                seconds = 0.020 + 0.010 * len(pictures)
                if self._random.random() < self.CUT:
                    await asyncio.sleep(seconds / 2)
                    raise ConnectionResetError(f"the connection to {self.name} was cut off")
                await asyncio.sleep(seconds)
                return [boxes(self.name, pixels) for pixels in pictures]
        finally:
            self._here -= 1
