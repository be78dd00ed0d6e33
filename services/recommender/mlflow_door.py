"""MLflow's scoring server behind a door that keeps the house's rules for errors.

``mlflow models serve`` sends stack traces to clients and writes none into its log, calls a fault of
the model a bad request, and answers a request without a content type with 500. This door stands in
front of the very same application and mends that; what is answered, it does not touch::

    MODEL=build/model uvicorn --factory services.recommender.mlflow_door:create_app

It is what ``infra/mlflow/Dockerfile`` runs. It imports nothing of this repository: the model brings
its own copy of the core, and another copy that was imported before it would take its place.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

from mlflow.pyfunc import scoring_server

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

MODEL_FAULT = "Encountered an unexpected error while evaluating the model"
"""How MLflow begins when the model raised what is no error of MLflow's own."""

HINT = 'Send JSON such as {"dataframe_records": [{"user_id": 7}], "params": {"top_k": 10}}.'

log = logging.getLogger("uvicorn.error")


def create_app() -> App:
    """Load the model in the folder ``$MODEL`` and return the application to serve."""
    model = scoring_server.load_model_with_mlflow_config(os.environ["MODEL"])
    return Door(scoring_server.init(model))


class Door:
    """ASGI middleware: check the content type, and give every error the house's shape.

    Parameters
    ----------
    app : ASGI application
        As :func:`mlflow.pyfunc.scoring_server.init` returns it.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Handle one request; see the ASGI specification."""
        if scope["type"] != "http" or scope["path"] != "/invocations" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        sent = dict(scope["headers"]).get(b"content-type", b"").decode("latin-1")
        if sent.partition(";")[0].strip().lower() not in scoring_server.CONTENT_TYPES:
            hint = f"Say what the body is: one of {', '.join(scoring_server.CONTENT_TYPES)}."
            message = (
                f"The header content-type is {sent!r}."
                if sent
                else "There is no header content-type."
            )
            await _answer(send, 415, _error("content_type_unknown", message, hint))
            return
        await self._mended(scope, receive, send)

    async def _mended(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Pass a success through; hold an error back until it is whole, and send it mended."""
        status, held = 0, b""

        async def sift(message: Message) -> None:
            nonlocal status, held
            if message["type"] == "http.response.start":
                status = message["status"]
            if status < HTTPStatus.BAD_REQUEST:
                await send(message)
            else:
                held += message.get("body", b"")

        await self.app(scope, receive, sift)
        if status >= HTTPStatus.BAD_REQUEST:
            await _answer(send, *mend(status, held))


def mend(status: int, body: bytes) -> tuple[int, dict[str, dict[str, str]]]:
    """Return the status and the body that a client should get instead of MLflow's.

    The stack trace, if there is one, goes into the log. An error that the model raised with the
    house's ``error`` keeps it; a model that broke is a 500, not the client's fault.
    """
    try:
        said = json.loads(body)
    except ValueError:
        said = {"message": body.decode("utf-8", "replace")}
    if isinstance(own := said.get("error"), dict):
        return status, {"error": own}
    message = str(said.get("message", ""))
    if trace := said.get("stack_trace"):
        log.error("%s\n%s", message, trace)
    if message.startswith(MODEL_FAULT):
        return 500, _error("model_failed", "The model failed.", "Try again later, or tell us.")
    return status, _error("request_invalid", _what_is_wrong(message), HINT)


def _what_is_wrong(message: str) -> str:
    """Leave out of a message the body that was sent, and the history of the protocol."""
    if message.startswith("Failed to predict data"):
        message = message.rpartition("Error: ")[2]
    message = message.partition("\nInput:")[0].partition(" IMPORTANT:")[0]
    return " ".join(message.split())


def _error(code: str, message: str, hint: str) -> dict[str, dict[str, str]]:
    return {"error": {"code": code, "message": message, "hint": hint}}


async def _answer(send: Send, status: int, content: object) -> None:
    body = json.dumps(content).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
