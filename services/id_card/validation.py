"""Validation middleware for image endpoints: whatever passes is one whole, readable image.

An upload is read and checked here, once, before the serving framework sees it. Anything that is not
an image gets a 4xx that says what to change. An image is passed on in one canonical form, so the
adapter behind this middleware has no client errors to handle.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import anyio
import anyio.to_thread
from PIL import Image
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from services.errors import InputError, ModelError
from services.http.asgi import App, Receive, Scope, Send, header, read_body
from services.http.budget import Budget
from services.http.openapi import BINARY
from services.http.validation import ValidationMiddleware
from services.id_card.model.images import (
    MAX_BYTES,
    WORKING_SIDE,
    decode,
    decoded_bytes,
    upright_rgb,
)

FIELD = "image"
"""The name of the multipart field that carries the image."""

DECODED_BYTES = 640 * 2**20
"""Bytes that the large images of all requests of a process may take once decoded. An image that
takes more, up to 800 MB for 50 megapixels, gets all of it to itself."""

SMALL = 32 * 2**20
"""An image that takes no more than this many bytes never waits for a larger one."""

# What goes on to the framework in place of the file: a PNG of one pixel, so that nothing is parsed
# or written to disk a second time.
_PLACEHOLDER = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)

FORM = {"type": "object", "required": [FIELD], "properties": {FIELD: BINARY}}
"""The schema of a form with an image."""

_HOW = (
    "Send the file as the multipart field 'image' (curl -F image=@card.jpg), or as the raw body "
    "with its own type (curl --data-binary @card.jpg -H 'Content-Type: image/jpeg')."
)

# A list of one image, emptied once the request is answered: threads keep the context of their last
# request, and would keep the image with it.
_image: ContextVar[list[Image.Image] | None] = ContextVar("image", default=None)


def picture_of(upload: Path | Image.Image) -> Image.Image:
    """Return the image that an endpoint was called with, upright RGB.

    Within a request, that is the image which the middleware has decoded, so that none is decoded
    twice: with a phone's photograph, decoding takes far longer than finding the cards. Called
    without a server, as in a test, this function reads *upload* itself.

    Raises
    ------
    InputError
        If *upload* is read here and is not an image.
    """
    if decoded := _image.get():
        return decoded[0]
    return decode(upload.read_bytes()) if isinstance(upload, Path) else upright_rgb(upload)


class ImageValidationMiddleware(ValidationMiddleware):
    """ASGI middleware: let one readable image through, refuse everything else.

    Parameters
    ----------
    app : ASGI application
        It receives a ``multipart/form-data`` body with the one file field ``image``.
    max_bytes : int
        The largest request body, in bytes.
    in_full : collection of str
        The endpoints that need every pixel. The others get a large image reduced, as
        :func:`~services.id_card.model.images.decode` does for :data:`WORKING_SIDE`.
    pass_file : bool
        Hand the file itself on, for a framework that decodes it in another process.
    **options
        ``paths`` and ``on_refusal``, as for its base class.

    Notes
    -----
    Its refusals, all in the shape of :class:`~services.errors.InputError`: 400 for an
    empty, damaged or malformed upload, 408 for one that does not arrive, 413 for too many bytes
    or pixels, 415 for anything that is not an image or an upload, 422 for a missing, textual or
    repeated field.
    """

    too_large_hint = "Send a smaller file: scale the image down or save it with more compression."
    media_types = MappingProxyType({"multipart/form-data": FORM, "image/*": BINARY})

    def __init__(
        self,
        app: App,
        *,
        max_bytes: int = MAX_BYTES,
        in_full: Collection[str] = ("/render", "/explain"),
        pass_file: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(app, max_bytes=max_bytes, **options)
        self.in_full = tuple(in_full)
        self.pass_file = pass_file
        busy = "it is decoding too many large images"
        self._memory = Budget(DECODED_BYTES, busy)
        self._large = Budget(max(1, self.max_concurrency // 2), busy)
        self._decoders = anyio.Semaphore(2)  # one for each core

    async def _check(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with AsyncExitStack() as held:  # until the answer is sent
            try:
                body = await read_body(receive)
                data, texts = await _upload(scope, body)
                del body
                extra = self.extra_fields(scope, texts)
                picture = await self._decoded(data, scope["path"], held)
            except (InputError, ModelError) as refusal:
                await self._refuse(refusal, send)
                return
            content_type, canonical = _multipart(data if self.pass_file else _PLACEHOLDER, extra)
            images = [picture]
            token = _image.set(images)
            del data, picture
            try:
                await self._pass_on(canonical, content_type, scope, receive, send)
            finally:
                images.clear()
                _image.reset(token)

    def extra_fields(self, scope: Scope, texts: Sequence[tuple[str, str]]) -> Mapping[str, str]:
        """Return the fields to pass on beside the image: none here, for an endpoint to override.

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

    async def _decoded(self, data: bytes, path: str, held: AsyncExitStack) -> Image.Image:
        """Decode in a thread; a large image waits for memory, and never takes every slot."""
        side = None if path.rstrip("\n").endswith(self.in_full) else WORKING_SIDE
        # Reading a header may take time as well: the event loop has other requests to serve.
        needed = await anyio.to_thread.run_sync(partial(decoded_bytes, data, side=side))
        work = partial(decode, data, side=side)
        if needed <= SMALL:
            held.enter_context(self._admitted())
            return await anyio.to_thread.run_sync(work)
        self._large.take(1)
        held.callback(self._large.give, 1)
        held.enter_context(self._admitted())
        lease = await held.enter_async_context(self._memory.hold(needed))
        async with self._decoders:
            picture = await anyio.to_thread.run_sync(work)
        if side:
            # Pillow holds RGB in four bytes a pixel; an array takes the rest.
            await lease.shrink(8 * picture.width * picture.height)
        return picture


async def _upload(scope: Scope, body: bytes) -> tuple[bytes, list[tuple[str, str]]]:
    """Take the image's bytes, and any text fields, out of a raw or a multipart body."""
    declared = header(scope, b"content-type") or ""
    media_type = declared.partition(";")[0].strip().lower()
    if media_type.startswith("image/"):
        return body, []
    if media_type != "multipart/form-data":
        said = f"of the type {media_type!r}" if media_type else "without a Content-Type"
        raise InputError(
            f"The request is {said}; an image upload was expected.",
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
            f"The form has {len(values)} fields {FIELD!r}; one image per request is read.",
            code="image_repeated",
            status=422,
            hint="Send one request for each image.",
        )
    value = values[0]
    if not isinstance(value, UploadFile):
        raise InputError(
            f"The field {FIELD!r} holds text, not a file. Paths and URLs are not followed.",
            code="image_not_a_file",
            status=422,
            hint='A file\'s part has filename="…" in its Content-Disposition; filename*= alone is '
            f"not read. {_HOW}",
        )
    return value


def _multipart(data: bytes, extra: Mapping[str, str]) -> tuple[str, bytes]:
    """Return the content type and the body of a form with *data* as its field ``image``."""
    boundary = secrets.token_hex(24)
    fields = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in extra.items()
    )
    head = (
        f"{fields}--{boundary}\r\n"
        f'Content-Disposition: form-data; name="{FIELD}"; filename="{FIELD}"\r\n'
        "Content-Type: image/png\r\n\r\n"
    )
    body = head.encode() + data + f"\r\n--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", body
