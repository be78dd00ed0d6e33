"""lab01.ex4: A service around it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from inspect import signature
from typing import Any
from unittest.mock import AsyncMock, MagicMock, patch

import bentoml
import numpy as np
from PIL import Image

from labs.checks.detections import AnyError
from labs.engine import Context, fake_core
from labs.engine.interleaving import finished, interleaved
from labs.engine.plain import shown
from services.id_card.detector import Detector
from services.id_card.samples import SAMPLES, load_sample, sample_path


def check(context: Context, answer: Any) -> None:
    """Call the endpoint with a stub in the Runner's place, then serve it for real."""
    if not isinstance(answer, bentoml.legacy.Service):
        kind = f"{type(answer).__module__}.{type(answer).__name__}"
        context.fail(f"svc is a {kind}; a bentoml.legacy.Service was expected.", layer="import")
    context.expect(
        answer.name == "yolo_v8", f"The service is called {answer.name!r}; 'yolo_v8' was expected."
    )
    runners = [runner.name for runner in answer.runners]
    if runners != ["card_runnable"]:
        context.fail(
            f"The service's Runners are {runners}; ['card_runnable'] was expected.",
            mistake=None if runners else "no_runner",
            layer="start",
        )
    routes = {api.route.strip("/"): api for api in answer.apis.values()}
    if "inference" not in routes:
        context.fail(
            f"There is no endpoint /inference; the service has {sorted(routes) or 'none'}.",
            mistake="wrong_path",
            layer="request",
        )
    api = routes["inference"]
    contexts = list(signature(api.func).parameters)[1:] if api.needs_ctx else []
    _call(context, answer, partial(api.func, **{name: MagicMock() for name in contexts}))
    _serve(context, answer)


def _call(context: Context, answer: Any, endpoint: Any) -> None:
    """Call the endpoint with images of every mode, then with several at the same time."""
    with _stubbed(answer) as calls:
        for mode in ("RGB", "RGBA", "P", "L", "CMYK"):
            picture = context.picture(4, (200, 150)).convert(mode)
            pixels = np.asarray(picture.convert("RGB"))
            where = f"an image of mode {mode}"
            calls.clear()
            got = context.call(lambda image: finished(endpoint(image)), picture, where=where)
            if asyncio.iscoroutine(got):
                got.close()
                context.fail("The endpoint returned a coroutine.", mistake="no_await")
            if len(calls) != 1:
                mistake = None if calls or mode != "RGB" else "bypassed"
                what = f"The endpoint called the Runner {len(calls)} times; once was expected."
                context.fail(what, where=where, mistake=mistake)
            sent = calls[0]
            differs = f"The Runner was given {_kind(sent)}; {_kind(pixels)} was expected."
            context.expect(_kind(sent) == _kind(pixels), differs, where=where)
            context.expect(
                np.array_equal(sent, pixels),
                "The array that the Runner was given is not the image in RGB.",
                where=where,
                cause="Its channels are swapped."
                if np.array_equal(sent[..., ::-1], pixels)
                else "",
            )
            context.same(got, _answer(pixels), what="the endpoint's answer", where=where)
        with _stubbed(answer, answer_of=lambda pixels: []) as calls:
            where = "an image in which the Runner finds nothing"
            got = context.call(lambda: finished(endpoint(context.picture(0))), where=where)
            context.same(got, [], what="the endpoint's answer", where=where)
            differs = f"The endpoint called the Runner {len(calls)} times; once was expected."
            context.expect(len(calls) == 1, differs, where=where)
        pictures = [context.picture(3) for _ in range(3)]
        outcomes = interleaved([partial(endpoint, picture) for picture in pictures])
    where = "three requests at the same time"
    want = [_answer(np.asarray(picture)) for picture in pictures]
    for mine, outcome in zip(want, outcomes, strict=True):
        got = context.plain(context.call(outcome.result, where=where), where=where)
        if got != mine and got in want:
            differs = "A request was answered with the boxes of another request's image."
            context.fail(differs, where=where, mistake="shared")
        context.same(got, mine, what="the endpoint's answer", where=where)
    _passes_errors_on(context, answer, endpoint)


def _passes_errors_on(context: Context, answer: Any, endpoint: Any) -> None:
    """Fail if the endpoint answers with boxes although the Runner failed."""
    failing = {"side_effect": AnyError("the Runner's process is gone")}
    method = type(answer.runners[0].runner_methods[0])
    with patch.multiple(method, async_run=AsyncMock(**failing), run=MagicMock(**failing)):
        try:
            got = finished(endpoint(context.picture(2)))
        except Exception:
            return
    context.expect(
        not isinstance(got, list | tuple),
        f"The Runner raised an exception, and the endpoint returned {shown(got)}; the exception "
        "was expected.",
        where="a Runner whose process is gone",
        cause="The client takes whatever you return for the Runner's answer.",
    )


def _answer(pixels: Any) -> list[Any]:
    """Return two boxes at least, and others for other images."""
    found: list[Any] = (
        fake_core.boxes(Image.fromarray(pixels)) if _kind(pixels).startswith("uint8") else []
    )
    return [{"name": "id_card", "sum": int(np.sum(pixels))}, *found]


@contextmanager
def _stubbed(service: Any, answer_of: Callable[[Any], list[Any]] = _answer) -> Iterator[list[Any]]:
    """Answer for the Runner in this process; yield what it was given."""
    calls: list[Any] = []

    async def async_run(self: Any, pixels: Any) -> Any:
        calls.append(pixels)
        for _ in range(3):
            await asyncio.sleep(0)
        return answer_of(pixels)

    def run(self: Any, pixels: Any) -> Any:
        calls.append(pixels)
        return answer_of(pixels)

    with patch.multiple(type(service.runners[0].runner_methods[0]), async_run=async_run, run=run):
        yield calls


def _kind(pixels: Any) -> str:
    is_array = isinstance(pixels, np.ndarray)
    return f"{pixels.dtype} of shape {pixels.shape}" if is_array else type(pixels).__name__


def _serve(context: Context, answer: Any) -> None:
    """Serve it with the fake core, then by ``bentoml serve`` with the real one."""
    with context.serve(answer, fake_core=True) as running:
        for kind, mode in (("PNG", "RGBA"), ("JPEG", "RGB")):
            buffer, where = io.BytesIO(), f"a {kind} of mode {mode}"
            context.picture(3).convert(mode).save(buffer, format=kind)
            upload = (f"card.{kind}", buffer.getvalue(), f"image/{kind.lower()}")
            got = running.json(running.post("/inference", files={"image": upload}), where=where)
            want = fake_core.boxes(Image.open(buffer))
            context.same(got, want, what="POST /inference", where=where)
    with context.serve(answer, full=True) as running:
        name = context.random.choice(sorted(SAMPLES))
        upload = ("card.jpg", sample_path(name).read_bytes(), "image/jpeg")
        where = f"the sample {name}, by `bentoml serve`"
        got = running.json(running.post("/inference", files={"image": upload}), where=where)
        [found] = Detector.from_environment().detect([load_sample(name)])
        expected = [detection.as_dict() for detection in found]
        context.same(got, expected, what="POST /inference", where=where, tolerance=0.5)
    context.note(served_by="bentoml serve")
