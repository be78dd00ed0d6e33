"""Hold an object against the SDK's types, strictly: every field known, every value of its type."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from services.workbench.manifests.core_kinds import unknown
from services.workbench.manifests.documents import Fault, field
from services.workbench.manifests.kserve import differences, sdk

Path = tuple[str | int, ...]

_QUANTITY = re.compile(
    r"[+-]?(\d+(\.\d*)?|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?(\d+(\.\d*)?|\.\d+))?", re.ASCII
)
_SCALARS: dict[str, tuple[tuple[type, ...], str]] = {
    "str": ((str,), "a text"),
    "datetime": ((str,), "a time as a text"),
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "bool": ((bool,), "true or false"),
    differences.INT_OR_TEXT: ((int, str), "a whole number or a text"),
}


def walk(type_name: str, value: Any, path: Path = (), owner: str = "") -> Iterator[Fault]:
    """Yield each place where *value* is not what the SDK's type says.

    An empty field, ``key:`` with nothing behind it, counts as absent: the API server drops it.

    Parameters
    ----------
    type_name : str
        In the SDK's words: ``"V1beta1InferenceService"``, ``"list[V1Container]"``, ``"int"``.
    value : object
        What stands there: mappings, lists, texts, numbers, as YAML gives them.
    path : tuple of str and int
        Where it stands.
    owner : str
        The class whose field this is.
    """
    item, entry = sdk.item_of(type_name), sdk.value_of(type_name)
    if item is not None:
        yield from _list(item, value, path, owner)
    elif entry is not None:
        yield from _dict(entry, value, path, owner)
    elif sdk.fields(type_name) is not None:
        yield from _object(type_name, value, path)
    elif type_name != "object":
        yield from _scalar(type_name, value, path, owner)


def _object(type_name: str, value: Any, path: Path) -> Iterator[Fault]:
    if not isinstance(value, Mapping):
        yield _wrong(path, value, "a mapping of fields")
        return
    known = sdk.fields(type_name) or {}
    for name, inner in value.items():
        if name not in known:
            yield _fault((*path, name), unknown(str(name), known))
        elif inner is not None and not (name == "status" and not path):
            yield from walk(known[name].type, inner, (*path, name), type_name)
    for name, declared in known.items():
        if declared.required and value.get(name) is None:
            yield _fault((*path, name), "is required and missing", blocks=True)


def _list(item: str, value: Any, path: Path, owner: str) -> Iterator[Fault]:
    if not isinstance(value, list):
        yield _wrong(path, value, "a list")
        return
    limits = differences.LIMITS.get((owner, str(path[-1])))
    if limits and len(value) < limits.fewest:
        yield _fault(path, f"has {len(value)} items; the least is {limits.fewest}")
    for index, inner in enumerate(value):
        if inner is None:
            yield _fault((*path, index), "is empty", blocks=True)
        else:
            yield from walk(item, inner, (*path, index), owner)
    yield from _repeated(value, path)


def _repeated(items: list[Any], path: Path) -> Iterator[Fault]:
    """Find items of a keyed list that bear the same key: the API server refuses the second."""
    keys = differences.KEYS.get(str(path[-1]))
    seen = set()
    for index, item in enumerate(items if keys else ()):
        if keys and isinstance(item, Mapping) and item.get(keys[0]) is not None:
            key = tuple(str(item.get(k, differences.KEY_DEFAULTS.get(k))) for k in keys)
            if key in seen:
                reason = f"{key[0]!r} is there twice; the API takes each {keys[0]} once"
                yield _fault((*path, index, keys[0]), reason)
            seen.add(key)


def _dict(entry: str, value: Any, path: Path, owner: str) -> Iterator[Fault]:
    if not isinstance(value, Mapping):
        yield _wrong(path, value, "a mapping")
        return
    for name, inner in value.items():
        if inner is None and entry != "str":
            yield _fault((*path, name), "is empty", blocks=True)
        elif inner is not None:
            yield from walk(entry, inner, (*path, name), owner)


def _scalar(type_name: str, value: Any, path: Path, owner: str) -> Iterator[Fault]:
    if type_name in differences.QUANTITIES:
        yield from _quantity(value, path)
        return
    if type_name not in _SCALARS:  # the SDK names a type, and has no class for it
        reason = f"the SDK has no types for it ({type_name}): nothing in it was checked"
        yield Fault(field(*path), reason, sdk.source(), warning=True, blocks=False)
        return
    types, name = _SCALARS[type_name]
    whole = isinstance(value, float) and value.is_integer() and int in types
    if (isinstance(value, bool) and bool not in types) or not (isinstance(value, types) or whole):
        yield _wrong(path, value, name)
        return
    yield from _limits(value, path, owner)


def _quantity(value: Any, path: Path) -> Iterator[Fault]:
    if isinstance(value, bool) or not isinstance(value, int | str):
        hint = "; put it in quotes" if isinstance(value, float) else ""
        yield _wrong(path, value, f"a quantity (250m, 2, 768Mi, 1Gi){hint}")
    elif not _QUANTITY.fullmatch(str(value)):
        reason = f"{value!r} is no quantity; quantities are 250m, 2, 768Mi, 1Gi"
        yield _fault(path, reason, blocks=True)


def _limits(value: Any, path: Path, owner: str) -> Iterator[Fault]:
    name = str(path[-1]) if path else ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        bits = 63 if name in differences.LONG else 31
        if not -(2**bits) <= value < 2**bits:
            yield _fault(path, f"{value} does not fit into {bits + 1} bits")
    limits = differences.LIMITS.get((owner, name))
    if limits is None:
        return
    if limits.values and value not in limits.values:
        yield _fault(path, f"{value!r} is not one of {', '.join(limits.values)}")
    if limits.pattern and not re.fullmatch(limits.pattern, value):
        yield _fault(path, f"{value!r} is not {limits.form}")
    if limits.longest is not None and len(value) > limits.longest:
        yield _fault(path, f"has {len(value)} characters; the most is {limits.longest}")
    if limits.least is not None and value < limits.least:
        yield _fault(path, f"is {value}; the least is {limits.least}")
    if limits.most is not None and value > limits.most:
        yield _fault(path, f"is {value}; the most is {limits.most}")


def _wrong(path: Path, value: Any, wanted: str) -> Fault:
    hint = ""
    if wanted == "a text" and isinstance(value, int | float):
        hint = "; put it in quotes"
    elif wanted.startswith("a whole number") and isinstance(value, str) and value.isdigit():
        hint = "; leave the quotes out"
    many = isinstance(value, dict | list)
    shown = f"a {'mapping' if isinstance(value, dict) else 'list'}" if many else repr(value)
    return _fault(path, f"should be {wanted}{hint}; got {shown}", blocks=True)


def _fault(path: Path, reason: str, *, blocks: bool = False) -> Fault:
    return Fault(field(*path), reason, sdk.source(), blocks=blocks)
