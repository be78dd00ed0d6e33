"""Read a V2 request from the body of a REST request: JSON, or JSON followed by binary tensors.

KServe 0.21 reads these too, but it answers 500 to a malformed request, and to every binary tensor
whose bytes are not UTF-8 text, such as a JPEG. So the body is read here.

Source: the Open Inference Protocol and its binary tensor data extension,
https://github.com/kserve/open-inference-protocol and
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import orjson
from kserve.protocol.infer_type import RequestedOutput

from services.errors import InputError, json_type
from services.http.asgi import whole_number
from services.kserve_support import InferInput, InferRequest

LENGTH_HEADER = "inference-header-content-length"
"""The header that says how many of the body's bytes are JSON; the binary tensors follow it."""

MAX_VALUES = 1_000_000
"""The most values, or commas, in a request's JSON."""

_EXAMPLE = '{"inputs": [{"name": …, "shape": [1], "datatype": "BYTES", "data": […]}]}'


def read_json(body: bytes) -> dict[str, Any]:
    """Return the JSON object in *body*.

    Raises
    ------
    InputError
        400, code ``body_missing`` or ``json_invalid``.
    """
    if not body:
        raise InputError(
            "The request has no body.",
            code="body_missing",
            status=400,
            hint="Send a JSON object; with curl: -d @request.json.",
        )
    # Parsing holds up all other requests: 28 MB of small numbers would do so for seconds.
    values = body.count(b",")
    if values > MAX_VALUES:
        raise InputError(
            f"The JSON has {values:,} values; at most {MAX_VALUES:,} are allowed.",
            code="body_too_large",
            status=413,
            hint="Send several smaller requests.",
        )
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InputError(
            f"The request's body is not JSON: {error}.",
            code="json_invalid",
            status=400,
            hint="Send a JSON object, encoded as UTF-8. An image goes into it as base64 text, or "
            f"after it, with the header {LENGTH_HEADER}.",
        ) from None
    if not isinstance(read, dict):
        raise InputError(
            f"The request's body is JSON, but not an object: it is {json_type(read)}.",
            code="json_invalid",
            status=400,
            hint='Send an object: {"instances": […]} for V1, {"inputs": […]} for V2.',
        )
    return read


def read_request(body: bytes, headers: Mapping[str, str], model_name: str) -> InferRequest:
    """Read a whole V2 request.

    Parameters
    ----------
    body : bytes
    headers : mapping
        The request's headers, their names in lower case.
    model_name : str
        The model that the request is for.

    Raises
    ------
    InputError
        400 or 422; its message says what exactly is malformed.
    """
    length = _json_length(headers.get(LENGTH_HEADER), len(body))
    fields = read_json(body[:length])
    _of_type(fields, "id", str)
    _of_type(fields, "parameters", dict)
    rest = memoryview(body)[length:]
    inputs = []
    for place, one in enumerate(_objects(fields, "inputs")):
        tensor, used = _tensor(one, f"inputs[{place}]", rest)
        inputs.append(tensor)
        rest = rest[used:]
    if rest:
        raise InputError(
            f"{len(rest):,} bytes are left over after the last binary tensor.",
            code="binary_size",
            status=400,
            hint="The inputs' 'binary_data_size' must add up to the bytes after the JSON.",
        )
    outputs = _requested(fields) if fields.get("outputs") else None
    return InferRequest(
        model_name,
        inputs,
        request_id=fields.get("id"),
        parameters=fields.get("parameters"),
        request_outputs=outputs,
    )


def _json_length(header: str | None, total: int) -> int:
    if header is None:
        return total
    length = whole_number(header)
    if length is not None and length <= total:
        return length
    raise InputError(
        f"The header {LENGTH_HEADER} is {header[:40]!r}, and the body has {total:,} bytes.",
        code="binary_size",
        status=400,
        hint="Send the number of bytes that the JSON takes, before the binary tensors.",
    )


def _tensor(fields: dict[str, Any], where: str, rest: memoryview) -> tuple[InferInput, int]:
    """Return one input, and how many of the bytes after the JSON belong to it."""
    for name, kind in (("name", str), ("datatype", str), ("shape", list)):
        if not isinstance(fields.get(name), kind):
            raise _malformed(f"{where}.{name}", fields.get(name), kind)
    _of_type(fields, "parameters", dict, where)
    parameters = fields.get("parameters") or {}
    tensor = InferInput(
        fields["name"],
        fields["shape"],
        fields["datatype"],
        data=fields.get("data"),
        parameters=parameters,
    )
    if "data" in fields:
        _of_type(fields, "data", list, where)
        return tensor, 0
    size = parameters.get("binary_data_size")
    if type(size) is not int or not 0 <= size <= len(rest):
        raise InputError(
            f"{where} has no 'data', and its 'binary_data_size' is missing or larger than the "
            f"{len(rest):,} bytes after the JSON.",
            code="data_missing",
            status=400,
            hint="Send the values as the array 'data', or as bytes after the JSON, their number in "
            f"parameters.binary_data_size, with the header {LENGTH_HEADER}.",
        )
    tensor._raw_data = bytes(rest[:size])  # KServe's own readers set it too; nothing public does
    return tensor, size


def _requested(fields: dict[str, Any]) -> list[RequestedOutput]:
    outputs = []
    for place, one in enumerate(_objects(fields, "outputs")):
        if not isinstance(one.get("name"), str):
            raise _malformed(f"outputs[{place}].name", one.get("name"), str)
        _of_type(one, "parameters", dict, f"outputs[{place}]")
        outputs.append(RequestedOutput(one["name"], one.get("parameters") or {}))
    return outputs


def _objects(fields: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return a field that is a list of one or more objects."""
    value = fields.get(name)
    if not isinstance(value, list) or not value:
        raise _malformed(name, value, list)
    for place, one in enumerate(value):
        if not isinstance(one, dict):
            raise _malformed(f"{name}[{place}]", one, dict)
    return cast(list[dict[str, Any]], value)


def _of_type(fields: dict[str, Any], name: str, kind: type, where: str = "") -> None:
    """Refuse a field that is present, not null, and of another type."""
    value = fields.get(name)
    if value is not None and not isinstance(value, kind):
        raise _malformed(f"{where}.{name}".lstrip("."), value, kind)


def _malformed(where: str, value: object, kind: type) -> InputError:
    names: dict[type, str] = {str: "a string", list: "a non-empty array", dict: "an object"}
    met = "missing" if value is None else "empty" if value == [] else json_type(value)
    return InputError(
        f"'{where}' must be {names[kind]}; it is {met}.",
        code="request_malformed",
        status=422,
        hint=f"A V2 request looks like {_EXAMPLE}.",
    )
