"""KServe's REST server behind middleware: limits, readable requests, one shape of error."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Iterator
from typing import Any

import fastapi
from fastapi.responses import JSONResponse
from kserve.protocol.rest.server import RESTServer, _RefreshingServer
from starlette.requests import Request

from services.errors import InputError
from services.http.access import Access, AccessMiddleware
from services.http.asgi import (
    App,
    BodyLimit,
    Message,
    Receive,
    Refusal,
    Scope,
    Send,
    header,
    headers_of,
    send_refusal,
)
from services.http.budget import Budget
from services.kserve_support import metrics
from services.kserve_support.failures import KSERVES, body_for, refusal_for

PREDICTION = re.compile(
    r"/(?P<protocol>v1)/models/(?P<v1>[^/]+):(?:predict|explain)"
    r"|/(?:v2)/models/(?P<v2>[^/]+)(?:/versions/[^/]+)?/infer"
)
"""The paths of requests for a prediction."""

SEEN = "serving_labs.refusal"


class RequestMiddleware:
    """ASGI middleware: limit the body, make it readable, and count the outcome of the request.

    Parameters
    ----------
    app : ASGI application
    max_bytes : int
        The largest body.
    buffered : Budget
        The memory that all bodies of the process share.
    """

    def __init__(self, app: App, *, max_bytes: int, buffered: Budget) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.buffered = buffered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; see the ASGI specification."""
        path = scope["path"] if scope["type"] == "http" and scope["method"] == "POST" else ""
        asked = PREDICTION.fullmatch(path)
        if asked is None:
            await self.app(scope, receive, send)
            return
        model, protocol = asked["v1"] or asked["v2"], asked["protocol"] or "v2"
        refusals: list[Refusal] = []
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        limit = BodyLimit(
            self._open,
            max_bytes=self.max_bytes,
            on_refusal=refusals.append,
            body_for=body_for,
            buffered=self.buffered,
        )
        try:
            await limit({**scope, SEEN: refusals}, receive, watch)
        finally:
            if status < 400:
                metrics.answered(model, protocol)
            else:
                code = refusals[0].code if refusals else "internal"
                metrics.not_answered(model, protocol, status, code)

    async def _open(self, scope: Scope, receive: Receive, send: Send) -> None:
        encoding = header(scope, b"content-encoding") or "identity"
        if encoding != "identity":
            refusal = InputError(
                f"The encoding {encoding[:40]!r} is not supported.",
                code="encoding_unsupported",
                status=415,
                hint="Send the body uncompressed, without Content-Encoding.",
            )
            scope[SEEN].append(refusal)
            await send_refusal(refusal, send, body_for(scope["path"], refusal))
            return
        if scope["path"].startswith("/v2/"):
            # With this type KServe leaves every body as it is, for our own reader: see wire.
            kept = [one for one in scope["headers"] if one[0] != b"content-type"]
            kind = (b"content-type", b"application/octet-stream")
            scope = {**scope, "headers": [*kept, kind]}
        await self.app(scope, receive, send)


class Uvicorn(_RefreshingServer):
    """KServe's web server, which here leaves signals to the code that runs both servers."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket whose connections send immediately (``TCP_NODELAY``).

    asyncio sets that only on a socket that names its protocol, which this one does not. Without
    it, the body of a response waits up to 40 ms for the client to acknowledge the headers.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=2048)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


class RestServer(RESTServer):
    """KServe's REST server on one address, with the :class:`RequestMiddleware`.

    Parameters
    ----------
    host : str
        The address to listen on; KServe's own default is 0.0.0.0, all addresses.
    max_bytes, buffered
        As for the :class:`RequestMiddleware`.
    access : Access
        Which clients are let in, checked before that.
    *args, **kwargs
        As for :class:`kserve.protocol.rest.server.RESTServer`.
    """

    def __init__(
        self,
        *args: Any,
        host: str,
        max_bytes: int,
        buffered: Budget,
        access: Access,
        docs: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__("made-by-create_application", *args, **kwargs)
        self.config.host = host
        self.max_bytes = max_bytes
        self.buffered = buffered
        self.access = access
        self._docs = "/docs" if docs else None
        self._server = Uvicorn(self.config)

    @property
    def models(self) -> list[str]:
        """The names of the models that are served."""
        return list(self.dataplane.model_registry.get_models())

    def bind(self) -> None:
        """Listen, so that a port in use is noticed before anything is started.

        Raises
        ------
        OSError
            With the address and the reason. Uvicorn itself would end the process.
        """
        try:
            self._socket = listen(self.config.host, self.config.port)
        except OSError as error:
            where = f"{self.config.host}:{self.config.port}"
            raise OSError(
                f"REST cannot listen on {where}: {os.strerror(error.errno or 0)}"
            ) from None

    async def start(self) -> None:
        """Serve until :meth:`stop` is called; :meth:`bind` comes first."""
        self.create_application()
        await self._server.serve(sockets=[self._socket])

    def stop(self) -> None:
        """Accept no more requests, and stop when those in progress are answered."""
        self._server.should_exit = True

    def create_application(self) -> fastapi.FastAPI:
        """Make a new application each time; KServe keeps one for the whole process."""
        app = fastapi.FastAPI(
            title="KServe ModelServer",
            docs_url=self._docs,
            redoc_url=None,
        )
        app.add_middleware(RequestMiddleware, max_bytes=self.max_bytes, buffered=self.buffered)
        app.add_middleware(AccessMiddleware, access=self.access, body_for=body_for)
        self._register_endpoints(app)
        self._add_exception_handlers(app)
        self.config.app = app
        return app

    def _add_exception_handlers(self, app: fastapi.FastAPI) -> None:
        for kind in (*KSERVES, Exception):
            app.add_exception_handler(kind, self._refuse)

    async def _refuse(self, request: Request, error: Exception) -> JSONResponse:
        refusal = refusal_for(error, self.models)
        request.scope.get(SEEN, []).append(refusal)
        return JSONResponse(
            body_for(request.url.path, refusal),
            status_code=refusal.status,
            headers=headers_of(refusal),
        )
