"""lab12.ex1: What a request may be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter, ValidationError

from labs.engine import Context

_LIMITS = {"size": (0, 1000), "rooms": (1, 50), "floor": (-2, 100)}
"""Of these, only the lower one of the size is not allowed itself."""


def check(context: Context, answer: Any) -> None:
    """Validate good lists and all kinds of bad ones, as BentoML would: from JSON."""
    adapter = context.call(TypeAdapter, answer, where="TypeAdapter(Apartments)")
    good = [_apartment(context) for _ in range(4)]
    _accepts(context, adapter, good, "a list of four apartments")
    _accepts(context, adapter, [{**good[0], "size": 80}], "a size without decimals")
    _accepts(context, adapter, [{**good[0], "size": 0.25}], "a small size")
    for name, (low, high) in _LIMITS.items():
        for limit, inside in ((low, low + 1), (high, high - 1))[name == "size" :]:
            for value, mistake in ((inside, None), (limit, "off_by_one")):
                where = f"{name} is {value}, which is allowed"
                _accepts(context, adapter, [{**good[0], name: value}], where, mistake)
    without = {name: good[0][name] for name in _LIMITS}
    _accepts(context, adapter, [without], "no balcony is given", "balcony_required")
    for number, mistake in ((99, None), (100, "off_by_one")):
        _accepts(context, adapter, good[:1] * number, f"a list of {number}", mistake)
    count = 0
    for where, content, mistake in _bad(context, good[0]):
        _refuses(context, adapter, content, where, mistake)
        count += 1
    context.note(refused=f"{count} bad lists")


def _apartment(context: Context) -> dict[str, Any]:
    return {
        "size": context.random.randint(200, 3000) / 16,
        "rooms": context.random.randint(2, 9),
        "floor": context.random.randint(1, 30),
        "balcony": context.random.random() < 0.5,
    }


def _accepts(
    context: Context, adapter: Any, content: Any, where: str, mistake: str | None = None
) -> None:
    """Fail unless the list is valid and comes out as it went in, the balcony filled in."""
    try:
        got = adapter.validate_json(json.dumps(content))
        got = adapter.dump_python(got, mode="json")
    except ValidationError as error:
        said = error.errors()[0]
        place = ".".join(str(part) for part in said["loc"])
        if mistake == "balcony_required" and said["type"] != "missing":
            mistake = None
        context.fail(f"Refused: {place}: {said['msg']}.", where=where, mistake=mistake)
    except Exception as error:
        raise context.raised(error, where=where) from error
    want = [{"balcony": False, **one} for one in content]
    context.same(got, want, what="the validated list", where=where)


def _bad(context: Context, good: dict[str, Any]) -> Iterator[tuple[str, Any, str | None]]:
    """Yield bad lists: in words, the content, and the mistake of accepting it."""
    for name, (low, high) in _LIMITS.items():
        yield f"{name} is {high * 9}", [{**good, name: high * 9}], "no_limits"
        yield f"{name} is {-high}", [{**good, name: -high}], "no_limits"
        beyond = [low if name == "size" else low - 1, high + 1]
        for value in beyond:
            yield f"{name} is {value}", [{**good, name: value}], "off_by_one"
        yield f"{name} is the text '5'", [{**good, name: "5"}], "lax"
        yield f"{name} is true", [{**good, name: True}], "lax"
        yield f"{name} is null", [{**good, name: None}], None
        without = {key: value for key, value in good.items() if key != name}
        yield f"{name} is missing", [without], None
    yield "balcony is the text 'yes'", [{**good, "balcony": "yes"}], "lax"
    yield "balcony is 1", [{**good, "balcony": 1}], None
    yield "balcony is null", [{**good, "balcony": None}], None
    for name in ("rooms", "floor"):
        yield f"{name} is 2.5", [{**good, name: 2.5}], "float_rooms"
    field = context.random.choice(("balkony", "Size", "room"))
    yield f"there is a field {field}", [{**good, field: 1}], "ignores_extra"
    yield "the second apartment has no size", [good, {"rooms": 1, "floor": 1}], None
    yield "the list is empty", [], "empty"
    yield "the list has 300 apartments", [good] * 300, "too_many"
    yield "the list has 101 apartments", [good] * 101, "off_by_one"
    yield "it is one apartment without a list", good, None


def _refuses(context: Context, adapter: Any, content: Any, where: str, mistake: str | None) -> None:
    try:
        adapter.validate_json(json.dumps(content))
    except ValidationError:
        return
    except Exception as error:
        raise context.raised(error, where=where) from error
    context.fail("It was accepted; a ValidationError was expected.", where=where, mistake=mistake)
