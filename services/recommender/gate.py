"""The gate before the recommender's endpoints: what passes it is one question, checked.

BentoML answers a body that is no JSON with a 400 of its own, a wrong type with a list of pydantic's
complaints, and a field that it does not know with silence: a misspelt ``top_k`` would be 10.
"""

from __future__ import annotations

import json
from typing import Any, Protocol

from services.asgi import App, Receive, Scope, Send, header, read_body
from services.errors import InputError
from services.gate import Gate
from services.recommender.questions import Question

MAX_BYTES = 2_000_000
"""Of a body: room for the longest list of rated movies."""

_HOW = (
    "Send JSON and say so: curl -H 'Content-Type: application/json' -d '{\"user_id\": 7}'. "
    "The fields are 'user_id', 'top_k' and 'rated'."
)


class Readable(Protocol):
    """A question that can be read from a request's body."""

    @classmethod
    def from_json(cls, body: bytes) -> Readable:
        """Read and check it; raise InputError."""

    def as_dict(self) -> dict[str, object]:
        """Return its JSON."""


class QuestionGate(Gate):
    """ASGI middleware: let a question through in its canonical form, refuse everything else.

    Parameters
    ----------
    app : ASGI application
        It receives a JSON object with ``user_id``, ``top_k`` and ``rated``, all of the right type
        and in range. ``ranked_movies`` has become ``rated``.
    max_bytes : int
        The largest request body, in bytes.
    **options
        ``paths``, ``seconds`` and ``on_refusal``, as for :class:`~services.gate.Gate`.

    Notes
    -----
    The answers of the gate: 400 for what is no JSON or was cut off, 408 for a body that does not
    arrive, 413 for one that is too large, 415 for another type, 422 for another question. Only
    the model knows how many movies are left for a user, so ``top_k_too_large`` comes from there.
    """

    reads: type[Readable] = Question
    """What the body is; a subclass may guard endpoints that are asked something else."""

    how = _HOW
    """How to ask; the hint to who sends something else than JSON."""

    smaller = "Shorten the list in 'rated'; the movies of the training are left out anyway."

    def __init__(self, app: App, *, max_bytes: int = MAX_BYTES, **options: Any) -> None:
        super().__init__(app, max_bytes=max_bytes, **options)

    async def _check(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await read_body(receive)
            _check_type(scope, self.how)
            question = self.reads.from_json(body)
        except InputError as refusal:
            await self._refuse(refusal, send)
            return
        canonical = json.dumps(question.as_dict()).encode()
        await self._pass_on(canonical, "application/json", scope, receive, send)


def _check_type(scope: Scope, how: str) -> None:
    declared = header(scope, b"content-type") or ""
    media_type = declared.partition(";")[0].strip().lower()
    # A client that says nothing has nothing against JSON.
    if media_type and media_type != "application/json" and not media_type.endswith("+json"):
        raise InputError(
            f"The request is of the type {media_type[:80]!r}; JSON was expected.",
            code="content_type",
            status=415,
            hint=how,
        )
