"""lab03.ex4: Design it: POST /render."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bentoml import Service
from PIL import Image

from labs.checks.detections import made_from_environment, passes_errors_on
from labs.checks.images import encoded
from labs.checks.lab02.endpoints import argument
from labs.checks.lab03.drawings import decoded, pixels_of
from labs.checks.lab03.ex3 import is_another, is_drawn
from labs.engine import Context
from labs.engine.interleaving import finished, interleaved


def check(context: Context, answer: Any) -> None:
    """Call the endpoint without a server, then serve it with the fake core."""
    api = _endpoint(context, answer)
    _call(context, answer, api)
    with context.serve(answer, fake_core=True) as running:
        for cards, mode in ((2, "RGB"), (0, "RGBA"), (context.random.randint(3, 5), "P")):
            image = context.picture(cards).convert(mode)
            context.where = f"a PNG of mode {mode} with {cards} cards"
            _ask(context, running, image)
    context.note(images=6)


def _endpoint(context: Context, answer: Any) -> Any:
    if not isinstance(answer, Service):
        kind = type(answer).__name__
        context.fail(
            f"CardRenderer is a {kind}; a class decorated with @bentoml.service was expected.",
            layer="import",
        )
    routes = {api.route.strip("/"): api for api in answer.apis.values()}
    if "render" not in routes:
        context.fail(
            f"There is no endpoint /render; the service has {sorted(routes) or 'none'}.",
            mistake="wrong_path",
            layer="request",
        )
    fields = list(routes["render"].input_spec.model_fields)
    if fields != ["image"]:
        context.fail(
            f"The endpoint takes the fields {fields}; ['image'] was expected.",
            mistake="field",
            layer="request",
        )
    return routes["render"]


def _call(context: Context, answer: Any, api: Any) -> None:
    """Make the service's object, then call its endpoint three times at once."""
    context.where = "three requests at the same time, each with its own image"
    with context.fake_core() as calls, TemporaryDirectory() as folder:
        with made_from_environment(context, calls):
            instance = context.call(answer, where="when a worker starts and creates the object")
        at_start = calls.loads
        images = [context.picture(3, (400, 300)) for _ in range(3)]
        endpoint = getattr(instance, api.name)
        # Two files have the same name, and two are in the same folder.
        paths = [Path(folder, name) for name in ("a/card.png", "b/card.png", "a/photo.png")]
        given = map(argument, [api] * 3, images, paths)
        outcomes = interleaved([partial(endpoint, **each) for each in given])
        got = [context.call(outcome.result) for outcome in outcomes]
        if (at_start, calls.loads) != (1, 1):
            context.fail(
                f"The model was loaded {at_start} times when the object was made, and "
                f"{calls.loads - at_start} times in three requests; once and never were expected.",
                mistake="loads_each_time" if calls.loads - at_start == 3 else None,
            )
        for image, result in zip(images, got, strict=True):
            pixels = _pixels(context, finished(result))
            if is_another(pixels, image, images):
                context.fail(
                    "A request was answered with another request's image.",
                    cause="Shared state (self, a global, a file) held the image of another "
                    "request.",
                )
            is_drawn(context, pixels, image)
        another = argument(api, images[0], paths[0])
        passes_errors_on(context, endpoint, what="the endpoint", **another)


def _pixels(context: Context, result: Any) -> Any:
    """Return the pixels of what an endpoint returns: bytes, the path of a file, or an image."""
    if isinstance(result, Image.Image):
        return pixels_of(result)
    data = result.read_bytes() if isinstance(result, Path) else result
    return decoded(context, data, "The endpoint's answer", "RGB")


def _ask(context: Context, running: Any, image: Any) -> None:
    response = running.post("/render", files={"image": ("card.png", encoded(image), "image/png")})
    if response.status_code != 200:
        running.json(response)
    kind = response.headers.get("content-type", "none").partition(";")[0]
    pixels = decoded(context, response.content, "POST /render", "RGB")
    context.expect(
        kind == "image/png",
        f"POST /render has the Content-Type {kind}; image/png was expected.",
        mistake=None if kind.startswith("image/") else "no_type",
        layer="schema",
    )
    is_drawn(context, pixels, image)
