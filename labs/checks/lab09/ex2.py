"""lab09.ex2: A predictor that leaves the event loop free."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch

import orjson

from labs.checks.lab09.files import base64_of, images, png_of
from labs.engine import Context, fake_core
from labs.engine.plain import same
from services.id_card.detector import Detection, Detector
from services.kserve_support import InferResponse, Model, wire

_BEATS = 20
_PATIENCE = 3.0
"""Seconds after which the detector gives up waiting for heartbeats."""
_ROUNDS = ((2, 3), (3, 1))
"""How many images the requests have, V1 and V2, that come at the same time."""


def check(context: Context, answer: Any) -> None:
    """Send a V1 and a V2 request at once, twice; the detector waits for the event loop.

    Two requests have as many images, so that an answer that remembers them by that is found.
    """
    if not (inspect.isclass(answer) and issubclass(answer, Model)):
        context.fail("CardPredictor is not a subclass of Model.", layer="import")
    if not inspect.iscoroutinefunction(inspect.unwrap(answer.predict)):
        context.fail("predict is not a coroutine function.", mistake="not_async", layer="import")
    name = f"cards_{context.random.randint(100, 999)}"
    rounds, wants = [], []
    for counts in _ROUNDS:
        scenes = [[context.picture(context.random.randint(0, 5)) for _ in range(n)] for n in counts]
        wants.append([[fake_core.boxes(image) for image in images] for images in scenes])
        texts = [[base64_of(png_of(image)) for image in images] for images in scenes]
        v1 = {"instances": [{"image_b64": text} for text in texts[0]]}
        tensor = {"name": "image", "shape": [counts[1]], "datatype": "BYTES", "data": texts[1]}
        rounds.append([v1, wire.read_request(orjson.dumps({"inputs": [tensor]}), {}, name)])
    got = _predict(context, answer, name, rounds)
    for counts, want, (first, second) in zip(_ROUNDS, wants, got, strict=True):
        where = f"V1 with {images(counts[0])} and V2 with {images(counts[1])}, at the same time"
        what, mistakes = "the answer to V1", {"bare": want[0]}
        context.same(first, {"predictions": want[0]}, what=what, where=where, mistakes=mistakes)
        _v2(context, second, name, want[1], where)
    _lets_through(context, answer, name, {"instances": []}, "files_of")
    _lets_through(context, answer, name, rounds[0][0], "find")
    context.note(heartbeats_while_it_computes="they go on", protocols="V1 and V2")


class _Heartbeat:
    """A task in the event loop, for whose beats the detector and the threads wait.

    No clock decides: if an answer blocks the loop the beats do not come, and the detector gives up
    after some seconds.
    """

    def __init__(self) -> None:
        self.beats = 0
        self.asked = 0
        self.over = False
        self.blocked_by: list[int] = []
        self._news = threading.Condition()

    async def beat(self) -> None:
        while True:
            with self._news:
                self.beats += 1
                self._news.notify_all()
            await asyncio.sleep(0)

    def pause(self) -> bool:
        """Wait until the event loop has run a while; say whether it did."""
        with self._news:
            enough = self.beats + _BEATS
            return self._news.wait_for(lambda: self.over or self.beats >= enough, _PATIENCE)

    def stop(self) -> None:
        """Let nothing wait any more: all requests are answered."""
        with self._news:
            self.over = True
            self._news.notify_all()

    def detect(self, images: Sequence[Any]) -> list[list[Detection]]:
        self.asked += 1
        if not self.blocked_by and not self.pause():
            self.blocked_by.append(threading.get_ident())
        return [fake_core.detections(image) for image in images]


class _LateThreads(ThreadPoolExecutor):
    """Begin each work late, and end it when all the others are done: requests run in between."""

    def __init__(self, heart: _Heartbeat) -> None:
        super().__init__(max_workers=32, thread_name_prefix="late")
        self._heart = heart
        self._working = 0
        self._news = threading.Condition()

    def submit(self, work: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Submit *work* with a pause before it, and a wait for the others after it."""
        with self._news:
            self._working += 1

        def late() -> Any:
            self._heart.pause()
            try:
                return work(*args, **kwargs)
            finally:
                with self._news:
                    self._working -= 1
                    self._news.notify_all()
                    self._news.wait_for(lambda: not self._working, _PATIENCE)

        return super().submit(late)


def _predict(context: Context, answer: Any, name: str, rounds: list[list[Any]]) -> list[list[Any]]:
    """Make the model and let it answer a round's payloads at once, beside a heartbeat."""
    heart, where = _Heartbeat(), "V1 and V2 at the same time"

    async def main() -> Any:
        asyncio.get_running_loop().set_default_executor(_LateThreads(heart))
        beating = asyncio.create_task(heart.beat())
        try:
            return [await asyncio.gather(*[model.predict(p, {}) for p in some]) for some in rounds]
        finally:
            beating.cancel()
            heart.stop()

    def detect(_: Detector, images: Sequence[Any]) -> list[list[Detection]]:
        return heart.detect(images)

    with context.fake_core() as calls, patch.object(Detector, "detect", detect):
        model = context.call(answer, name, where="making the object")
        context.call(model.load, where="load()")
        loop = threading.get_ident()
        got: list[list[Any]] = context.call(asyncio.run, main(), where=where, because=_because)
    if heart.blocked_by:
        context.fail(
            "While your predictor computed, the event loop stood still: no heartbeat came.",
            where=where,
            mistake="blocking" if heart.blocked_by[0] == loop else "waits",
        )
    context.expect(heart.asked > 0, "The detector was not called.", where=where)
    if calls.loads != 1:
        said = f"The detector was loaded {calls.loads} times; once, in load(), was expected."
        context.fail(said, where=where)
    return got


def _lets_through(context: Context, answer: Any, name: str, payload: Any, source: str) -> None:
    """Fail if an exception of files_of or of find becomes an answer."""
    error = RuntimeError("the model is broken")
    with context.fake_core(), patch.object(Detector, "detect", side_effect=error):
        model = context.call(answer, name, where="making the object")
        context.call(model.load, where="load()")
        try:
            asyncio.run(asyncio.wait_for(model.predict(payload, {}), 3 * _PATIENCE))
            said = "returned an answer"
        except TimeoutError:
            said = "did not end"
        except Exception:
            return
    where = f"{source} raises an exception"
    context.fail(f"predict {said}; the exception of {source} was expected.", where=where)


def _because(error: BaseException) -> str | None:
    if isinstance(error, TypeError) and "'list' object is not callable" in str(error):
        return "calls_it"
    return "no_await" if isinstance(error, TypeError) and "coroutine" in str(error) else None


def _v2(context: Context, got: Any, name: str, want: list[Any], where: str) -> None:
    if not isinstance(got, InferResponse):
        context.fail(
            f"The answer to V2 is of type {type(got).__name__}; InferResponse was expected.",
            where=where,
            mistake="v1_only" if isinstance(got, dict) and "predictions" in got else None,
            layer="schema",
        )
    outputs = [output.name for output in got.outputs]
    if not same(context.plain([got.model_name, outputs]), [name, ["detections"]]):
        context.fail(
            f"The answer is of the model {got.model_name!r} and has the outputs {outputs}; "
            f"{name!r} and ['detections'] were expected.",
            where=where,
        )
    boxes = [json.loads(text) for text in got.outputs[0].as_numpy().tolist()]
    context.same(boxes, want, what="the output 'detections'", where=where)
