"""lab09.ex1: Ask in V2, and read the answer."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import orjson

from labs.checks.lab09.files import base64_of, images, png_files
from labs.engine import Context, fake_core
from services.errors import InputError
from services.id_card.kserve.predictor import files_of
from services.kserve_support import wire

_SIGNS = b"\xfb\xff\xfe"
"""In base64 these are ``+`` and ``/``, which the alphabet for URLs has not."""


def check(context: Context, request_of: Callable[..., Any], boxes_of: Callable[..., Any]) -> None:
    """Read the request as the server does; give an answer with several outputs back."""
    once, others = png_files(context, 1), png_files(context, 3)
    for files in ([*once, _SIGNS, *once, *others], once, png_files(context, 2)):
        _request(context, request_of, files)
    for counts, last in (([2, 0, 3, 0], True), ([1], False), ([0, 4], True)):
        _answer(context, boxes_of, counts, last)
    context.note(requests=3, answers=3)


def _request(context: Context, request_of: Callable[..., Any], files: list[bytes]) -> None:
    where, what = images(len(files)), "request_of(files)"
    given = list(files)
    got = context.call(request_of, given, where=where)
    if given != files:
        context.fail(f"{what} changed the caller's list.", where=where)
    body = context.plain(got, what=what, where=where, types={"bytes": "raw_bytes"})
    if not isinstance(body, dict):
        kind = type(body).__name__
        context.fail(f"{what} is of type {kind}; dict was expected.", where=where, layer="schema")
    if "instances" in body:
        context.fail(f"{what} has the field 'instances'.", where=where, mistake="v1")
    try:
        texts = files_of(wire.read_request(orjson.dumps(body), {}, "id_card"))
    except InputError as error:
        said = f"The server would answer {error.status}: {error.message} {error.hint}"
        mistake = "shape" if "values" in error.message and "shape" in error.message else None
        context.fail(said, where=where, mistake=mistake, layer="schema")
    if len(texts) != len(files):
        said = f"{len(texts)} of {len(files)} images are in the request."
        one_only = any(texts == [base64_of(file)] for file in files)
        context.fail(said, where=where, mistake="one_only" if one_only else None)
    for place, (text, file) in enumerate(zip(texts, files, strict=True)):
        if text != base64_of(file):
            context.fail(
                f"Image {place} begins with {str(text)[:24]!r}; the base64 text of its file was "
                "expected.",
                where=where,
                mistake="data_url" if str(text).startswith("data:") else None,
            )


def _answer(context: Context, boxes_of: Callable[..., Any], counts: list[int], last: bool) -> None:
    """Give an answer for images with so many boxes; its detections are the last output or not."""
    want = [fake_core.boxes(context.picture(count)) for count in counts]
    texts, shape = [json.dumps(boxes) for boxes in want], [len(counts)]
    spent = [json.dumps([context.random.randint(1, 90)]) for _ in counts]
    rates = [0.5] * len(counts)
    outputs: list[dict[str, Any]] = [
        {"name": "milliseconds", "shape": shape, "datatype": "BYTES", "data": spent},
        {"name": "detections_a_second", "shape": shape, "datatype": "FP32", "data": rates},
        {"name": "detections", "shape": shape, "datatype": "BYTES", "data": texts},
    ]
    if not last:
        outputs.reverse()
    answer = {"model_name": "id_card", "id": "7", "outputs": outputs}
    given = copy.deepcopy(answer)
    names = ", ".join(output["name"] for output in outputs)
    where = f"an answer for {images(len(counts))}, with the outputs {names}"
    context.same(
        context.call(boxes_of, given, where=where),
        want,
        what="boxes_of(answer)",
        where=where,
        mistakes=[
            ("texts", texts),
            ("first_image", want[0]),
            ("by_place", [json.loads(text) for text in spent]),
        ],
    )
    if given != answer:
        context.fail("boxes_of(answer) changed the caller's answer.", where=where)
