"""Add to a service's OpenAPI document the middleware in front of the framework that wrote it.

Clients are generated from this document. BentoML's describes a file in a way that OpenAPI does not
know (``type: file``). Like every framework's, it says nothing about our middleware: which media
types it reads, and how it refuses a request.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from typing import Any

from services.http.api_key import VARIABLES
from services.http.asgi import App, Message, Receive, Scope, Send

PAGES = ("/docs.json", "/openapi.json")
"""Where frameworks serve the document."""

STATUSES = {
    "400": "The request cannot be read: it is cut off, damaged or malformed.",
    "401": "The API key is missing or not valid, where the server is set up to require one.",
    "408": "The body did not arrive in time.",
    "413": "The request is too large.",
    "415": "The request, or the file in it, has an unsupported type.",
    "422": "A field is missing, unknown or has an invalid value.",
    "429": "Too many requests, in all or from this client; Retry-After says when to try again.",
    "503": "The server is overloaded or not ready; Retry-After says when to try again.",
}
"""The refusals of a guarded endpoint."""

BINARY = {"type": "string", "format": "binary"}

SECURITY = {"apiKey": {"type": "http", "scheme": "bearer", "description": "An API key."}}
"""What every path except the probes requires if the server is set up to require a key."""

_TEXT = {"type": "string"}
_NAME = "ErrorBody"
_ERROR = {
    "type": "object",
    "title": _NAME,
    "description": "Why a request was refused, and what to change.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "title": "ErrorDetail",
            "required": ["code", "message", "hint"],
            "properties": {"code": _TEXT, "message": _TEXT, "hint": _TEXT},
        }
    },
}


def corrected(
    document: dict[str, Any],
    paths: Collection[str],
    media_types: Mapping[str, Any],
    key_required: bool = False,
) -> dict[str, Any]:
    """Return a document that is valid OpenAPI and describes the middleware, too.

    Parameters
    ----------
    document : dict
        As a framework writes it. It is changed.
    paths : collection of str
        The endpoints that are guarded.
    media_types : mapping of str to schema
        What their bodies may be besides what is described already.
    key_required : bool
        Whether a client has to send an API key.
    """
    document["openapi"] = "3.1.0"  # BentoML says 3.0, but writes the schemas of 3.1
    _correct_files(document)
    document.setdefault("components", {}).setdefault("schemas", {})[_NAME] = _ERROR
    if key_required:
        document["components"]["securitySchemes"] = SECURITY
        document["security"] = [{key: [] for key in SECURITY}]
    for path, methods in document.get("paths", {}).items():
        post = methods.get("post")
        if post is None or not path.endswith(tuple(paths)):
            continue
        for name in ("consumes", "produces"):  # of OpenAPI 2
            post.pop(name, None)
        content = post.setdefault("requestBody", {}).setdefault("content", {})
        post["requestBody"]["required"] = True
        for media_type, schema in media_types.items():
            content.setdefault(media_type, {"schema": schema})
        _allow_no_more_fields(content.get("application/json", {}))
        answer = {"application/json": {"schema": {"$ref": f"#/components/schemas/{_NAME}"}}}
        post["responses"] |= {
            status: {"description": text, "content": answer} for status, text in STATUSES.items()
        }
        _correct_answer(post["responses"].get("200", {}))
    return document


def _correct_files(node: Any) -> None:
    for child in node.values() if isinstance(node, dict) else node:
        if isinstance(child, dict | list):
            _correct_files(child)
    if isinstance(node, dict) and node.get("type") == "file":
        node.pop("content_type", None)
        node |= BINARY


def _allow_no_more_fields(json_body: dict[str, Any]) -> None:
    """Declare that unknown fields of a JSON object are refused."""
    schema = json_body.get("schema", {})
    if "properties" in schema:
        schema["additionalProperties"] = False


def _correct_answer(answer: dict[str, Any]) -> None:
    """Let JSON without a schema be any JSON; BentoML's Runner API says that it is an object."""
    described = answer.get("content", {}).get("application/json", {})
    if described.get("schema") == {"type": "object"}:
        described["schema"] = {}


async def send_corrected(
    app: App,
    scope: Scope,
    receive: Receive,
    send: Send,
    paths: Collection[str],
    media_types: Mapping[str, Any],
) -> None:
    """Answer a request for the document with what *app* answers, :func:`corrected`."""
    start: Message = {}
    body = b""

    async def keep(message: Message) -> None:
        nonlocal start, body
        if message["type"] == "http.response.start":
            start = message
        body += message.get("body", b"")

    await app(scope, receive, keep)
    if start.get("status") == 200:
        key_required = any(name in os.environ for name in VARIABLES)
        body = json.dumps(corrected(json.loads(body), paths, media_types, key_required)).encode()
    kept = [(key, value) for key, value in start["headers"] if key.lower() != b"content-length"]
    await send({**start, "headers": [*kept, (b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})
