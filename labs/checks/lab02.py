"""Checks of lab 02: the service, its clients, and uploads that are no pictures."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from bentoml import Service
from PIL import Image

from labs.engine import Context, exercise, fake_core
from labs.engine.serving import Service as Running
from services.errors import InputError


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


@contextmanager
def _file(data: bytes, suffix: str = ".png") -> Iterator[Path]:
    """Write a file that is gone after the block."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"upload{suffix}"
        path.write_bytes(data)
        yield path


def _require_service(context: Context, answer: Any) -> None:
    if not isinstance(answer, Service):
        context.fail(
            "What you passed to check is no BentoML service.",
            mistake="no_service",
            layer="import",
        )


@exercise(
    "lab02.ex1",
    "The endpoint",
    points=2,
    minutes=6,
    difficulty=1,
    importance=5,
    seconds=120,
    hints=(
        "The service's constructor has loaded the model already. The endpoint turns the upload "
        "into a picture, asks the core, and gives plain data back.",
        "`picture_of(image)` reads the upload. `self.detector.detect([…])` is the core; each "
        "detection has `as_dict()`.",
        "`[found] = self.detector.detect([picture_of(image)])`, then a list with the JSON of each.",
    ),
    help=(
        (
            "TypeError: detect takes PIL images; got PosixPath.",
            "BentoML hands over the path of a file. `picture_of(image)` makes a picture of it.",
        ),
        (
            "'bool' object has no attribute …, or a 500 answer that names Detection",
            "Return plain data: `detection.as_dict()` for each detection.",
        ),
    ),
    mistakes={
        "no_service": "The decorator @bentoml.service makes a service of the class. Keep it.",
        "no_picture": "The endpoint gets the path of a file, and the core wants pictures: "
        "picture_of(image).",
        "first_box": "You return the first box alone; the client wants one dictionary for each.",
        "nested": "You return one list for each picture, and a request has one picture only.",
        "not_plain": "Detection objects are not JSON. as_dict() makes a dictionary of each.",
        "loads_each_time": "A model is loaded for each request. The constructor has loaded one: "
        "self.detector.",
    },
)
def endpoint(context: Context, answer: Any) -> None:
    """Call the class without a server, then serve it with the fake core."""
    _require_service(context, answer)
    with context.fake_core() as calls:
        instance = context.call(answer, where="making the object, as a worker does at start")
        at_start = calls.loads
        for cards in (3, 0, context.random.randint(1, 5)):
            picture = context.picture(cards)
            want = fake_core.boxes(picture)
            where = f"a PNG with {cards} cards"
            with _file(_png(picture)) as path:
                got = context.call(instance.inference, image=path, where=where, because=_no_picture)
            context.same(
                got,
                want,
                what="inference(image)",
                where=where,
                mistakes=[
                    ("nested", [want]),
                    *([("first_box", want[:1]), ("first_box", want[0])] if want else []),
                ],
                types={"Detection": "not_plain"},
            )
        context.expect(
            calls.loads == at_start,
            f"Three requests loaded {calls.loads - at_start} more models; none was expected.",
            mistake="loads_each_time",
        )
    with context.serve(answer, fake_core=True) as running:
        picture = context.picture(4)
        _is_answered(context, running, picture)
    context.note(pictures=4)


def _no_picture(error: BaseException) -> str | None:
    return "no_picture" if "detect takes PIL images" in str(error) else None


def _is_answered(context: Context, running: Running, picture: Image.Image) -> None:
    """Send a good picture, which must get every box."""
    upload = {"image": ("card.png", _png(picture), "image/png")}
    where = "a good picture over HTTP"
    got = running.json(running.post("/inference", files=upload), where=where)
    context.same(got, fake_core.boxes(picture), what="POST /inference", where=where)


@exercise(
    "lab02.ex2",
    "A client that reads refusals",
    points=3,
    minutes=8,
    difficulty=2,
    importance=4,
    hints=(
        "An answer has a status before it has content. Look at the status first: 200, the "
        "client's fault (4xx), or the server's (5xx).",
        'httpx sends a form with `client.post("/inference", files={"image": data})`. '
        "`response.status_code` is the status, `response.json()` the body; "
        "`response.is_client_error` and `response.is_server_error` tell 4xx from 5xx.",
        'A refusal\'s body is `{"error": {"code", "message", "hint"}}`. Raise '
        "`ValueError(f\"{error['message']} {error['hint']}\")`; for 5xx raise `RuntimeError`.",
    ),
    help=(
        (
            "KeyError: 'error'",
            "Not every answer has an error in it. Look at the status before you read the body.",
        ),
        (
            "json.decoder.JSONDecodeError",
            "A 5xx answer may have a body that is no JSON. Do not read it as JSON.",
        ),
    ),
    mistakes={
        "wrong_field": "The service reads the form field 'image' and nothing else.",
        "no_status": "You took the body of a refusal for an answer: the status was not looked at.",
        "swallows": "A refusal became an empty list. The caller takes it for a picture without "
        "cards.",
        "no_hint": "The hint says what to change, and you did not pass it on.",
        "server_error": "A 5xx is the server's fault. ValueError tells the caller to change the "
        "picture, which will not help.",
    },
)
def client(context: Context, answer: Callable[..., Any]) -> None:
    """Give the learner's client a server that answers as ours do."""
    boxes = [fake_core.boxes(context.picture(cards)) for cards in (2, 0, 3)]
    for want in boxes:
        data = context.random.randbytes(40)
        got, sent = _asked(context, answer, data, httpx.Response(200, json=want), "a 200 answer")
        if sent["field"] != "image" or data not in sent["body"]:
            context.fail(
                f"The server received the form field {sent['field']!r}; the file was expected in "
                "'image'.",
                mistake="wrong_field",
                layer="request",
            )
        context.same(got, want, what="ask(client, data)", where="a 200 answer")
    for status in (400, context.random.choice([413, 415, 422])):
        error = {
            "code": "c",
            "message": f"M{context.random.randint(1, 99)}.",
            "hint": f"H{status}!",
        }
        reply = httpx.Response(status, json={"error": error})
        _refused(context, answer, reply, error)
    for status in (500, context.random.choice([502, 503])):
        _broken(context, answer, status)
    context.note(answers=7)


def _asked(
    context: Context, answer: Callable[..., Any], data: bytes, reply: httpx.Response, where: str
) -> tuple[Any, dict[str, Any]]:
    """Call the learner's client; return what it gave and what the server received."""
    sent: dict[str, Any] = {"field": None, "body": b""}

    def handle(request: httpx.Request) -> httpx.Response:
        body = request.read()
        names = [p.split(b'"')[1].decode() for p in body.split(b"form-data; name=")[1:]]
        sent.update(field=names[0] if names else None, body=body, path=request.url.path)
        return reply

    with httpx.Client(transport=httpx.MockTransport(handle), base_url="http://service") as http:
        got = context.call(answer, http, data, where=where)
    if sent.get("path") != "/inference":
        context.fail(
            f"The request went to {sent.get('path')}; /inference was expected.",
            where=where,
            layer="request",
        )
    return got, sent


def _refused(
    context: Context, answer: Callable[..., Any], reply: httpx.Response, error: dict[str, str]
) -> None:
    where = f"a refusal, status {reply.status_code}"
    raised, got = _raised(answer, reply)
    if raised is None:
        value = context.plain(got, what="ask(client, data)", where=where)
        mistake = "swallows" if not value else "no_status"
        context.fail("ask raised nothing for a refusal.", where=where, mistake=mistake)
    elif not isinstance(raised, ValueError):
        context.fail(
            f"ask raised {type(raised).__name__} for a refusal; ValueError was expected.",
            where=where,
            cause=f"It said: {raised}",
        )
    text = str(raised)
    for part in ("message", "hint"):
        context.expect(
            error[part] in text,
            f"The ValueError says {text!r}; the refusal's {part} {error[part]!r} is not in it.",
            where=where,
            mistake="no_hint" if part == "hint" else None,
        )


def _broken(context: Context, answer: Callable[..., Any], status: int) -> None:
    where = f"a server that is broken, status {status}"
    raised, _ = _raised(answer, httpx.Response(status, text="Internal Server Error"))
    if isinstance(raised, ValueError):
        context.fail(
            f"ask raised {_a_value_error(raised)} for status {status}; RuntimeError was expected.",
            where=where,
            mistake="server_error",
        )
    context.expect(
        isinstance(raised, RuntimeError),
        f"ask raised {type(raised).__name__} for status {status}; RuntimeError was expected."
        if raised
        else f"ask raised nothing for status {status}; RuntimeError was expected.",
        where=where,
    )


def _a_value_error(raised: Exception) -> str:
    name = type(raised).__name__
    return name if name == "ValueError" else f"{name}, a ValueError,"


def _raised(answer: Callable[..., Any], reply: httpx.Response) -> tuple[Exception | None, Any]:
    transport = httpx.MockTransport(lambda request: reply)
    with httpx.Client(transport=transport, base_url="http://service") as http:
        try:
            return None, answer(http, b"some bytes")
        except Exception as error:
            return error, None


@exercise(
    "lab02.ex3",
    "Bytes, and nothing but bytes",
    points=3,
    minutes=10,
    difficulty=3,
    importance=5,
    hints=(
        "Decide in this order: is it bytes at all, is it small enough, can it be decoded to the "
        "last pixel? Each no is an InputError with a status of its own.",
        "`services.id_card.images.decode(data)` decodes completely and raises the right InputError "
        "for what is empty, damaged or no picture. `InputError(message, code=…, status=…, hint=…)` "
        "makes your own.",
        "Text: 422, code `image_not_a_file`. More than max_bytes: 413, code `body_too_large`. "
        "Everything else: `return decode(upload)`.",
    ),
    help=(
        (
            "PIL.UnidentifiedImageError: cannot identify image file",
            "Pillow's own errors must not reach the caller. `decode` makes an InputError of each.",
        ),
        (
            "ValueError: an InputError is the client's to mend, so 4xx",
            "The status of an InputError is 400 to 499.",
        ),
    ),
    mistakes={
        "follows_text": "You opened what the text names: a file on the server's disk. Anyone could "
        "read your server's files through it.",
        "own_error": "Pillow's error passes through. A server answers such an error with 500, and "
        "wakes an operator for a client's broken file.",
        "lazy": "Image.open only reads the header. Half a picture has a whole header: decode it to "
        "the end before you trust it.",
        "too_late": "A body that is too large must be refused before it is decoded: decoding is "
        "what costs.",
        "mode": "The picture is not RGB. The core would see transparency or a palette.",
        "no_hint": "A refusal says what to change: the hint is empty.",
        "code": "Programs read the code, so it has to be the agreed one.",
    },
)
def bytes_only(context: Context, answer: Callable[..., Any]) -> None:
    """Hold ``picture_from(upload, max_bytes)`` to good and bad uploads."""
    for mode in ("RGB", "RGBA", "P"):
        picture = context.picture(context.random.randint(1, 5))
        want = np.asarray(picture.convert(mode).convert("RGB"))
        where = f"a PNG of mode {mode}"
        data = _png(picture.convert(mode))
        got = context.call(answer, data, len(data), where=where)
        if not isinstance(got, Image.Image):
            context.fail(
                f"picture_from returned a {type(got).__name__}; a PIL image was expected.",
                where=where,
                layer="schema",
            )
        context.expect(
            Image.Image.tobytes(got.convert("RGBA"))
            == Image.fromarray(want).convert("RGBA").tobytes(),
            "The picture has other pixels than the upload.",
            where=where,
        )
        context.expect(
            str(got.mode) == "RGB",
            f"The picture has the mode {got.mode}; RGB was expected.",
            where=where,
            mistake="mode",
        )
    whole = _png(context.picture(3, (400, 300)))
    with _file(whole) as path:
        where = "the path of a file"
        code = _is_refused(context, answer, str(path), 10**9, {422}, where, "follows_text")
        _has_code(context, code, "image_not_a_file", where)
    large = context.random.randbytes(300)
    where = "300 bytes, where 299 are allowed"
    code = _is_refused(context, answer, large, 299, {413}, where, "too_late")
    _has_code(context, code, "body_too_large", where)
    text = b"no picture " * context.random.randint(2, 9)
    for upload, statuses, where, mistake in (
        (text, {415}, "a text file", "own_error"),
        (b"", {400}, "an empty file", "own_error"),
        (whole[: len(whole) // 2], {400}, "half a picture", "lazy"),
    ):
        _is_refused(context, answer, upload, 10**9, statuses, where, mistake)
    context.note(uploads=8)


def _has_code(context: Context, code: str, wanted: str, where: str) -> None:
    context.expect(
        code == wanted,
        f"The code is {code!r}; {wanted!r} was expected.",
        where=where,
        mistake="code",
    )


def _is_refused(
    context: Context,
    answer: Callable[..., Any],
    upload: Any,
    max_bytes: int,
    statuses: set[int],
    where: str,
    mistake: str,
) -> str:
    """Fail unless the upload is refused with one of the statuses; return the refusal's code."""
    wanted = f"an InputError with status {', '.join(map(str, sorted(statuses)))} was expected"
    try:
        got = answer(upload, max_bytes)
    except InputError as refusal:
        context.expect(
            refusal.status in statuses,
            f"It was refused with status {refusal.status}; {wanted}.",
            where=where,
            mistake="too_late" if mistake == "too_late" else None,
        )
        context.expect(
            bool(str(refusal.hint).strip()),
            f"The refusal with code {refusal.code!r} has no hint.",
            where=where,
            mistake="no_hint",
        )
        return str(refusal.code)
    except Exception as error:
        failure = context.raised(error, where=where, because=mistake)
        failure.differs += f"; {wanted}."
        raise failure from error
    context.fail(
        f"picture_from returned a {type(got).__name__}; {wanted}.", where=where, mistake=mistake
    )
    return ""


@exercise(
    "lab02.ex4",
    "Design it: a service that cannot be misused",
    points=3,
    minutes=10,
    difficulty=4,
    importance=5,
    seconds=180,
    hints=(
        "The safest place for a check is before the framework reads anything. Notebook 02 calls it "
        "a gate.",
        "`services.id_card.gate.ImageGate` is ASGI middleware. A service takes middleware with "
        "`SERVICE.add_asgi_middleware(ImageGate, paths=(…))`, after the class.",
        '`SafeService.add_asgi_middleware(ImageGate, paths=("/inference",))`. The class is '
        "that of exercise 1, with another name.",
    ),
    help=(
        (
            "POST /inference answered 500",
            "The upload reached your endpoint, which could not read it. What is no picture must be "
            "refused before.",
        ),
        (
            "AttributeError: type object … has no attribute 'add_asgi_middleware'",
            "The class has to be decorated with `@bentoml.service` first.",
        ),
    ),
    mistakes={
        "no_service": "The decorator @bentoml.service makes a service of the class.",
        "no_gate": "A bad upload reached the endpoint and became a 500. Let a gate refuse it "
        "before.",
        "other_path": "The gate guards the paths that it is given, and /inference is not among "
        "them.",
        "opens_text": "The text of a form field was taken for the path of a file, and the server "
        "opened it.",
        "refuses_all": "Good pictures are refused, too.",
    },
)
def safe(context: Context, answer: Any) -> None:
    """Serve it with the fake core and attack it."""
    _require_service(context, answer)
    with context.serve(answer, fake_core=True) as running:
        picture = context.picture(3)
        upload = {"image": ("card.png", _png(picture), "image/png")}
        if 400 <= running.post("/inference", files=upload).status_code < 500:
            context.fail(
                "A good picture was refused.", where="a PNG", mistake="refuses_all", layer="request"
            )
        _is_answered(context, running, picture)
        with _file(_png(picture)) as path:
            for where, request in _attacks(context, path).items():
                _repelled(context, running, request, where)
        _is_answered(context, running, context.picture(2))
        context.note(attacks=7)


def _attacks(context: Context, path: Path) -> dict[str, dict[str, Any]]:
    """Return what every public endpoint meets sooner or later."""
    png = path.read_bytes()
    send: Callable[..., dict[str, Any]] = partial(dict, timeout=30)
    return {
        "the path of a file, as JSON": send(json={"image": str(path)}),
        "the path of a file, as text in the form": send(files={"image": (None, str(path))}),
        "a text file named card.jpg": send(files={"image": ("card.jpg", b"hello", "image/jpeg")}),
        "an empty file": send(files={"image": ("card.jpg", b"", "image/jpeg")}),
        "half a picture": send(files={"image": ("card.png", png[: len(png) // 2], "image/png")}),
        "the wrong field": send(files={"photo": ("card.png", png, "image/png")}),
        "21 million zeros": send(files={"image": ("card.png", bytes(21_000_000), "image/png")}),
    }


def _repelled(context: Context, running: Running, request: dict[str, Any], where: str) -> None:
    response = running.post("/inference", **request)
    if response.status_code == 200 and "path" in where:
        context.fail(
            "The server opened a file of its own disk and answered 200.",
            where=where,
            mistake="opens_text",
        )
    if not 400 <= response.status_code < 500:
        gate = "ImageGate" in running.source
        context.fail(
            f"POST /inference answered {response.status_code}; a 4xx was expected.",
            where=where,
            mistake="other_path" if gate else "no_gate",
            layer="request",
        )
    try:
        error = response.json()["error"]
        told = all(str(error[part]).strip() for part in ("code", "message", "hint"))
    except (ValueError, KeyError, TypeError):
        told = False
    context.expect(
        told,
        f"The refusal's body is {response.text[:80]!r}; an error with code, message and hint was "
        "expected.",
        where=where,
        mistake="other_path" if "ImageGate" in running.source else "no_gate",
        layer="schema",
    )
