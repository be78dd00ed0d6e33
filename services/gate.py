"""The gate before a service's endpoints: what passes it, the endpoint can answer.

Serving frameworks differ in how they read a request, and in how badly they fail on a bad one. So a
request is read and checked once, before any of them sees it, and what is refused is refused with a
4xx that says what to change. A subclass says what is checked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection

from services.asgi import (
    App,
    BodyLimit,
    BodyLimitError,
    OnRefusal,
    Receive,
    Scope,
    Send,
    ignore_refusal,
    replay,
    send_refusal,
)
from services.errors import InputError


class Gate(ABC):
    """ASGI middleware: check the requests to some endpoints, let all others pass untouched.

    Parameters
    ----------
    app : ASGI application
        It receives what the gate has let through.
    paths : collection of str
        The endpoints that are guarded, also behind a prefix; requests to others pass untouched.
    max_bytes : int
        The largest request body, in bytes.
    seconds : float
        How long a body may take to arrive.
    on_refusal : callable
        Called once with each refusal that a client is answered with, to count it.
    """

    smaller: str
    """How a client makes its body smaller; the hint when it is too large."""

    def __init__(
        self,
        app: App,
        *,
        paths: Collection[str],
        max_bytes: int,
        seconds: float = 30.0,
        on_refusal: OnRefusal = ignore_refusal,
    ) -> None:
        self.app = app
        self.paths = tuple(paths)
        self.on_refusal = on_refusal
        self._guarded = BodyLimit(
            self._check,
            max_bytes=max_bytes,
            seconds=seconds,
            on_refusal=on_refusal,
            smaller=self.smaller,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; see the ASGI specification."""
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

    async def _refuse(self, refusal: InputError, send: Send) -> None:
        if not isinstance(refusal, BodyLimitError):  # that one the limit counts and answers
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
