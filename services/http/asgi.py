"""ASGI middleware that every HTTP adapter shares: a limit on bodies, and how a refusal is sent.

ASGI is the protocol between a Python web server and an application; see the ASGI specification,
"HTTP & WebSocket ASGI Message Format". Nothing here depends on BentoML.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from starlette.responses import JSONResponse

from services.errors import InputError, ModelError
from services.http.budget import RETRY_AFTER, Budget, OverloadedError

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Refusal = InputError | ModelError
OnRefusal = Callable[[Refusal], object]
BodyFor = Callable[[str, Refusal], Mapping[str, object]]

FREE_BYTES = 2**20
"""Bytes of memory for every body while it arrives; more comes out of a shared budget."""

BUFFERED_BYTES = 128 * 2**20
"""Bytes of memory that all bodies of a process may take beyond that."""


def ignore_refusal(refusal: Refusal) -> None:
    """Do nothing with *refusal*; the default callback of the middleware here."""


def usual_body(path: str, refusal: Refusal) -> Mapping[str, object]:
    """Return the JSON body of a refusal, whatever the path."""
    return refusal.as_dict()


class ClientGoneError(InputError):
    """The client closed the connection before its request was complete.

    Nobody is left to read the answer, but the application must give one all the same: a server
    or a middleware may wait for it. BentoML's timeout middleware waits a full minute.
    """

    def __init__(self) -> None:
        super().__init__(
            "The connection was closed before the request was complete.",
            code="request_incomplete",
            status=400,
            hint="Send all the bytes that Content-Length announces.",
        )


class BodyLimitError(InputError):
    """Raised when an application reads on in a body that :class:`BodyLimit` has refused.

    The application need neither answer nor count it: the limit does both.
    """


class BodyLimit:
    """Refuse a request body that is too large, or that does not arrive in time.

    A body whose ``Content-Length`` is too large is refused before a byte is read. A body without
    that header (chunked) is counted while it arrives. Whatever the application makes of the
    interruption, the client gets the refusal.

    Parameters
    ----------
    app : ASGI application
    max_bytes : int
        The largest body, in bytes. A multipart body is a little larger than the file in it.
    seconds : float
        How long a body may take to arrive.
    on_refusal : callable
        Called once with each refusal that this limit answers with, to count it.
    too_large_hint : str
        The hint for a body that is too large: how to make it smaller.
    body_for : callable
        Returns the JSON body of a refusal, by the path, where a protocol has its own form.
    buffered : Budget
        The memory that the bodies of all requests share; pass it if a process has several limits.
    """

    def __init__(
        self,
        app: App,
        *,
        max_bytes: int,
        seconds: float = 30.0,
        on_refusal: OnRefusal = ignore_refusal,
        too_large_hint: str = "Send a smaller body.",
        body_for: BodyFor = usual_body,
        buffered: Budget | None = None,
    ) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.seconds = seconds
        self.body_for = body_for
        self.on_refusal = on_refusal
        self.too_large_hint = too_large_hint
        self.buffered = buffered or body_budget()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; see the ASGI specification."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = whole_number(header(scope, b"content-length") or "")
        if declared is not None and declared > self.max_bytes:
            # A client that asked first ("Expect: 100-continue") has not begun to send.
            sending = header(scope, b"expect") is None
            refusal = self._too_large(f"{declared:,} bytes")
            await self._refuse(refusal, scope, receive, send, drain=sending)
            return
        body = _CountedBody(receive, self)
        started = False

        async def send_unless_refused(message: Message) -> None:
            nonlocal started
            if body.refusal is None or started:
                started = True
                await send(message)

        try:
            await self.app(scope, body.receive, send_unless_refused)
        except Exception:
            if body.refusal is None:
                raise
        finally:
            self.buffered.give(body.taken)
        if body.refusal is not None and not started:
            await self._refuse(body.refusal, scope, receive, send, drain=not body.complete)

    async def _refuse(
        self, refusal: Refusal, scope: Scope, receive: Receive, send: Send, *, drain: bool
    ) -> None:
        self.on_refusal(refusal)
        # A client that is still sending may see a reset connection instead of the answer, so
        # what it sends is read and thrown away, within bounds.
        if drain:
            await discard_body(receive, max_bytes=4 * self.max_bytes, seconds=5.0)
        await send_refusal(refusal, send, self.body_for(scope["path"], refusal))

    def _too_large(self, size: str) -> BodyLimitError:
        return BodyLimitError(
            f"The request body has {size}; at most {self.max_bytes:,} are allowed.",
            code="body_too_large",
            status=413,
            hint=self.too_large_hint,
        )

    def _too_slow(self) -> BodyLimitError:
        return BodyLimitError(
            f"The request body did not arrive within {self.seconds:g} seconds.",
            code="body_too_slow",
            status=408,
            hint="Send all the bytes that Content-Length announces, over a faster connection.",
        )


def body_budget() -> Budget:
    """Return the budget that all bodies of a process share."""
    return Budget(BUFFERED_BYTES, "it is receiving too many large bodies")


class _CountedBody:
    """Wrap ``receive``: count the bytes, watch the clock, and remember a refusal."""

    def __init__(self, receive: Receive, limit: BodyLimit) -> None:
        self._receive = receive
        self._limit = limit
        self._deadline = time.monotonic() + limit.seconds
        self._count = 0
        self.complete = False
        self.taken = 0
        self.refusal: Refusal | None = None

    async def receive(self) -> Message:
        if self.refusal is not None:
            raise self.refusal
        if self.complete:  # after the body, the application waits for the client to disconnect
            return await self._receive()
        try:
            left = max(0.0, self._deadline - time.monotonic())
            message = await asyncio.wait_for(self._receive(), left)
        except TimeoutError:
            self.refusal = self._limit._too_slow()
            raise self.refusal from None
        self._count += len(message.get("body", b""))
        self.complete = not message.get("more_body", False)
        if self._count > self._limit.max_bytes:
            self.refusal = self._limit._too_large(f"more than {self._limit.max_bytes:,} bytes")
            raise self.refusal
        more = max(0, self._count - FREE_BYTES) - self.taken
        if more > 0:
            try:
                self._limit.buffered.take(more)
            except OverloadedError as refusal:
                self.refusal = refusal
                raise
            self.taken += more
        return message


def header(scope: Scope, name: bytes) -> str | None:
    """Return the value of the request header *name* (lower case), or None."""
    for key, value in scope["headers"]:
        if key == name:
            return value.decode("latin-1")
    return None


def whole_number(text: str) -> int | None:
    """Return the number that a header holds; None if it is not one, or has more than 18 digits.

    ``int`` itself raises for more than 4,300 digits.
    """
    return int(text) if text.isdecimal() and len(text) <= 18 else None


async def read_body(receive: Receive) -> bytes:
    """Read a whole request body.

    Raises
    ------
    ClientGoneError
        If the client closes the connection first.
    """
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives *body*, then whatever the client does next."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def error_response(error: Refusal) -> Any:
    """Return an error as a response, for an endpoint to return; BentoML sends it unchanged.

    The endpoint's return annotation does not matter: frameworks accept a response in any case.
    """
    return JSONResponse(error.as_dict(), status_code=error.status, headers=headers_of(error))


async def send_refusal(
    refusal: Refusal, send: Send, content: Mapping[str, object] | None = None
) -> None:
    """Answer with the refusal's status and its JSON body, or *content* where a protocol sets it."""
    body = json.dumps(content or refusal.as_dict(), ensure_ascii=False).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *((name.lower().encode(), value.encode()) for name, value in headers_of(refusal).items()),
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def headers_of(refusal: Refusal) -> dict[str, str]:
    """Return the headers of a refusal: its own, and for 429 and 503 when to try again."""
    later = {"Retry-After": str(RETRY_AFTER)} if refusal.status in (429, 503) else {}
    return {**later, **refusal.headers}


async def discard_body(receive: Receive, *, max_bytes: int, seconds: float) -> None:
    """Read and throw away what the client still sends, up to a size and a time."""
    count = 0
    try:
        async with asyncio.timeout(seconds):
            while count <= max_bytes:
                message = await receive()
                count += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return
