"""Take what a model needs out of a V1 or V2 request, and put its answers into the response.

V1 is a JSON object ``{"instances": […]}`` that is answered with ``{"predictions": […]}``, in the
same order. V2 is a list of named, typed tensors that is answered with tensors. A model of ours
answers with one JSON value for each instance: in V1 as it is, in V2 as a BYTES tensor of JSON
texts.
"""

from __future__ import annotations

import contextlib
import math
import struct
import uuid
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import orjson
from kserve.errors import InvalidInput

from services.errors import InputError, described, json_type, shown
from services.kserve_support import InferInput, InferOutput, InferRequest, InferResponse, Payload

_HOW = {
    "v1": 'Send {"instances": [{…}, {…}]}, one object per instance.',
    "shape": "The product of 'shape' is the number of values; 'datatype' says how to read them.",
}


def instances_of(payload: dict[str, object], *, limit: int) -> list[Any]:
    """Return the instances of a V1 request: 1 to *limit* of them, of any type.

    Raises
    ------
    InputError
        422, code ``instances_missing``, ``instances_invalid``, ``instances_empty`` or
        ``instances_too_many``.
    """
    if "instances" not in payload:
        names = ", ".join(repr(str(name)[:40]) for name in list(payload)[:5]) or "nothing"
        raise _refused("instances_missing", f"'instances' is missing; the request has {names}.")
    instances = payload["instances"]
    if not isinstance(instances, list):
        what = f"'instances' must be an array; it is {json_type(instances)}."
        raise _refused("instances_invalid", what)
    check_count(len(instances), limit)
    return instances


def check_count(count: int, limit: int) -> None:
    """Refuse a request with no instances or too many.

    Raises
    ------
    InputError
        422, code ``instances_empty`` or ``instances_too_many``.
    """
    if not count:
        raise _refused("instances_empty", "The request has no instances.")
    if count > limit:
        raise InputError(
            f"The request has {count} instances; at most {limit} are allowed.",
            code="instances_too_many",
            status=422,
            hint=f"Send several requests of up to {limit} each.",
        )


def columns_of(
    request: InferRequest, *, required: Collection[str], optional: Collection[str] = ()
) -> dict[str, list[Any]]:
    """Return the tensors of a V2 request by name, each as a flat list of equal length.

    Parameters
    ----------
    request : InferRequest
    required, optional : collections of str
        The names that must, and that may, be there.

    Returns
    -------
    dict of str to list
        Python values: ``int``, ``float``, ``bool``; for BYTES ``str`` or ``bytes``, depending on
        how they were sent.

    Raises
    ------
    InputError
        422, code ``tensor_missing``, ``tensor_unknown``, ``tensor_repeated``, ``tensor_malformed``
        or ``tensor_lengths``.
    """
    wanted = [*required, *optional]
    verb = "The input is" if len(required) == 1 else "The inputs are"
    hint = f"{verb} {_list(required)}" + (f", and {_list(optional)} if wanted." if optional
                                                   else ".")  # fmt: skip
    columns: dict[str, list[Any]] = {}
    for tensor in request.inputs:
        name = tensor.name
        if name not in wanted:
            raise _refused("tensor_unknown", f"There is no input named {name[:40]!r}.", hint)
        if name in columns:
            raise _refused("tensor_repeated", f"The input {name!r} appears twice.", hint)
        columns[name] = _values(tensor)
    for name in required:
        if name not in columns:
            raise _refused("tensor_missing", f"The input {name!r} is missing.", hint)
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        each = ", ".join(f"{name!r} has {length}" for name, length in lengths.items())
        raise _refused("tensor_lengths", f"The inputs differ in length: {each}.",
                       "Each input is a column; send one value for every row.")  # fmt: skip
    return columns


def _values(tensor: InferInput) -> list[Any]:
    """Return a tensor's values in row-major order, checked against its shape and datatype."""
    name, shape, datatype = tensor.name, tensor.shape, tensor.datatype
    about = f"The input {name!r}, {datatype[:16]} of shape {shown(shape)},"
    if not all(type(side) is int and side >= 0 for side in shape):
        raise _refused("tensor_malformed", f"{about} has no valid shape.", _HOW["shape"])
    if tensor._raw_data is None:
        values = _flat(tensor.data)
        if len(values) != math.prod(shape):
            count = f"{len(values)} value{'s' * (len(values) != 1)}"
            raise _refused("tensor_malformed", f"{about} has {count}.", _HOW["shape"])
        _check_kinds(values, datatype, about)
        return values
    try:
        return list(tensor.as_numpy().ravel().tolist())
    except (ValueError, TypeError, struct.error, MemoryError, InvalidInput) as error:
        raise _refused(
            "tensor_malformed", f"{about} does not fit its bytes: {error}.",
            "A BYTES element is its length, four bytes little-endian, and then its bytes; "
            "numbers are little-endian.",
        ) from None  # fmt: skip


def _flat(data: Any) -> list[Any]:
    """Return JSON data, nested or not, as one list."""
    values: list[Any] = []
    waiting = [iter(data or ())]
    while waiting:
        for one in waiting[-1]:
            if isinstance(one, list):
                waiting.append(iter(one))
                break
            values.append(one)
        else:
            waiting.pop()
    return values


def _check_kinds(values: list[Any], datatype: str, about: str) -> None:
    kinds: dict[str, tuple[type, ...]] = {"BYTES": (str, bytes), "BOOL": (bool,)}
    if datatype.startswith(("INT", "UINT")):
        kinds[datatype] = (int,)
    elif datatype in ("FP32", "FP64"):
        kinds[datatype] = (float, int)
    if datatype not in kinds:
        raise _refused("tensor_malformed", f"{about} has an unsupported datatype.",
                       "Use BYTES, BOOL, FP32, FP64, or an INT or UINT type.")  # fmt: skip
    for place, value in enumerate(values):
        if type(value) not in kinds[datatype]:
            raise _refused(
                "tensor_malformed", f"{about} has at index {place} the value {described(value)}.",
                _HOW["shape"],
            )  # fmt: skip


@contextlib.contextmanager
def instance(place: int, count: int) -> Iterator[None]:
    """Add to an error's message which instance it is about, if there are several."""
    try:
        yield
    except InputError as error:
        if count == 1:
            raise
        message = f"Instance {place} (of {count}, counted from 0): {error.message}"
        raise InputError(message, code=error.code, status=error.status, hint=error.hint) from error


def respond(
    payload: Payload, answers: Sequence[object], *, model_name: str, output: str
) -> dict[str, object] | InferResponse:
    """Return *answers* in the protocol that *payload* came in.

    Parameters
    ----------
    payload : dict or InferRequest
        The request.
    answers : sequence
        One JSON value for each instance, in their order.
    model_name, output : str
        Named in a V2 response.

    Raises
    ------
    InputError
        422, code ``output_unknown``, if another output was asked for.
    """
    if not isinstance(payload, InferRequest):
        return {"predictions": list(answers)}
    for asked in payload.request_outputs or ():
        if asked.name != output:
            raise _refused("output_unknown", f"There is no output named {asked.name[:40]!r}.",
                           f"The output is {output!r}; or leave 'outputs' out.")  # fmt: skip
    texts = np.array([orjson.dumps(answer) for answer in answers], dtype=np.object_)
    tensor = InferOutput(output, [len(answers)], "BYTES")
    binary = payload.use_binary_outputs or any(o.binary_data for o in payload.request_outputs or ())
    tensor.set_data_from_numpy(texts, binary_data=bool(binary))
    return InferResponse(
        payload.id or str(uuid.uuid4()),
        model_name,
        [tensor],
        use_binary_outputs=bool(binary),
    )


def content_type_of(request: InferRequest) -> str | None:
    """Return the V2 parameter ``content_type`` of a request that came by REST or gRPC."""
    value = (request.parameters or {}).get("content_type")
    text = getattr(value, "string_param", value)  # gRPC wraps it in a message
    return None if text is None else str(text)


def _list(names: Collection[str]) -> str:
    return " and ".join(repr(name) for name in names)


def _refused(code: str, message: str, hint: str = _HOW["v1"]) -> InputError:
    return InputError(message, code=code, status=422, hint=hint)
