"""Checks of lab 03: answering with a picture."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from bentoml import Service
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from labs.engine import Context, exercise, fake_core
from services.id_card.detector import Detection

Pixels = NDArray[np.int16]

_NEAR = 6
"""How many pixels a frame may lie off the box's edge, or be wide."""


def _pixels(picture: Any) -> Pixels:
    return np.asarray(picture, dtype=np.int16)


def _framed(pixels: Pixels, before: Pixels, box: tuple[float, ...]) -> list[bool]:
    """Say for the left, right and lower edge of a box whether something was drawn along it.

    The upper edge is left out: a label may cover it. So is what lies near the corners.
    """
    x1, y1, x2, y2 = (round(side) for side in box)
    drawn = (pixels != before).any(axis=2)
    height = slice((y1 + y2) // 2, y2 - _NEAR)
    width = slice(x1 + _NEAR, x2 - _NEAR)
    strips = (
        drawn[height, max(0, x1 - _NEAR) : x1 + _NEAR].any(axis=1),
        drawn[height, x2 - _NEAR : x2 + _NEAR].any(axis=1),
        drawn[y2 - _NEAR : y2 + _NEAR, width].any(axis=0),
    )
    return [bool(strip.mean() > 0.9) for strip in strips]


def _inner(pixels: Pixels, box: tuple[float, ...]) -> Pixels:
    """Return the lower middle of a box, away from its frame and from a label."""
    x1, _, x2, y2 = (round(side) for side in box)
    bottom = y2 - _NEAR - 2
    return pixels[bottom - 3 : bottom, x1 + _NEAR + 2 : x2 - _NEAR - 2]


def _is_drawn(
    context: Context, got: Pixels, before: Pixels, found: list[Detection], where: str
) -> None:
    """Fail unless every box has its frame and the card in it is as it was."""
    framed = [_framed(got, before, each.box) for each in found]
    whole = sum(all(sides) for sides in framed)
    if whole < len(found):
        several = len(found) > 1
        mistake = "first_box" if several and framed[0] == [True] * 3 and whole == 1 else None
        if not any(any(sides) for sides in framed):
            mistake = "nothing_drawn"
        context.fail(
            f"{whole} of {len(found)} boxes have a frame along their edges.",
            where=where,
            mistake=_declared(context, mistake),
        )
    for each in found:
        if (_inner(got, each.box) != _inner(before, each.box)).any():
            context.fail(
                "The inside of a box is not what it was in the picture.",
                where=where,
                mistake=_declared(context, "filled"),
            )
    if not found:
        context.expect(
            bool((got == before).all()),
            "A picture without boxes came back altered.",
            where=where,
        )


def _declared(context: Context, mistake: str | None) -> str | None:
    """Return the mistake where the exercise names it: several exercises draw."""
    return mistake if mistake in context.exercise.mistakes else None


def _is_picture(context: Context, got: Any, size: tuple[int, int], what: str, where: str) -> None:
    if not isinstance(got, Image.Image):
        context.fail(
            f"{what} is of type {type(got).__name__}; a PIL image was expected.",
            where=where,
            mistake="an_array" if isinstance(got, np.ndarray) else None,
            layer="schema",
        )
    context.expect(
        got.size == size and got.mode == "RGB",
        f"{what} is {got.mode} of {got.size[0]} by {got.size[1]} pixels; RGB of {size[0]} by "
        f"{size[1]} was expected.",
        where=where,
        layer="schema",
    )


@exercise(
    "lab03.ex1",
    "Draw on a copy",
    points=2,
    minutes=6,
    difficulty=1,
    importance=4,
    hints=(
        "A picture that came in belongs to somebody else: the next step may need it as it was. "
        "Whoever draws, draws on a copy.",
        "`picture.copy()` makes one. `ImageDraw.Draw(canvas)` gives a pen, and "
        "`pen.rectangle(box, outline=…, width=…)` draws a frame.",
        "`canvas = picture.copy()`, then `pen = ImageDraw.Draw(canvas)`, then "
        "`for box in boxes: pen.rectangle(box, outline='magenta', width=3)`, then return `canvas`.",
    ),
    help=(
        (
            "What differs: frames(picture, boxes) is of type ImageDraw",
            "`ImageDraw.Draw` gives a pen. Return the picture that it draws on.",
        ),
        (
            "ValueError: x1 must be greater than or equal to x0",
            "A box is (left, top, right, bottom). Hand it over in this order, as it is.",
        ),
    ),
    mistakes={
        "draws_on_original": "You drew on the picture that you were given. Whoever looks at it "
        "next sees your frames.",
        "first_box": "Only the first box has a frame. Go over all of them.",
        "filled": "`fill` paints over the card. A frame is an `outline`.",
        "nothing_drawn": "The picture came back without frames.",
        "an_array": "An array has no size and no mode that the caller could ask for. "
        "`Image.fromarray` makes a picture of it.",
        "left_only": "A frame has four sides.",
    },
)
def frames(context: Context, answer: Callable[..., Any]) -> None:
    """Hold ``frames(picture, boxes)`` to what a frame is, whatever its colour and width."""
    for cards in (3, 0, *context.random.sample([1, 2, 4, 5], 2)):
        picture = context.picture(cards)
        found = fake_core.detections(picture)
        before = _pixels(picture).copy()
        where = f"a picture with {cards} boxes"
        got = context.call(answer, picture, [each.box for each in found], where=where)
        if (_pixels(picture) != before).any() or got is picture:
            context.fail(
                "The very picture that was handed in came back, not a copy."
                if got is picture and not found
                else "The picture that was handed in is not the same afterwards.",
                where=where,
                mistake="draws_on_original",
            )
        _is_picture(context, got, picture.size, "frames(picture, boxes)", where)
        after = _pixels(got)
        sides = [_framed(after, before, each.box) for each in found]
        if found and all(one == [True, False, False] for one in sides):
            context.fail("Each box has one side only.", where=where, mistake="left_only")
        _is_drawn(context, after, before, found, where)
    context.note(pictures=4)


class _Result:
    """What ultralytics' ``Results`` is to its caller here: ``plot()`` gives an array, BGR."""

    def __init__(self, picture: Any) -> None:
        self._picture = picture

    def plot(self) -> NDArray[np.uint8]:
        return np.ascontiguousarray(np.asarray(self._picture)[:, :, ::-1])


@exercise(
    "lab03.ex2",
    "The right colours, without loss",
    points=2,
    minutes=7,
    difficulty=2,
    importance=4,
    hints=(
        "Two conventions meet here. OpenCV, and so ultralytics' plot(), orders a pixel blue, "
        "green, red; PIL and every browser red, green, blue.",
        "`pixels[:, :, ::-1]` turns the last axis, the channels, round. "
        "`Image.fromarray(array)` makes a picture, and `picture.save(buffer, format='PNG')` "
        "writes it into an `io.BytesIO()`.",
        "`buffer = io.BytesIO()`, "
        "`Image.fromarray(result.plot()[:, :, ::-1]).save(buffer, format='PNG')`, and "
        "`buffer.getvalue()` are the bytes.",
    ),
    help=(
        (
            "ValueError: unknown file extension",
            "A buffer has no name that could tell the format: `save(buffer, format='PNG')`.",
        ),
        (
            "ndarray is not C-contiguous",
            "`np.ascontiguousarray(…)` copies a turned array into order.",
        ),
    ),
    mistakes={
        "bgr": "Red and blue are swapped. plot() gives OpenCV's order of the channels.",
        "upside_down": "[::-1] alone turns the first axis round, so the picture stands on its "
        "head. The channels are the last axis: [:, :, ::-1].",
        "jpeg": "JPEG changes the pixels a little, each time that it is written. PNG does not.",
        "not_bytes": "Over HTTP go bytes. Ask the buffer for them: getvalue().",
        "empty": "After writing, the buffer's position is at its end, so read() finds nothing. "
        "getvalue() gives all of it.",
    },
)
def png(context: Context, answer: Callable[..., Any]) -> None:
    """Decode what ``png_of(result)`` returns and compare it pixel by pixel."""
    for number in range(4):
        size = (context.random.randint(130, 300), context.random.randint(130, 300))
        picture = context.picture(context.random.randint(1, 4), size)
        # A pixel of its own in the upper left corner, so that a turned picture always shows.
        picture.putpixel((0, 0), (250, 10 + number, 90))
        where = f"a result of {size[0]} by {size[1]} pixels"
        got = context.call(answer, _Result(picture), where=where)
        if not isinstance(got, bytes | bytearray | memoryview):
            context.fail(
                f"png_of(result) is of type {type(got).__name__}; bytes were expected.",
                where=where,
                mistake="not_bytes",
                layer="schema",
            )
        decoded = _decoded(context, bytes(got), where, "png_of(result)")
        want = np.asarray(picture)
        for mistake, wrong in (("bgr", want[:, :, ::-1]), ("upside_down", want[::-1, :, ::-1])):
            if np.array_equal(decoded, wrong):
                context.fail(
                    f"A pixel that is {tuple(want[0, 0].tolist())} in the picture is "
                    f"{tuple(decoded[0, 0].tolist())} in the PNG.",
                    where=where,
                    mistake=mistake,
                )
        context.expect(
            np.array_equal(decoded, want), "The PNG's pixels are not the picture's.", where=where
        )
    context.note(pictures=4)


def _decoded(context: Context, data: bytes, where: str, what: str) -> NDArray[np.uint8]:
    """Return the pixels of a PNG, or fail."""
    if not data:
        context.fail(f"{what} is empty.", where=where, mistake="empty", layer="schema")
    try:
        picture = Image.open(io.BytesIO(data))
        picture.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        context.fail(f"{what} is no picture.", where=where, layer="schema")
    if picture.format != "PNG":
        context.fail(
            f"{what} is a {picture.format}; a PNG was asked for.",
            where=where,
            mistake="jpeg" if picture.format == "JPEG" else None,
            layer="schema",
        )
    return np.asarray(picture.convert("RGB"))


class _Waiting:
    """A detector whose calls wait until another one is under way, for a moment."""

    def __init__(self, parties: int) -> None:
        self._barrier = threading.Barrier(parties)

    def detect(self, images: Any) -> list[list[Detection]]:
        found = [fake_core.detections(image) for image in images]
        with suppress(threading.BrokenBarrierError):  # one at a time is slow, and right
            self._barrier.wait(timeout=1.0)
        return found


@contextmanager
def _watched_files() -> Iterator[list[str]]:
    """Note the paths that pictures are saved to meanwhile."""
    paths: list[str] = []
    save = Image.Image.save

    def watched(self: Image.Image, fp: Any, *args: Any, **options: Any) -> None:
        if isinstance(fp, str | Path):
            paths.append(str(Path(fp).resolve()))
        save(self, fp, *args, **options)

    with patch.object(Image.Image, "save", watched):
        yield paths


@exercise(
    "lab03.ex3",
    "Two requests at once",
    points=3,
    minutes=12,
    difficulty=3,
    importance=5,
    seconds=120,
    hints=(
        "A server answers several requests at the same time. What is kept outside of the function, "
        "in a file or in a global, belongs to whoever wrote it last.",
        "Everything fits in local variables: `Image.open(io.BytesIO(upload))` reads, your "
        "`frames` draws, an `io.BytesIO()` of this call takes the PNG.",
        "`picture = Image.open(io.BytesIO(upload)).convert('RGB')`, "
        "`[found] = detector.detect([picture])`, then `frames(picture, [d.box for d in found])`, "
        "saved into a new buffer.",
    ),
    help=(
        (
            "UnidentifiedImageError: cannot identify image file",
            "`upload` are the bytes of a file, not its name: `Image.open(io.BytesIO(upload))`.",
        ),
        (
            "TypeError: … got one image. Use [image].",
            "`detect` takes a list and returns a list, one for each picture: use `[picture]`.",
        ),
    ),
    mistakes={
        "one_file": "Every request writes the same file. Between one request's writing and its "
        "reading, another one writes: that is the race of notebook 03.",
        "shared": "The picture is kept where all requests see it, so the second request's picture "
        "took the place of the first's.",
        "first_box": "Only the first box has a frame. Go over all of them.",
        "nothing_drawn": "The picture came back without frames.",
        "filled": "The card in the box is painted over. Draw the frame only.",
        "not_bytes": "Over HTTP go bytes. Ask the buffer for them: getvalue().",
        "empty": "After writing, the buffer's position is at its end. getvalue() gives all of it.",
        "jpeg": "The task asks for a PNG: JPEG changes the pixels.",
    },
)
def render(context: Context, answer: Callable[..., Any]) -> None:
    """Call ``render(detector, upload)`` alone, then from several threads on different pictures."""
    pictures = [context.picture(cards, (400, 300)) for cards in (3, 1, 2, 4)]
    with _watched_files() as paths:
        for picture in (pictures[0], context.picture(0)):
            got = context.call(
                answer, _Waiting(1), _upload(picture), where=f"a PNG of {picture.size} pixels"
            )
            _is_answer(context, got, picture, "one request alone")
        detector = _Waiting(len(pictures))
        with ThreadPoolExecutor(len(pictures)) as threads:
            work = [threads.submit(answer, detector, _upload(picture)) for picture in pictures]
        where = f"{len(pictures)} requests at once, each with its own picture"
        if len(set(paths)) < len(paths):
            context.fail(
                f"{len(paths)} requests wrote the file {Path(paths[0]).name}.",
                where=where,
                mistake="one_file",
            )
        answers = [context.call(one.result, where=where) for one in work]
    for got, picture in zip(answers, pictures, strict=True):
        _is_answer(context, got, picture, where, others=pictures)
    context.note(at_once=len(pictures))


def _upload(picture: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def _is_answer(
    context: Context, got: Any, picture: Any, where: str, others: list[Any] | None = None
) -> None:
    if not isinstance(got, bytes | bytearray | memoryview):
        context.fail(
            f"render(detector, upload) is of type {type(got).__name__}; bytes were expected.",
            where=where,
            mistake="not_bytes",
            layer="schema",
        )
    decoded = _decoded(context, bytes(got), where, "render(detector, upload)").astype(np.int16)
    before = _pixels(picture)
    context.expect(
        decoded.shape == before.shape,
        f"The answer has {decoded.shape[1]} by {decoded.shape[0]} pixels; the picture has "
        f"{before.shape[1]} by {before.shape[0]}.",
        where=where,
        layer="schema",
    )
    unlike = partial(_unlike, decoded)
    if others and min(others, key=unlike) is not picture:
        context.fail(
            "A request was answered with another request's picture.",
            where=where,
            mistake="shared",
        )
    _is_drawn(context, decoded, before, fake_core.detections(picture), where)


def _unlike(pixels: Pixels, picture: Any) -> float:
    """Return the share of pixels in which an answer differs from a picture."""
    return float((pixels != _pixels(picture)).any(axis=2).mean())


@exercise(
    "lab03.ex4",
    "Design it: POST /render",
    points=3,
    minutes=12,
    difficulty=4,
    importance=4,
    seconds=180,
    hints=(
        "An endpoint that answers with a picture says so in its return type; BentoML takes the "
        "Content-Type from there. The model is loaded once, when the service is made.",
        "`ImageFile = Annotated[Path, ContentType('image/*')]` for what comes in and "
        "`Png = Annotated[bytes, ContentType('image/png')]` for what goes out, as in notebook 03.",
        "`@bentoml.api(route='/render')` above `def render(self, image: ImageFile) -> Png:`, which "
        "returns `render(self.detector, image.read_bytes())`, your function of exercise 3.",
    ),
    help=(
        (
            "RecursionError, or a method that calls itself",
            "Inside the class, `render(…)` is your function of exercise 3 and `self.render(…)` is "
            "the endpoint. Call the first.",
        ),
        (
            "POST /render answered 404",
            "The path is the method's name, or `@bentoml.api(route='/render')`.",
        ),
    ),
    mistakes={
        "no_service": "check wants the class with @bentoml.service above it.",
        "wrong_path": "The path is the method's name, unless the decorator gives a route.",
        "no_type": "Without a ContentType the answer is some bytes, and a browser offers them "
        "for download instead of showing a picture.",
        "unchanged": "The picture came back as it was sent; nothing was drawn on it.",
        "jpeg": "The task asks for a PNG: JPEG changes the pixels.",
        "loads_each_time": "The model is loaded by the endpoint, so every request waits for it. "
        "Load it in __init__.",
    },
)
def service(context: Context, answer: Any) -> None:
    """Look at the service, then serve it with the fake core and ask for pictures."""
    if not isinstance(answer, Service):
        context.fail(
            f"CardRenderer is a plain {type(answer).__name__}, no BentoML service.",
            mistake="no_service",
            layer="import",
        )
    routes = {api.route for api in answer.apis.values()}
    if "/render" not in routes:
        context.fail(
            f"There is no endpoint /render; there are {sorted(routes)}.",
            mistake="wrong_path",
            layer="request",
        )
    with context.fake_core() as calls:
        context.call(answer.inner, where="making the object, as a server does at start")
        if calls.loads != 1:
            context.fail(
                f"The model was loaded {calls.loads} times when the service was made; once was "
                "expected.",
                mistake="loads_each_time",
                layer="start",
            )
    with context.serve(answer, fake_core=True) as running:
        for cards in (2, 0, context.random.randint(3, 5)):
            _ask(context, running, context.picture(cards), f"a PNG with {cards} cards")
    context.note(pictures=3)


def _ask(context: Context, running: Any, picture: Any, where: str) -> None:
    upload = _upload(picture)
    response = running.post("/render", files={"image": ("card.png", upload, "image/png")})
    if response.status_code != 200:
        context.fail(
            f"POST /render answered {response.status_code}: {response.text[:120]}",
            where=where,
            layer="request",
        )
    data = response.content
    pixels = _decoded(context, data, where, "POST /render").astype(np.int16)
    kind = response.headers.get("content-type", "none").partition(";")[0]
    context.expect(
        kind == "image/png",
        f"POST /render says that its content is {kind}; image/png was expected.",
        where=where,
        mistake="no_type",
        layer="schema",
    )
    before = _pixels(picture)
    context.expect(pixels.shape == before.shape, "The answer has another size.", where=where)
    found = fake_core.detections(picture)
    if found and (pixels == before).all():
        context.fail("POST /render answered with the upload.", where=where, mistake="unchanged")
    _is_drawn(context, pixels, before, found, where)
