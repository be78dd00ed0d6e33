"""MLflow's scoring server behind middleware that applies this repository's rules for errors.

``mlflow models serve`` sends stack traces to clients and writes none to its log, reports a failure
of the model as a bad request, answers 500 to a request without a content type or with deeply nested
JSON, and limits neither body size nor concurrency. This middleware wraps the same application and
corrects that; successful answers pass through unchanged::

    MODEL=build/model uvicorn --factory services.recommender.mlflow.scoring_app:create_app

``infra/mlflow/Dockerfile`` runs this application. It imports nothing from this repository before
the model is loaded: the model brings its own copy of the core, and a copy imported earlier would be
used instead.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any

from mlflow.pyfunc import scoring_server

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

MODEL_FAULT = "Encountered an unexpected error while evaluating the model"
"""How MLflow's message begins if the model raised an exception that is not MLflow's own."""

HINT = 'Send JSON such as {"dataframe_records": [{"user_id": 7}], "params": {"top_k": 10}}.'

MAX_BYTES = 4_000_000
"""The largest request body, in bytes."""

MAX_SECONDS = 30.0
"""How long a body may take to arrive."""

MAX_DEPTH = 16
"""How deep JSON may be nested; the forms of a request need five levels."""

MAX_CONCURRENCY = 16
"""How many requests are processed at a time; more would only wait for a thread."""

MAX_RECEIVING = 64
"""How many bodies may be arriving at a time."""

FORMS = ("dataframe_records", "dataframe_split", "inputs", "instances")
"""The fields of a body that may hold its rows."""

TRY_AGAIN = "Wait as many seconds as Retry-After says, then send the request again."

RowCheck = Callable[[Mapping[str, object]], None]

log = logging.getLogger("uvicorn.error")


class RefusalError(Exception):
    """A request that this middleware refuses, with a status, a code, a message and a hint."""

    def __init__(self, status: int, code: str, message: str, hint: str = HINT) -> None:
        super().__init__(message)
        self.status = status
        self.body = _error(code, message, hint)


def create_app() -> App:
    """Load the model in the folder ``$MODEL`` and return the application to serve."""
    model = scoring_server.load_model_with_mlflow_config(os.environ["MODEL"])
    # Imported only now: this is the copy of the core that the model has brought.
    from services.recommender.model.requests import RecommendRequest

    def check(row: Mapping[str, object]) -> None:
        RecommendRequest(row["user_id"], rated=row.get("rated")).checked()  # type: ignore[arg-type]

    return ScoringMiddleware(scoring_server.init(model), check)


class ScoringMiddleware:
    """ASGI middleware: check the request, and give every error this repository's form.

    *check_row* raises the core's ``InputError`` for a row that cannot be answered. The model checks
    the rows, too, but it receives them as columns: by then, a null or a fraction in one row has
    turned the integers of all other rows into floats.
    """

    def __init__(self, app: App, check_row: RowCheck | None = None) -> None:
        self.app = app
        self.check_row = check_row
        self._receiving = self._answering = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Handle one request; see the ASGI specification."""
        if scope["type"] != "http" or scope["path"] != "/invocations" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        try:
            media_type = _media_type(scope)
            body = await self._body(receive)
            if media_type == scoring_server.CONTENT_TYPE_JSON:
                await asyncio.to_thread(self._check, body)
            if self._answering >= MAX_CONCURRENCY:
                raise RefusalError(429, "too_many_requests", "The server is busy.", TRY_AGAIN)
        except RefusalError as refusal:
            await _answer(send, refusal.status, refusal.body)
            return
        self._answering += 1
        try:
            await self._forward(scope, _replay(body, receive), send)
        finally:
            self._answering -= 1

    async def _body(self, receive: Receive) -> bytes:
        """Read the body, within limits on size, time and the number of bodies."""
        if self._receiving >= MAX_RECEIVING:
            raise RefusalError(503, "overloaded", "The server receives too many bodies.", TRY_AGAIN)
        self._receiving += 1
        try:
            async with asyncio.timeout(MAX_SECONDS):
                return await _read(receive)
        except TimeoutError:
            message = f"The request body did not arrive within {MAX_SECONDS:g} seconds."
            raise RefusalError(408, "body_too_slow", message, "Send the whole body.") from None
        finally:
            self._receiving -= 1

    def _check(self, body: bytes) -> None:
        """Refuse a body that is not JSON or nested too deeply, and rows that the core refuses."""
        try:
            sent = json.loads(body)
        # Also raised for bytes that are not text, endless digits, endless brackets.
        except (ValueError, RecursionError) as error:
            where = f": {error}" if isinstance(error, json.JSONDecodeError) else ""
            raise RefusalError(400, "json_invalid", f"The body is not JSON{where}.") from None
        layer = [sent]
        for _ in range(MAX_DEPTH):
            layer = [child for one in layer for child in _children(one)]
        if layer:
            message = f"The JSON is nested more than {MAX_DEPTH} levels deep."
            raise RefusalError(400, "json_invalid", message)
        rows = rows_of(sent) if self.check_row else []
        for number, row in enumerate(rows):
            try:
                if self.check_row and "user_id" in row:
                    self.check_row(row)
            except ValueError as error:  # the core's InputError
                about = error.as_dict()["error"]  # type: ignore[attr-defined]
                place = f"Row {number} (of {len(rows)}, counted from 0): " if len(rows) > 1 else ""
                raise RefusalError(
                    400, about["code"], place + about["message"], about["hint"]
                ) from None

    async def _forward(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Pass a success through; buffer an error until it is complete, and correct it."""
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
            await _answer(send, *convert_error(status, held))


def rows_of(sent: object) -> list[Mapping[str, object]]:
    """Return the rows of a request in any of MLflow's four forms; none for any other form."""
    fields = sent if isinstance(sent, dict) else {}
    rows: list[Mapping[str, object]]
    match next((fields[name] for name in FORMS if name in fields), None):
        case {"columns": [*columns], "data": [*data]} if all(isinstance(r, list) for r in data):
            rows = [dict(zip(map(str, columns), row, strict=False)) for row in data]
        case dict(table) if table and all(isinstance(cells, list) for cells in table.values()):
            rows = [
                dict(zip(table, row, strict=False)) for row in zip(*table.values(), strict=False)
            ]
        case [*rows] if all(isinstance(row, dict) for row in rows):
            pass
        case _:
            return []
    return rows


def convert_error(status: int, body: bytes) -> tuple[int, dict[str, dict[str, str]]]:
    """Return the status and the body that a client should get instead of MLflow's.

    The stack trace, if there is one, goes into the log. An error that the model raised with this
    repository's ``error`` keeps it; a model that failed is a 500, not the client's fault.
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
        return 500, _error("model_failed", "The model failed.", "Try again later, or report it.")
    if status == HTTPStatus.GATEWAY_TIMEOUT:
        hint = "Try again later; the server may be overloaded."
        return status, _error("model_timeout", "The model did not answer in time.", hint)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        hint = "Report this to the server's operator; the server's log has the reason."
        return status, _error("internal", "The server failed on this request.", hint)
    return status, _error("request_invalid", _what_is_wrong(message), HINT)


def _what_is_wrong(message: str) -> str:
    """Strip the sent body and the protocol's history from one of MLflow's messages."""
    if message.startswith("Failed to predict data"):
        message = message.rpartition("Error: ")[2]
    message = message.partition("\nInput:")[0].partition(" IMPORTANT:")[0]
    return " ".join(message.split())


def _media_type(scope: MutableMapping[str, Any]) -> str:
    sent = dict(scope["headers"]).get(b"content-type", b"").decode("latin-1")
    media_type: str = sent.partition(";")[0].strip().lower()
    if media_type not in scoring_server.CONTENT_TYPES:
        message = (
            f"The header Content-Type is {sent[:80]!r}."
            if sent
            else "The header Content-Type is missing."
        )
        # MLflow also accepts CSV and Parquet, but neither can hold the lists of a request.
        hint = f"Send 'Content-Type: {scoring_server.CONTENT_TYPE_JSON}'. {HINT}"
        raise RefusalError(415, "content_type_unknown", message, hint)
    return media_type


async def _read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusalError(400, "request_incomplete", "The connection was closed too early.")
        body += message.get("body", b"")
        if len(body) > MAX_BYTES:
            text = f"The request body has more than {MAX_BYTES:,} bytes, the most that is allowed."
            raise RefusalError(413, "body_too_large", text, "Send more requests with fewer rows.")
        if not message.get("more_body", False):
            return body


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that returns *body* first, then whatever the client sends next."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _error(code: str, message: str, hint: str) -> dict[str, dict[str, str]]:
    return {"error": {"code": code, "message": message, "hint": hint}}


async def _answer(send: Send, status: int, content: object) -> None:
    body = json.dumps(content).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *([(b"retry-after", b"1")] if status in (429, 503) else []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
