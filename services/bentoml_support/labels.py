"""Keep what clients send out of the labels of BentoML's own metrics.

BentoML 1.4 labels its request metrics with the path as the client wrote it. A client that requests
a thousand paths that do not exist makes a thousand new time series, about twenty samples each, in
the server's files and in Prometheus. No setting prevents this, and the middleware that counts runs
before any that a service can add. So the class is replaced by one that counts by *route*:
the few paths that the application knows, and one label for all others.
"""

from __future__ import annotations

from typing import Any

from bentoml._internal.server.http import instruments
from starlette.routing import Match

from services.http.asgi import App, Receive, Scope, Send

UNKNOWN = "unknown"
"""The label of every path that no route matches."""

_PATH = "services.bentoml_support.labels.path"


def count_by_route() -> None:
    """Make BentoML's request metrics count by route, from the next application on.

    Call it where a service is defined. Calling it again changes nothing.
    """
    for name in ("HTTPTrafficMetricsMiddleware", "RunnerTrafficMetricsMiddleware"):
        middleware = getattr(instruments, name)
        if not hasattr(middleware, "counts_by_route"):
            setattr(instruments, name, _by_route(middleware))


def _by_route(middleware: type[Any]) -> type[Any]:
    """Return a subclass of *middleware* that sees a route in place of the path."""

    class ByRoute(middleware):
        counts_by_route = True

        def __init__(self, app: App, **options: Any) -> None:
            async def with_its_path(scope: Scope, receive: Receive, send: Send) -> None:
                await app({**scope, "path": scope.get(_PATH, scope.get("path"))}, receive, send)

            super().__init__(with_its_path, **options)

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                scope = {**scope, "path": _route(scope), _PATH: scope["path"]}
            await super().__call__(scope, receive, send)

    return ByRoute


def _route(scope: Scope) -> str:
    """Return the path of the application's route that matches a request."""
    for route in scope["app"].routes:
        # A wrong method is a partial match: the route answers 405.
        if route.matches(scope)[0] is not Match.NONE:
            return route.path or "/"
    return UNKNOWN
