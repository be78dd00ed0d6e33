"""Stub models and a fake clock: what the checks of lab 04 use in place of real models.

No real time passes. A check with timeouts is quick, and gives the same verdict on a busy machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
import zlib
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

import numpy as np

Boxes = list[dict[str, Any]]


class StuckError(RuntimeError):
    """No task can go on: each waits for another one, and no timer is set."""


class FakeClockLoop(asyncio.SelectorEventLoop):
    """An event loop that jumps to the next timer instead of waiting for it.

    Parameters
    ----------
    grace : float
        Real seconds to wait for other threads before a jump of more than a second.
    """

    def __init__(self, grace: float = 0.0) -> None:
        super().__init__()
        self._grace = grace
        self._now = 0.0
        self._wait = self._selector.select  # type: ignore[attr-defined]
        self._selector.select = self._jump  # type: ignore[attr-defined]

    def time(self) -> float:
        """Return the fake time, in seconds from 0."""
        return self._now

    def _jump(self, timeout: float | None = None) -> Any:
        # Without a timer, a thread of the learner's may still finish and wake the loop.
        real = 3.0 if timeout is None else self._grace if timeout > 1 else 0.0
        ready = self._wait(0.0)
        for _ in range(round(real / 0.1)):
            # In slices: a pause of the whole machine uses up one of them, not the patience.
            ready = ready or self._wait(0.1)
        if timeout is None and not ready:
            raise StuckError("no task can go on: each waits for something that never happens")
        if not ready:
            self._now += timeout or 0.0
        return ready


def run(work: Coroutine[Any, Any, Any], grace: float = 0.0) -> Any:
    """Run *work* to its end on a fake clock; return its result.

    Parameters
    ----------
    grace : float
        As for :class:`FakeClockLoop`.

    Raises
    ------
    StuckError
        If it waits for something that never happens.
    """
    runner = asyncio.Runner(loop_factory=lambda: FakeClockLoop(grace))
    try:
        return runner.run(work)
    finally:
        with contextlib.suppress(StuckError):  # a task that ignores its cancellation
            runner.close()


def boxes(name: str, pixels: Any) -> Boxes:
    """Return what the stub model *name* detects; it depends on every pixel and on the name.

    There are two boxes, and their confidences have five decimals, so none may be left out or
    rounded.
    """
    image = np.ascontiguousarray(pixels, dtype=np.uint8)
    edges = zlib.crc32(image.tobytes(), image.size).to_bytes(4, "big")
    shift = sum(name.encode()) % 7 * 10
    return [
        {
            "name": "id_card",
            "class": 0,
            "confidence": round(0.5 + (256 * x1 + y1 + shift) % 50_000 / 100_000, 5),
            "box": {"x1": x1 + shift, "y1": y1, "x2": x1 + width + 1, "y2": y1 + height + 1},
        }
        for x1, y1, width, height in (edges, edges[::-1])
    ]


class StubModels:
    """Stub models for one request, and what was observed while they worked.

    Attributes
    ----------
    calls : int
        How often a model was called.
    most : int
        How many calls were under way at once, at most.
    sync : bool
        Whether a model was called without ``to_async``.
    blocked : bool
        Whether that was in the event loop's thread.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.most = 0
        self.sync = False
        self.blocked = False
        self._at_work = 0
        self._lock = threading.Lock()

    def model(
        self,
        name: str,
        seconds: float = 0.05,
        raises: BaseException | None = None,
        detects: Boxes | None = None,
    ) -> Any:
        """Return a model in another process, as ``bentoml.depends`` gives it."""

        def answer(pixels: Any) -> Boxes:
            if raises is not None:
                raise raises
            return boxes(name, pixels) if detects is None else detects

        async def detect(pixels: Any) -> Boxes:
            with self._call():
                await asyncio.sleep(seconds)
                return answer(pixels)

        def blocking(pixels: Any) -> Boxes:
            self.sync = True
            with self._call():
                with contextlib.suppress(RuntimeError):  # no event loop in this thread
                    self.blocked = asyncio.get_running_loop() is not None
                time.sleep(0.05)
                return answer(pixels)

        return SimpleNamespace(to_async=SimpleNamespace(detect=detect), detect=blocking)

    @contextlib.contextmanager
    def _call(self) -> Any:
        with self._lock:
            self.calls += 1
            self._at_work += 1
            self.most = max(self.most, self._at_work)
        try:
            yield
        finally:
            with self._lock:
                self._at_work -= 1


class RemoteModel:
    """A model behind a connection, on a fake clock: slots, a short queue, and cut connections.

    Parameters
    ----------
    name : str
        The model's name; its boxes depend on it.
    seed : int
        For the connections that are cut by chance, one in twenty.
    unlucky : sequence of ndarray
        Images whose first ``IN_A_ROW`` calls are all cut.
    """

    SLOTS, QUEUE, LARGEST = 4, 4, 8
    CUT, IN_A_ROW = 0.05, 4

    def __init__(self, name: str, seed: int, unlucky: Any = ()) -> None:
        self.name = name
        self.calls: dict[bytes, int] = {}
        self._cuts = {image.tobytes(): self.IN_A_ROW for image in unlucky}
        self._random = random.Random(seed)
        self._slots = asyncio.Semaphore(self.SLOTS)
        self._here = 0

    async def detect(self, pixels: Any) -> Boxes:
        """Return the boxes of one image."""
        [found] = await self.detect_many([pixels])
        return found

    async def detect_many(self, images: Any) -> list[Boxes]:
        """Return the boxes of up to eight images."""
        images = [np.array(pixels) for pixels in images]
        if not 1 <= len(images) <= self.LARGEST:
            raise ValueError(f"detect_many takes 1 to {self.LARGEST} images; got {len(images)}")
        if self._here >= self.SLOTS + self.QUEUE:
            await asyncio.sleep(0.005)
            raise ConnectionRefusedError(f"{self.name} has {self._here} calls already")
        self._here += 1
        try:
            async with self._slots:
                seconds = 0.020 + 0.010 * len(images)
                if self._is_cut([image.tobytes() for image in images]):
                    await asyncio.sleep(seconds / 2)
                    raise ConnectionResetError(f"the connection to {self.name} was cut off")
                await asyncio.sleep(seconds)
                return [boxes(self.name, pixels) for pixels in images]
        finally:
            self._here -= 1

    def _is_cut(self, keys: list[bytes]) -> bool:
        for key in keys:
            self.calls[key] = self.calls.get(key, 0) + 1
        unlucky = any(self.calls[key] <= self._cuts.get(key, 0) for key in keys)
        return unlucky or self._random.random() < self.CUT
