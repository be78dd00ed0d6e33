"""Decode the images of a request one at a time, within the memory that the process has for it."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable
from typing import TypeVar

from PIL import Image

from services.http.budget import Budget
from services.id_card.model.images import WORKING_SIDE, decode, decoded_bytes, from_base64
from services.id_card.validation import DECODED_BYTES
from services.kserve_support.payloads import instance

Result = TypeVar("Result")


def data_of(file: str | bytes) -> bytes:
    """Return an image file's bytes, which may have come as base64 text.

    Raises
    ------
    InputError
        400 if a text is not base64, code ``base64_invalid``.
    """
    if isinstance(file, str):
        return from_base64(file)
    try:
        # A client that sends JSON's text by gRPC sends the text's bytes. No image file is base64.
        return base64.b64decode(file, validate=True) or file
    except binascii.Error:
        return file


def picture_of(file: str | bytes) -> Image.Image:
    """Decode one image from its bytes or their base64 text.

    Raises
    ------
    InputError
        As :func:`data_of` and :func:`services.id_card.model.images.decode`.
    """
    return decode(data_of(file), side=WORKING_SIDE)


class Decoder:
    """Decodes images for all requests of a process.

    A request may hold 32 images of 50 megapixels, and all clients together may send as many
    requests as they like. What an image takes decoded is known from its header, so memory is
    reserved before it is decoded, and freed once it has been worked on.
    """

    def __init__(self) -> None:
        self._memory = Budget(DECODED_BYTES, "it is decoding too many large images")
        self._threads = asyncio.Semaphore(2)  # one for each core

    async def each(
        self, files: list[str | bytes], work: Callable[[Image.Image], Result]
    ) -> list[Result]:
        """Return what *work* makes of each image, in their order.

        The work is done in a thread: on the event loop it would keep the server from everything
        else, from its liveness probe too.

        Raises
        ------
        InputError
            The first image that cannot be decoded; which one is in the message.
        OverloadedError
            503, if there is no memory for an image in time.
        """
        results = []
        for place, file in enumerate(files):
            with instance(place, len(files)):
                needed = await asyncio.to_thread(_cost, file)
                async with self._memory.hold(needed), self._threads:
                    results.append(await asyncio.to_thread(_worked, file, work))
        return results


def _cost(file: str | bytes) -> int:
    return decoded_bytes(data_of(file))


def _worked(file: str | bytes, work: Callable[[Image.Image], Result]) -> Result:
    return work(picture_of(file))
