"""KServe's REST server with a door before it: limits, readable requests, one shape of error."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import fastapi
from fastapi.responses import JSONResponse
from kserve.protocol.rest.server import RESTServer, _RefreshingServer
from starlette.requests import Request

from services.asgi import App, BodyLimit, Message, Receive, Scope, Send, header, send_refusal
from services.errors import InputError
from services.kserve_support import metrics
from services.kserve_support.failures import KSERVES, Refusal, refusal_for
from services.kserve_support.wire import LENGTH_HEADER

PREDICTION = re.compile(
    r"/(?P<protocol>v1)/models/(?P<v1>[^/]+):(?:predict|explain)"
    r"|/(?:v2)/models/(?P<v2>[^/]+)(?:/versions/[^/]+)?/infer"
)
"""The paths of requests for a prediction."""

SEEN = "serving_labs.refusal"


class Door:
    """ASGI middleware: limit the body, make it readable, and count what becomes of the request.

    Parameters
    ----------
    app : ASGI application
    max_bytes : int
        The largest body.
    """

    def __init__(self, app: App, *, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

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

        limit = BodyLimit(self._open, max_bytes=self.max_bytes, on_refusal=refusals.append)
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
                f"The body has the encoding {encoding[:40]!r}.",
                code="encoding_unsupported",
                status=415,
                hint="Send it without Content-Encoding. A JPEG is compressed already.",
            )
            scope[SEEN].append(refusal)
            await send_refusal(refusal, send)
            return
        if scope["path"].startswith("/v2/"):
            # So that KServe leaves every body as it is, and our reader gets it: see wire.
            kept = [one for one in scope["headers"] if one[0] != b"content-type"]
            scope = {**scope, "headers": [*kept, (b"content-type", b"application/octet-stream")]}
        await self.app(scope, receive, send)


class Uvicorn(_RefreshingServer):
    """KServe's web server, which here leaves signals to whoever runs both servers."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class RestServer(RESTServer):
    """KServe's REST server on one address, with the :class:`Door`.

    Parameters
    ----------
    host : str
        The address to listen on; KServe's own is 0.0.0.0, everybody's.
    max_bytes : int
        The largest body.
    *args, **kwargs
        As for :class:`kserve.protocol.rest.server.RESTServer`.
    """

    def __init__(self, *args: Any, host: str, max_bytes: int, docs: bool, **kwargs: Any) -> None:
        super().__init__("made-by-create_application", *args, **kwargs)
        self.config.host = host
        self.max_bytes = max_bytes
        self._docs = "/docs" if docs else None
        self._server = Uvicorn(self.config)

    @property
    def models(self) -> list[str]:
        """The names of the models that are served."""
        return list(self.dataplane.model_registry.get_models())

    def stop(self) -> None:
        """Take no more requests, and end when those under way are answered."""
        self._server.should_exit = True

    def create_application(self) -> fastapi.FastAPI:
        """Make the application, anew each time; KServe keeps one for the whole process."""
        app = fastapi.FastAPI(
            title="KServe ModelServer",
            docs_url=self._docs,
            redoc_url=None,
        )
        app.add_middleware(Door, max_bytes=self.max_bytes)
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
        return JSONResponse(refusal.as_dict(), status_code=refusal.status)


__all__ = ["LENGTH_HEADER", "PREDICTION", "Door", "RestServer"]
