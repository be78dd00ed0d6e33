"""The endpoint ``/inference`` of a service, called without a server, and by a client."""

from __future__ import annotations

import inspect
import io
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args
from unittest.mock import MagicMock

from bentoml import Service
from PIL import Image

from labs.checks.detections import between_pixels, passes_errors_on
from labs.engine import Context, fake_core
from labs.engine.interleaving import finished, interleaved
from labs.engine.serving import Service as Running

_IMAGES = ((5, "RGB", (320, 240)), (0, "RGB", (150, 300)), (1, "RGBA", (900, 700)))
"""How many cards, the mode and the size of the images that are sent one after another."""


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    """Return an image as the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, format=kind)
    return buffer.getvalue()


def endpoint_of(context: Context, answer: Any) -> Any:
    """Return the service's endpoint ``/inference``, or fail."""
    if not isinstance(answer, Service):
        context.fail(
            f"A {type(answer).__name__} was passed to check; a class decorated with "
            "@bentoml.service was expected.",
            layer="import",
        )
    for api in answer.apis.values():
        if api.route.strip("/") == "inference":
            return api
    routes = [api.route for api in answer.apis.values()]
    context.fail(f"There is no endpoint /inference; the service has {routes}.", layer="request")


def call_without_server(context: Context, answer: Any, mistakes: set[str]) -> None:
    """Make the service's object, call its endpoint with files, then with several at once.

    Parameters
    ----------
    mistakes : set of str
        The mistakes that the exercise names.
    """
    api = endpoint_of(context, answer)
    with (
        context.fake_core(confidences=fake_core.UNSURE) as calls,
        between_pixels(),
        TemporaryDirectory() as folder,
    ):
        instance = context.call(answer, where="when a worker starts and creates the object")
        at_start = calls.loads
        endpoint = getattr(instance, api.name)
        for cards, mode, size in _IMAGES:
            image = context.picture(cards, size).convert(mode)
            want = fake_core.boxes(image)
            where = f"a PNG of mode {mode}, {size[0]} by {size[1]} pixels, with {cards} cards"
            given = _argument(api, image, Path(folder) / str(cards))
            got = context.call(_call, endpoint, given, where=where, because=_because(mistakes))
            named: list[tuple[str, Any]] = [("nested", [want])]
            named += [("first_box", want[:1]), ("first_box", want[0])] if len(want) > 1 else []
            context.same(
                got,
                want,
                what="inference(image)",
                where=where,
                mistakes=[pair for pair in named if pair[0] in mistakes],
                types={"Detection": "not_plain"} if "not_plain" in mistakes else {},
            )
        context.expect(
            calls.loads == at_start,
            f"The model was loaded {calls.loads - at_start} times in three requests; it was "
            "expected to be loaded in the constructor only.",
            mistake="loads_each_time" if "loads_each_time" in mistakes else None,
        )
        images = [context.picture(3) for _ in range(3)]
        folders = [Path(folder) / f"{n}-at-once" for n in range(3)]
        outcomes = interleaved(
            [
                partial(endpoint, **_argument(api, *each))
                for each in zip(images, folders, strict=True)
            ]
        )
        for image, outcome in zip(images, outcomes, strict=True):
            where = "three requests at the same time"
            got = context.plain(context.call(outcome.result, where=where), where=where)
            if got != fake_core.boxes(image) and got in map(fake_core.boxes, images):
                context.fail(
                    "A request was answered with the boxes of another request's image.",
                    where=where,
                    mistake="shared" if "shared" in mistakes else None,
                    cause="self is the same object for all requests. Keep values in local "
                    "variables.",
                )
            context.same(got, fake_core.boxes(image), what="inference(image)", where=where)
        given = _argument(api, context.picture(2), Path(folder) / "fails")
        passes_errors_on(context, endpoint, what="inference", **given)


def _because(mistakes: set[str]) -> Any:
    def because(error: BaseException) -> str | None:
        takes_images = "detect takes PIL images" in str(error)
        return "no_image" if takes_images and "no_image" in mistakes else None

    return because


def _call(endpoint: Any, given: dict[str, Any]) -> Any:
    return finished(endpoint(**given))


def _argument(api: Any, image: Image.Image, folder: Path) -> dict[str, Any]:
    """Return what BentoML passes to the endpoint: a PIL image or the path of a file, its context.

    Each request has a folder, and many clients call their file the same.
    """
    folder.mkdir()
    path = folder / "card.png"
    image.save(path)
    context = {api.ctx_param: MagicMock(temp_dir=str(folder))} if api.ctx_param else {}
    parameter = next(iter(list(inspect.signature(api.func).parameters.values())[1:]))
    kind = next(iter(get_args(parameter.annotation)), parameter.annotation)
    is_image = inspect.isclass(kind) and issubclass(kind, Image.Image)
    return {parameter.name: image if is_image else path, **context}


def are_answered_at_once(context: Context, running: Running, images: list[Image.Image]) -> None:
    """Fail unless good images that are sent at the same time get every box of their own."""
    uploads = [{"image": ("card.png", encoded(image), "image/png")} for image in images]
    where = f"{len(images)} good images at the same time"
    with ThreadPoolExecutor(len(images)) as threads:
        replies = list(threads.map(lambda files: running.post("/inference", files=files), uploads))
    for image, reply in zip(images, replies, strict=True):
        got = running.json(reply, where=where)
        context.same(got, fake_core.boxes(image), what="POST /inference", where=where)


def is_answered(context: Context, running: Running, image: Image.Image, kind: str = "PNG") -> None:
    """Fail unless a good image gets every box."""
    data = encoded(image, kind)
    upload = {"image": (f"card.{kind.lower()}", data, f"image/{kind.lower()}")}
    where = f"a good {kind} of {len(data):,} bytes over HTTP"
    got = running.json(running.post("/inference", files=upload), where=where)
    context.same(got, fake_core.boxes(image), what="POST /inference", where=where)
