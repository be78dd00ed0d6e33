"""Answer a model's failure in this project's error shape, whatever the endpoint returns.

An endpoint of BentoML's Runner API that answers with an image cannot answer with JSON instead, and
an exception becomes a 500 without a reason. So the error is recorded here, and a middleware sends
it.
"""

from __future__ import annotations

from contextvars import ContextVar

from services.errors import ModelError
from services.http.asgi import App, Message, Receive, Scope, Send, send_refusal

_failures: ContextVar[list[ModelError] | None] = ContextVar("failures", default=None)


def note(error: ModelError) -> None:
    """Have the middleware, if there is one, answer the current request with *error*."""
    failures = _failures.get()
    if failures is not None:
        failures.append(error)


class ModelErrorMiddleware:
    """ASGI middleware: answer with the error that :func:`note` was called with, if it was.

    Parameters
    ----------
    app : ASGI application
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; see the ASGI specification."""
        failures: list[ModelError] = []

        async def send_unless_failed(message: Message) -> None:
            if not failures:
                await send(message)

        token = _failures.set(failures)
        try:
            await self.app(scope, receive, send_unless_failed)
        finally:
            _failures.reset(token)
        if failures:
            await send_refusal(failures[0], send)
