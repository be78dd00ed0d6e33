"""The gate before every image endpoint: what passes it is one whole, readable picture.

An upload is read and checked here, once, before the serving framework sees it. What is not a
picture is refused with a 4xx that says what to change; what is goes on in one canonical form, so an
adapter behind the gate has no error of the client's to handle.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from PIL import Image
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from services.asgi import App, Receive, Scope, Send, header, read_body
from services.errors import InputError
from services.gate import Gate
from services.id_card.images import MAX_BYTES, MAX_PIXELS, decode, upright_rgb

FIELD = "image"
"""The name of the multipart field that carries the picture."""

_HOW = (
    "Send the file as the multipart field 'image' (curl -F image=@card.jpg), or as the raw body "
    "with its own type (curl --data-binary @card.jpg -H 'Content-Type: image/jpeg')."
)

_picture: ContextVar[Image.Image | None] = ContextVar("picture", default=None)


def picture_of(upload: Path | Image.Image) -> Image.Image:
    """Return the picture that an endpoint was called with, upright RGB.

    Within a request that is the one which the gate has decoded, so that no picture is decoded
    twice: of a phone's photograph that takes far longer than finding the cards in it. Called
    without a server, as a test does, it reads *upload* itself.

    Raises
    ------
    InputError
        If *upload* is read here and is no picture.
    """
    picture = _picture.get()
    if picture is not None:
        return picture
    return decode(upload.read_bytes()) if isinstance(upload, Path) else upright_rgb(upload)


class ImageGate(Gate):
    """ASGI middleware: let one readable picture through, refuse everything else.

    Parameters
    ----------
    app : ASGI application
        It receives a ``multipart/form-data`` body with the one file field ``image``.
    max_bytes : int
        The largest request body, in bytes.
    max_pixels : int
        The largest picture, in pixels.
    **options
        ``paths``, ``seconds`` and ``on_refusal``, as for :class:`~services.gate.Gate`.

    Notes
    -----
    The answers of the gate, all in the shape of :class:`~services.errors.InputError`: 400 for an
    empty, damaged or malformed upload, 408 for one that does not arrive, 413 for too many bytes
    or pixels, 415 for what is no picture or no upload, 422 for a missing, textual or repeated
    field.
    """

    smaller = "Send a smaller file: scale the picture down or save it with more compression."

    def __init__(
        self,
        app: App,
        *,
        max_bytes: int = MAX_BYTES,
        max_pixels: int = MAX_PIXELS,
        **options: Any,
    ) -> None:
        super().__init__(app, max_bytes=max_bytes, **options)
        self.max_pixels = max_pixels
        # A decoded picture takes three bytes a pixel: two at a time bound the memory.
        self._decoders = anyio.Semaphore(2)

    async def _check(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await read_body(receive)
            data, texts = await _upload(scope, body)
            beside = self.beside(scope, texts)
            async with self._decoders:
                picture = await anyio.to_thread.run_sync(self._decode, data)
        except InputError as refusal:
            await self._refuse(refusal, send)
            return
        kind = "jpeg" if picture.format == "MPO" else str(picture.format).lower()
        content_type, canonical = _multipart(data, f"image/{kind}", beside)
        token = _picture.set(picture)
        try:
            await self._pass_on(canonical, content_type, scope, receive, send)
        finally:
            _picture.reset(token)

    def beside(self, scope: Scope, texts: Sequence[tuple[str, str]]) -> Mapping[str, str]:
        """Return the fields to pass on beside the picture: none here, for an endpoint to override.

        Parameters
        ----------
        scope : mapping
            Of the request, with its ``query_string``.
        texts : sequence of (str, str)
            The form's other fields.

        Raises
        ------
        InputError
            If one of them is to be refused.
        """
        return {}

    def _decode(self, data: bytes) -> Image.Image:
        return decode(data, max_pixels=self.max_pixels)


async def _upload(scope: Scope, body: bytes) -> tuple[bytes, list[tuple[str, str]]]:
    """Take the picture's bytes, and texts beside it, out of a raw or a multipart body."""
    declared = header(scope, b"content-type") or ""
    media_type = declared.partition(";")[0].strip().lower()
    if media_type.startswith("image/"):
        return body, []
    if media_type != "multipart/form-data":
        said = f"of the type {media_type!r}" if media_type else "without a Content-Type"
        raise InputError(
            f"The request is {said}; an upload of a picture was expected.",
            code="content_type",
            status=415,
            hint=_HOW,
        )
    form = await _form(scope, body)
    try:
        texts = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
        return await _field(form).read(), texts
    finally:
        await form.close()


async def _form(scope: Scope, body: bytes) -> FormData:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        return await Request(scope, receive).form(max_files=8, max_fields=32)
    except (MultiPartException, HTTPException, KeyError) as error:
        reason = getattr(error, "detail", None) or getattr(error, "message", None) or str(error)
        raise InputError(
            f"The multipart body cannot be read: {str(reason).rstrip('.')}.",
            code="multipart_malformed",
            status=400,
            hint="Let your HTTP client build the body and its boundary; do not set the "
            "Content-Type header of a multipart request by hand.",
        ) from error


def _field(form: FormData) -> UploadFile:
    """Return the one file in the field ``image``."""
    if not form:
        raise InputError(
            "The multipart body holds no whole field: it is empty or was cut off.",
            code="multipart_malformed",
            status=400,
            hint=f"Send the body to its last byte. {_HOW}",
        )
    values = form.getlist(FIELD)
    if not values:
        found = ", ".join(repr(name) for name in form)
        raise InputError(
            f"The form has no field {FIELD!r}; it has {found}.",
            code="image_missing",
            status=422,
            hint=_HOW,
        )
    if len(values) > 1:
        raise InputError(
            f"The form has {len(values)} fields {FIELD!r}; one picture a request is read.",
            code="image_repeated",
            status=422,
            hint="Send one request for each picture.",
        )
    value = values[0]
    if not isinstance(value, UploadFile):
        raise InputError(
            f"The field {FIELD!r} holds text, not a file. Paths and URLs are not followed.",
            code="image_not_a_file",
            status=422,
            hint=_HOW,
        )
    return value


def _multipart(data: bytes, media_type: str, beside: Mapping[str, str]) -> tuple[str, bytes]:
    """Return the content type and the body of a form with *data* as its field ``image``."""
    boundary = secrets.token_hex(24)
    name = f"{FIELD}.{media_type.removeprefix('image/')}"
    fields = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in beside.items()
    )
    head = (
        f"{fields}--{boundary}\r\n"
        f'Content-Disposition: form-data; name="{FIELD}"; filename="{name}"\r\n'
        f"Content-Type: {media_type}\r\n\r\n"
    )
    body = head.encode() + data + f"\r\n--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", body
