"""Validation middleware: an endpoint can answer every request that passes it.

Serving frameworks differ in how they read a request, and in how badly they fail on a bad one. So a
request is read and checked once, before any framework sees it, and a bad one is refused with a 4xx
that says what to change. A subclass defines the checks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from starlette.formparsers import MultiPartParser

from services.errors import InputError
from services.http.access import AccessMiddleware
from services.http.asgi import (
    App,
    BodyLimit,
    BodyLimitError,
    OnRefusal,
    Receive,
    Refusal,
    Scope,
    Send,
    ignore_refusal,
    replay,
    send_refusal,
)
from services.http.openapi import PAGES, send_corrected

# A larger file in a form would be written to a temporary file, and the disk may be full. The size
# of a body is bounded before it is parsed, and all of it is in memory already.
MultiPartParser.spool_max_size = 2**30


class ValidationMiddleware(ABC):
    """ASGI middleware: check the requests to some endpoints, let all others pass untouched.

    It adds what it reads and how it refuses to the service's OpenAPI document. The environment
    decides, for all paths, whether a request needs an API key and how many a client may send:
    :mod:`services.http.access`.

    Parameters
    ----------
    app : ASGI application
        It receives the requests that are valid.
    paths : collection of str
        The endpoints that are guarded, also behind a prefix; requests to others pass untouched.
    max_bytes : int
        The largest request body, in bytes.
    max_concurrency : int
        How many requests may be answered at a time; one more gets a 429. A request counts
        from the last byte of its body on, so slow uploads do not block others.
    on_refusal : callable
        Called once with each refusal that a client is answered with, to count it.
    """

    too_large_hint: str
    """The hint for a body that is too large: how to make it smaller."""

    media_types: Mapping[str, Any] = MappingProxyType({})
    """What a body may be, each with its schema, for the service's OpenAPI document."""

    def __init__(
        self,
        app: App,
        *,
        paths: Collection[str],
        max_bytes: int,
        max_concurrency: int = 16,
        on_refusal: OnRefusal = ignore_refusal,
    ) -> None:
        self.app = app
        self.paths = tuple(paths)
        self.max_concurrency = max_concurrency
        self.on_refusal = on_refusal
        self._answering = 0
        self._entrance = AccessMiddleware(self._route, on_refusal=on_refusal)
        self._guarded = BodyLimit(
            self._check,
            max_bytes=max_bytes,
            on_refusal=on_refusal,
            too_large_hint=self.too_large_hint,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; see the ASGI specification."""
        await self._entrance(scope, receive, send)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request that may be answered, checked if its endpoint is guarded."""
        if scope["type"] == "http" and scope["path"].endswith(PAGES) and scope["method"] == "GET":
            await send_corrected(self.app, scope, receive, send, self.paths, self.media_types)
            return
        # Starlette's router takes "/inference\n" for "/inference": its pattern ends in "$".
        guarded = (
            scope["type"] == "http"
            and scope["method"] == "POST"
            and scope["path"].removesuffix("\n").endswith(self.paths)
        )
        await (self._guarded if guarded else self.app)(scope, receive, send)

    @abstractmethod
    async def _check(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the request; :meth:`_refuse` it, or :meth:`_pass_on` what it was."""

    @contextmanager
    def _admitted(self) -> Iterator[None]:
        """Count a request that is being answered, or raise the 429 for one too many."""
        if self._answering >= self.max_concurrency:
            raise InputError(
                f"The server is answering {self._answering} requests, as many as it can.",
                code="too_many_requests",
                status=429,
                hint="Wait as many seconds as Retry-After says, then send it again.",
            )
        self._answering += 1
        try:
            yield
        finally:
            self._answering -= 1

    async def _refuse(self, refusal: Refusal, send: Send) -> None:
        if not isinstance(refusal, BodyLimitError):  # which the limit counts and answers itself
            self.on_refusal(refusal)
        await send_refusal(refusal, send)

    async def _pass_on(
        self, body: bytes, content_type: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Give the application the request with another body."""
        headers = [
            (key, value)
            for key, value in scope["headers"]
            if key not in (b"content-type", b"content-length", b"transfer-encoding")
        ]
        headers.append((b"content-type", content_type.encode()))
        headers.append((b"content-length", str(len(body)).encode()))
        await self.app({**scope, "headers": headers}, replay(body, receive), send)
