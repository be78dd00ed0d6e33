"""lab03.ex4: Design it: POST /render."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any
from unittest.mock import MagicMock

from bentoml import Service
from PIL import Image

from labs.checks.detections import made_from_environment, passes_errors_on
from labs.checks.lab03.drawings import decoded, pixels_of, png_of
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
            _ask(context, running, image, f"a PNG of mode {mode} with {cards} cards")
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
    where = "three requests at the same time, each with its own image"
    with context.fake_core() as calls, TemporaryDirectory() as folder:
        with made_from_environment(context, calls):
            instance = context.call(answer, where="when a worker starts and creates the object")
        at_start = calls.loads
        images = [context.picture(3, (400, 300)) for _ in range(3)]
        # Two files have the same name, and two are in the same folder.
        paths = [Path(folder, name) for name in ("a/card.png", "b/card.png", "a/photo.png")]
        for image, path in zip(images, paths, strict=True):
            path.parent.mkdir(exist_ok=True)
            image.save(path)
        endpoint = partial(getattr(instance, api.name))
        given = [_opened(api, path) for path in paths]
        calls_at_once = [
            partial(endpoint, image=each, **_served(api, mkdtemp(dir=folder))) for each in given
        ]
        outcomes = interleaved(calls_at_once)
        got = [context.call(outcome.result, where=where) for outcome in outcomes]
        if (at_start, calls.loads) != (1, 1):
            context.fail(
                f"The model was loaded {at_start} times when the object was made, and "
                f"{calls.loads - at_start} times in three requests; once and never were expected.",
                mistake="loads_each_time" if calls.loads - at_start == 3 else None,
            )
        for image, result in zip(images, got, strict=True):
            pixels = _pixels(context, finished(result), where)
            if is_another(pixels, image, images):
                context.fail(
                    "A request was answered with another request's image.",
                    where=where,
                    cause="Shared state (self, a global, a file) held the image of another "
                    "request.",
                )
            is_drawn(context, pixels, image, where)
        another = _served(api, mkdtemp(dir=folder))
        passes_errors_on(
            context, endpoint, what="the endpoint", image=_opened(api, paths[0]), **another
        )


def _opened(api: Any, path: Path) -> Any:
    """Return what BentoML passes to the endpoint: a PIL image or the path of a file."""
    return Image.open(path) if _takes_images(api) else path


def _served(api: Any, folder: str) -> dict[str, Any]:
    """Return the context of a request, where the endpoint has a parameter for it."""
    return {api.ctx_param: MagicMock(temp_dir=folder)} if api.ctx_param else {}


def _takes_images(api: Any) -> bool:
    """Say whether BentoML passes a PIL image to the endpoint, not the path of a file."""
    annotation = str(api.func.__annotations__.get("image", ""))
    return "PIL.Image" in annotation


def _pixels(context: Context, result: Any, where: str) -> Any:
    """Return the pixels of what an endpoint returns: bytes, the path of a file, or an image."""
    if isinstance(result, Image.Image):
        return pixels_of(result)
    data = result.read_bytes() if isinstance(result, Path) else result
    return decoded(context, data, "The endpoint's answer", where, "RGB")


def _ask(context: Context, running: Any, image: Any, where: str) -> None:
    response = running.post("/render", files={"image": ("card.png", png_of(image), "image/png")})
    if response.status_code != 200:
        running.json(response, where=where)
    kind = response.headers.get("content-type", "none").partition(";")[0]
    pixels = decoded(context, response.content, "POST /render", where, "RGB")
    context.expect(
        kind == "image/png",
        f"POST /render has the Content-Type {kind}; image/png was expected.",
        where=where,
        mistake=None if kind.startswith("image/") else "no_type",
        layer="schema",
    )
    is_drawn(context, pixels, image, where)
