"""lab02.ex2: A client that reads refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from labs.engine import Context, fake_core


class _EndlessError(BaseException):
    """The client repeats its request without end."""


class _Server:
    """Answers every request with the same reply, and keeps what it received."""

    def __init__(self, status: int, **reply: Any) -> None:
        self.reply = lambda: httpx.Response(status, **reply)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        if len(self.requests) > 20:
            raise _EndlessError
        return self.reply()


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Call ``ask(client, data)`` with a server that replies as ours does."""
    for cards in (2, 0, 3):
        _answered(context, answer, fake_core.boxes(context.picture(cards)))
    others = context.random.sample([402, 405, 406, 409, 410, 418, 423, 428, 431, 451], 3)
    for status in (400, 401, 404, 413, 415, 422, 429, 499, *others):
        _refused(context, answer, status)
    error = {"error": {"code": "internal", "message": "It broke.", "hint": "Try again."}}
    for status, reply in (
        (500, {"text": "Internal Server Error"}),
        (502, {"html": "<h1>Bad Gateway</h1>"}),
        (503, {"json": error}),
        (504, {"text": ""}),
        (507, {"json": []}),
        (599, {"json": error}),
    ):
        _broken(context, answer, status, reply)
    context.note(replies=20)


def _call(
    context: Context, answer: Callable[..., Any], server: _Server, where: str
) -> tuple[Any, Exception | None, bytes]:
    """Return what the client returned, what it raised, and the data that it was given."""
    data, transport = context.random.randbytes(40), httpx.MockTransport(server)
    got, raised = None, None
    with httpx.Client(transport=transport, base_url="http://service") as http:
        try:
            got = answer(http, data)
        except Exception as error:
            raised = error
        except _EndlessError:
            raised = RecursionError()
        context.expect(not http.is_closed, "You closed the caller's client.", where=where)
    if isinstance(raised, RecursionError):
        context.fail("ask repeated its request without end.", where=where, layer="request")
    if not server.requests:
        if raised is not None:
            raise context.raised(raised, where=where) from raised
        context.fail("ask sent no request with the client.", where=where, layer="request")
    return got, raised, data


def _answered(context: Context, answer: Callable[..., Any], want: Any) -> None:
    where = f"a 200 answer with {len(want)} boxes"
    server = _Server(200, json=want)
    got, raised, data = _call(context, answer, server, where)
    request = server.requests[0]
    line = f"{request.method} {request.url.path}"
    differs = f"ask sent {line}; POST /inference was expected."
    context.expect(line == "POST /inference", differs, where=where, layer="request")
    body = request.content
    fields = [part.split(b'"')[1].decode() for part in body.split(b"form-data; name=")[1:]]
    if fields != ["image"]:
        context.fail(
            f"The server received the form fields {fields}; ['image'] was expected.",
            where=where,
            mistake="wrong_field",
            layer="request",
        )
    context.expect(
        data in body and b"; filename=" in body,
        "The form field 'image' is not a file with the bytes that were passed in.",
        where=where,
        layer="request",
    )
    if raised is not None:
        raise context.raised(raised, where=where) from raised
    context.same(got, want, what="ask(client, data)", where=where)


def _refused(context: Context, answer: Callable[..., Any], status: int) -> None:
    where = f"a refusal, status {status}"
    number = context.random.randint(10, 99)
    message = f'"photo.png" has {number} MB, and the largest upload that is accepted has 5 MB.'
    hint = f"Send at most 5 MB → scale the image down to {status} pixels, or save it as a JPEG."
    error = {"code": "c", "message": message, "hint": hint}
    got, raised, _ = _call(context, answer, _Server(status, json={"error": error}), where)
    if raised is None:
        value = context.plain(got, what="ask(client, data)", where=where)
        context.fail(
            f"ask returned {value!r}; a ValueError was expected.",
            where=where,
            mistake="no_status" if value == {"error": error} else None if value else "swallows",
        )
    context.expect(
        isinstance(raised, ValueError),
        f"ask raised {type(raised).__name__}: {raised}; a ValueError was expected.",
        where=where,
    )
    for part in ("message", "hint"):
        context.expect(
            error[part] in str(raised),
            f"The ValueError says {str(raised)!r}; the {part} {error[part]!r} is missing.",
            where=where,
            mistake="no_hint" if part == "hint" else None,
        )


def _broken(
    context: Context, answer: Callable[..., Any], status: int, reply: dict[str, Any]
) -> None:
    body = next(iter(reply.values()))
    where = f"a broken server, status {status}, which sends {body!r}"
    got, raised, _ = _call(context, answer, _Server(status, **reply), where)
    if isinstance(raised, RuntimeError):
        return
    did = f"returned {got!r}" if raised is None else f"raised {type(raised).__name__}"
    context.fail(
        f"ask {did}; a RuntimeError was expected.",
        where=where,
        mistake="server_error" if isinstance(raised, ValueError) else None,
    )
