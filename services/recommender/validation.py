"""Validation middleware for the recommender's endpoints.

Without it BentoML would answer a body that is not JSON with its own kind of 400 and a wrong type
with pydantic's list of errors. It would ignore unknown fields: a misspelt ``top_k`` would mean 10.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Any, Protocol

from services.errors import InputError
from services.http.asgi import App, Receive, Scope, Send, header, read_body
from services.http.validation import ValidationMiddleware
from services.recommender.model.requests import RecommendRequest

MAX_BYTES = 2_000_000
"""The largest body in bytes: room for the longest list of rated movies."""

MAX_CONCURRENCY = 256
"""An answer takes about a millisecond, so the last of this many waits a quarter of a second."""

_HOW = (
    "Send JSON with its content type: "
    "curl -H 'Content-Type: application/json' -d '{\"user_id\": 7}'. "
    "The fields are 'user_id', 'top_k' and 'rated'."
)


class Readable(Protocol):
    """A kind of request that can be read from an HTTP body."""

    @classmethod
    def from_json(cls, body: bytes) -> Readable:
        """Read and check a request; raise InputError."""

    def as_dict(self) -> dict[str, object]:
        """Return its JSON."""


class RecommendValidationMiddleware(ValidationMiddleware):
    """ASGI middleware: pass valid requests on in canonical form, refuse all others.

    The application receives a JSON object with ``user_id``, ``top_k`` and ``rated``, all of the
    right type and in range; ``ranked_movies`` has become ``rated``. The options
    are those of the base class.

    It answers 400 if the body is not JSON or was cut off, 408 if it does not arrive, 413 if it is
    too large, 415 for another type, and 422 for invalid fields. Only the model knows how many
    movies are left for a user, so the model itself raises ``top_k_too_large``.
    """

    reads: type[Readable] = RecommendRequest
    """How the body is read; a subclass may validate another kind of request."""

    how = _HOW
    """The hint for a body that is not JSON."""

    too_large_hint = "Shorten the list in 'rated'; the movies of the training are left out anyway."

    def __init__(self, app: App, **options: Any) -> None:
        super().__init__(app, max_bytes=MAX_BYTES, max_concurrency=MAX_CONCURRENCY, **options)

    async def _check(self, scope: Scope, receive: Receive, send: Send) -> None:
        with ExitStack() as held:  # until the answer is sent
            try:
                body = await read_body(receive)
                _check_type(scope, self.how)
                request = self.reads.from_json(body)
                held.enter_context(self._admitted())
            except InputError as refusal:
                await self._refuse(refusal, send)
                return
            canonical = json.dumps(request.as_dict()).encode()
            await self._pass_on(canonical, "application/json", scope, receive, send)


def _check_type(scope: Scope, how: str) -> None:
    declared = header(scope, b"content-type") or ""
    media_type = declared.partition(";")[0].strip().lower()
    # A client that declares no type gets the benefit of the doubt.
    if media_type and media_type != "application/json" and not media_type.endswith("+json"):
        raise InputError(
            f"The request has the content type {media_type[:80]!r}; JSON was expected.",
            code="content_type",
            status=415,
            hint=how,
        )
