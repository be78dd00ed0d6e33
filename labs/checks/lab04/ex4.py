"""lab04.ex4: The ensemble over HTTP."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from typing import Any

import bentoml
import numpy as np
from PIL import Image

from labs.checks import stubs
from labs.checks.lab04 import model_entries, stub_server
from labs.engine import Context

_NAMES = ("model_a", "model_b")
_LONGEST = 30
"""Seconds that the service may wait for a model."""


def check(context: Context, service: Any) -> None:
    """Look at the service's parts, then serve it with stub models."""
    _declared(context, service)
    secret = model_entries.secret_text
    special: list[tuple[str, dict[str, Any], str, tuple[int, int]]] = [
        ("answers", {}, "RGB", (300, 200)),
        ("sees no card", {"detects": []}, "L", (90, 160)),
        ("raises", {"raises": ("RuntimeError", secret(context))}, "RGB", (640, 100)),
        ("raises", {"raises": ("OutOfMemoryError", secret(context))}, "RGBA", (100, 100)),
        ("hangs", {"seconds": 1e6}, "RGB", (200, 300)),
    ]
    cases = [(name, *row) for row in special for name in _NAMES]
    images = [_image(context, mode, size) for *_, mode, size in cases]
    requests = [
        {"file": _base64(image), "models": {name: behaviour}}
        for (name, _, behaviour, *_), image in zip(cases, images, strict=True)
    ]
    text_file = {"file": b64encode(b"not an image").decode(), "models": {}}
    several = [_image(context, "RGB", (60 + n, 40)) for n in range(3)]
    (*replies, last), at_once = stub_server.replies(
        context, service, [*requests, text_file], [_base64(image) for image in several]
    )
    for (name, state, behaviour, *_), image, reply in zip(cases, images, replies, strict=True):
        where = f"a PNG of {image.width} by {image.height}, mode {image.mode}; {name} {state}"
        states = dict.fromkeys(_NAMES, "answers") | {name: state}
        _judge(
            context, reply, states, behaviour.get("raises"), np.asarray(image.convert("RGB")), where
        )
    for image, reply in zip(several, at_once, strict=True):
        _answered_at_once(context, reply, np.asarray(image))
    context.expect(
        400 <= last["status"] < 500,
        f"POST /predict answered {last['status']} to a file that is not an image; a 4xx was "
        "expected.",
        cause="The exercise's last line, which adds ImageValidationMiddleware, has to stay.",
        layer="request",
    )
    context.note(requests=len(replies) + 1, failures_of_a_model=6)


def _declared(context: Context, service: Any) -> None:
    if not isinstance(service, bentoml.Service):
        context.fail(
            f"Ensemble is a {type(service).__name__}, not a BentoML service.",
            layer="import",
            cause="Pass check the class decorated with @bentoml.service.",
        )
    context.is_attempted(bool(service.apis or service.dependencies), "the class is still empty")
    parts = {part.on.name for part in service.dependencies.values() if part.on is not None}
    context.expect(
        parts == {*_NAMES},
        f"The service depends on {sorted(parts) or 'no other service'}; model_a and model_b were "
        "expected.",
        mistake="no_depends",
        layer="start",
    )
    routes = sorted(method.route for method in service.apis.values())
    context.expect(
        "/predict" in routes,
        f"There is no endpoint /predict; there are {routes or 'none'}.",
        mistake="wrong_path",
        layer="start",
    )


def _image(context: Context, mode: str, size: tuple[int, int]) -> Image.Image:
    pixels = context.numbers.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def _base64(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return b64encode(buffer.getvalue()).decode()


def _judge(
    context: Context,
    reply: dict[str, Any],
    states: dict[str, str],
    raises: tuple[str, str] | None,
    pixels: Any,
    where: str,
) -> None:
    """Compare one reply with what the two stub models did."""
    fails = reply["status"] >= 500 and raises is not None
    context.expect(
        reply["seconds"] <= _LONGEST,
        f"POST /predict took {reply['seconds']:g} s; at most {_LONGEST} s are allowed.",
        where=where,
        mistake="no_timeout" if "hangs" in states.values() else None,
        layer="request",
    )
    context.expect(
        reply["status"] == 200,
        f"POST /predict answered {reply['status']}; 200 was expected.",
        where=where,
        mistake="fails_whole" if fails else None,
        cause=f"The answer's body: {reply['text'][:200]}",
        layer="request",
    )
    results = _results(context, reply["text"], where)
    _called(context, reply, where)
    for name, state in states.items():
        if state in ("raises", "hangs"):
            code = "model_timeout" if state == "hangs" else "model_failed"
            model_entries.failed(context, results[name], code, name, raises, where)
        else:
            want = stubs.boxes(name, pixels) if state == "answers" else []
            model_entries.detected(context, results[name], want, name, where)


def _answered_at_once(context: Context, reply: dict[str, Any], pixels: Any) -> None:
    """Fail unless a request that others accompanied got the boxes of its own image."""
    where = "three requests at the same time"
    answered = f"POST /predict answered {reply['status']}; 200 was expected."
    context.expect(reply["status"] == 200, answered, where=where, layer="request")
    results = _results(context, reply["text"], where)
    for name in _NAMES:
        model_entries.detected(context, results[name], stubs.boxes(name, pixels), name, where)


def _results(context: Context, text: str, where: str) -> dict[str, Any]:
    """Return the two models' entries."""
    try:
        got = json.loads(text)
    except ValueError:
        context.fail(f"The answer is not JSON: {text[:80]}", where=where, layer="schema")
    bare = isinstance(got, dict) and got.keys() == {*_NAMES}
    results = got.get("results") if isinstance(got, dict) else None
    context.expect(
        isinstance(results, dict) and results.keys() == {*_NAMES} and len(got) == 1,
        f"The answer is {text[:150]}; {{'results': …}} with an entry for each model was expected.",
        where=where,
        mistake="bare" if bare else None,
        layer="schema",
    )
    return dict(results or {})


def _called(context: Context, reply: dict[str, Any], where: str) -> None:
    context.expect(
        reply["calls"] == 2,
        f"model_a and model_b were called {reply['calls']} times; once each was expected.",
        where=where,
    )
    context.expect(
        not reply["blocked"],
        "detect() was called in the event loop, not to_async.detect().",
        where=where,
        cause="It blocks the whole server until the model is done.",
    )
    context.expect(
        reply["most"] == 2,
        "The second model was called only after the first had answered.",
        where=where,
        mistake="one_by_one",
    )
    context.expect(
        not reply["sync"],
        "detect() was called, not to_async.detect().",
        where=where,
        cause="It blocks a thread of the server until the model is done.",
    )
