"""Read a CloudEvent whose body is the whole event ("structured mode").

KServe 0.21 reads them too, but it treats an event without ``time``, which the specification makes
optional, as a plain request. The other mode, attributes in headers, is left to KServe.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from __future__ import annotations

import base64
from typing import Any

from services.errors import InputError
from services.kserve_support.wire import read_json

CLOUD_EVENT = "application/cloudevents+json"
"""The media type of a structured event."""

REQUIRED = ("specversion", "id", "source", "type")


def is_cloud_event(content_type: str) -> bool:
    """Say whether a Content-Type is that of a structured event, in any case and with parameters."""
    return content_type.partition(";")[0].strip().lower() == CLOUD_EVENT


def read_event(body: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return an event's data, which is a V1 request, and its attributes.

    Raises
    ------
    InputError
        400, code ``cloud_event``, or as :func:`~services.kserve_support.wire.read_json`.
    """
    event = read_json(body)
    for name in REQUIRED:
        if not isinstance(event.get(name), str):
            raise unreadable(f"its attribute {name!r} is missing or not a string")
    data = event.pop("data", None)
    if isinstance(encoded := event.pop("data_base64", None), str):
        try:
            data = read_json(base64.b64decode(encoded, validate=True))
        except ValueError as error:
            raise unreadable(f"its data_base64 does not hold JSON: {error}") from None
    if not isinstance(data, dict):
        raise unreadable("its 'data' is missing or not a JSON object")
    event.setdefault("time", "")  # KServe deletes it, so that its response gets a time of its own
    return data, event


def unreadable(why: str) -> InputError:
    """Return the error for an event that cannot be read."""
    return InputError(
        f"The CloudEvent cannot be read: {why}.",
        code="cloud_event",
        status=400,
        hint='Its data must be a V1 request in JSON: {"instances": […]}.',
    )
