"""lab09.ex3: Errors that say what to change."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

from labs.checks.lab09.files import base64_of, images, png_files
from labs.engine import Context
from services.errors import InputError

_NO_OBJECTS: dict[str, Any] = {
    "a list": [{"image_b64": "aGVsbG8="}],
    "a text": "instances",
    "null": None,
    "a number": 7,
    "an empty object": {},
    "an object without 'instances'": {"images": [{"image_b64": "aGVsbG8="}]},
    "an object whose 'instances' is a text": {"instances": "cards"},
    "an object whose 'instances' is an object": {"instances": {"image_b64": "aGVsbG8="}},
    "an object whose 'instances' is null": {"instances": None},
    "an object whose 'instances' is a number": {"instances": 7},
    "an object without an instance": {"instances": []},
}
_NO_INSTANCES: dict[str, Any] = {
    "a text": "aGVsbG8=",
    "null": None,
    "a list": ["image_b64"],
    "without image_b64": {"image": "aGVsbG8="},
    "with an image_b64 that is null": {"image_b64": None},
    "with an image_b64 that is a number": {"image_b64": 1234},
    "with an image_b64 that is a list": {"image_b64": ["aGVsbG8="]},
    "whose image_b64 has characters that base64 does not have": {"image_b64": "aGVs!bG8="},
    "whose image_b64 has a line break": {"image_b64": "aGVs\nbG8="},
    "whose image_b64 has a blank before it": {"image_b64": " aGVsbG8="},
    "whose image_b64 ends in a line break": {"image_b64": "aGVsbG8=\n"},
    "whose image_b64 is a data URL": {"image_b64": "data:image/png;base64,aGVsbG8="},
    "whose image_b64 is cut off": {"image_b64": "aGVsbG8"},
    "whose image_b64 has an accent": {"image_b64": "aGVsbé8="},
    "whose image_b64 is in the alphabet for URLs": {"image_b64": "-_-_aGVs"},
}


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Give good payloads and all kinds of bad ones."""
    files = png_files(context, context.random.randint(3, 5))
    for some in (files[:1], [*files, files[0]]):
        _accepts(context, answer, some)
    for what, payload in _NO_OBJECTS.items():
        _refuses(context, answer, payload, f"the payload is {what}")
    for what, payload, place in _bad_instances(context):
        error = _refuses(context, answer, payload, what)
        named = re.findall(r"\d+", re.sub(r"image_b64|base64", "", error.message))
        if str(place) not in named:
            said = f"The message is {error.message[:100]!r}; it should name instance {place}."
            cause = "The index is counted from 0." if str(place + 1) in named else ""
            mistake = None if named else "no_place"
            context.fail(said, where=what, mistake=mistake, cause=cause)
    context.note(refused=f"{len(_NO_OBJECTS) + 2 * len(_NO_INSTANCES)} bad requests")


def _accepts(context: Context, answer: Callable[..., Any], files: list[bytes]) -> None:
    payload = {"instances": [{"image_b64": base64_of(file)} for file in files]}
    where, given = f"a good payload with {images(len(files))}", copy.deepcopy(payload)
    got = context.call(answer, given, where=where)
    if not (type(got) is list and all(type(one) is bytes for one in got)):
        said = "files_in(payload) is not a list of bytes"
        context.fail(f"{said}, but of type {type(got).__name__}.", where=where, layer="schema")
    if got != files:
        context.fail(f"{len(got)} files were returned, but not those that were sent.", where=where)
    if given != payload:
        context.fail("files_in(payload) changed the caller's payload.", where=where)


def _bad_instances(context: Context) -> Iterator[tuple[str, Any, int]]:
    """Yield payloads with one bad instance, the last or another one: text, payload and place."""
    good = [{"image_b64": base64_of(file)} for file in png_files(context, 3)]
    for what, bad in _NO_INSTANCES.items():
        count = context.random.randint(3, 6)
        for place in (0, count - 1):
            instances = [*good, *good][:count]
            instances[place] = bad
            yield f"instance {place} of 0 to {count - 1}: {what}", {"instances": instances}, place


def _refuses(context: Context, answer: Any, payload: Any, where: str) -> InputError:
    """Return the InputError that *answer* raises for *payload*, its status and hint checked."""
    count = len(payload["instances"]) if "instance " in where else 0
    try:
        got = answer(payload)
    except InputError as error:
        if error.status != 422:
            context.fail(f"The status is {error.status}; 422 was expected.", where=where)
        if not re.search(r"image_b64|instances", error.hint):
            said = f"The hint is {error.hint[:100]!r}; it should name the field."
            context.fail(said, where=where, mistake="no_hint")
        return error
    except Exception as error:
        failure = context.raised(error, where=where, because="server_error")
        failure.differs += "; an InputError was expected."
        raise failure from error
    length = len(got) if isinstance(got, list) else -1
    mistake = None
    if "characters" in where and length == count and b"hello" in got:
        mistake = "not_strict"
    elif count and length == count - 1:
        mistake = "skips_bad"
    shown = f"a list of {length} files" if length >= 0 else f"a {type(got).__name__}"
    context.fail(
        f"Nothing was raised, and {shown} was returned; an InputError was expected.",
        where=where,
        mistake=mistake,
    )
    raise AssertionError
