"""Read manifests as kubectl does, and remember where each document starts.

kubectl reads YAML with Go's ``sigs.k8s.io/yaml``: the booleans of YAML 1.1 (``yes``, ``off``,
``y``), times and ``=`` as text, ``1e3`` as a number, every key as text. A file that begins with
``{`` is JSON.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

LARGEST, DEEPEST = 1_000_000, 100
"""How many values a document may have once its aliases are expanded, and how many levels."""


class ManifestError(Exception):
    """A manifest cannot be read: it is not YAML, repeats a key, or has no ``kind``."""


@dataclass(frozen=True, eq=False)
class Document:
    """One object of a manifest, and the file and line (from 1) where it starts."""

    origin: str
    line: int
    body: Mapping[str, Any]

    @property
    def api_version(self) -> str:
        """The API group and version, such as ``apps/v1``."""
        return str(self.body["apiVersion"])

    @property
    def kind(self) -> str:
        """The kind, such as ``Deployment``."""
        return str(self.body["kind"])

    @property
    def name(self) -> str:
        """The object's name; empty if it has none."""
        return str(lookup(self.body, "metadata", "name") or "")

    @property
    def namespace(self) -> str:
        """The object's namespace; ``default`` where the manifest names none."""
        return str(lookup(self.body, "metadata", "namespace") or "default")

    def __str__(self) -> str:
        """Return the document as kubectl writes it, such as ``Service/web``."""
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True)
class Finding:
    """Something wrong at one field of a document, such as ``spec.ports[0].targetPort``.

    *reason* says what is wrong with it, and what to write; *rule* is the rule's name, or the source
    of the types. With *warning*, a cluster accepts it, or may do so. If it *blocks*, rules that
    rely on correct types are skipped.
    """

    document: Document
    path: str
    reason: str
    rule: str
    warning: bool = False
    blocks: bool = False

    def __str__(self) -> str:
        """Return the finding in one line, without its document."""
        return f"{self.path}: {self.reason} [{self.rule}]"


def field_path(*parts: str | int) -> str:
    """Write the path of a field: ``field_path("spec", "ports", 0)`` is ``"spec.ports[0]"``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return text.removeprefix(".")


def lookup(node: Any, *keys: str) -> Any:
    """Return what lies under *keys*, or None where one of them is missing."""
    for key in keys:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node


def mapping(node: Any, *keys: str) -> Mapping[str, Any]:
    """Return the mapping under *keys*; an empty one where there is none."""
    found = lookup(node, *keys)
    return found if isinstance(found, Mapping) else {}


def sequence(node: Any, *keys: str) -> Sequence[Any]:
    """Return the list under *keys*; an empty one where there is none."""
    found = lookup(node, *keys)
    return found if isinstance(found, list) else []


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """PyYAML that reads scalars as Go does; both are based on libyaml."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - replaces PyYAML's own


def _number(text: str) -> Any:
    """Read a number as Go does: ``0777`` is octal, ``1e3`` is 1000, out of range is text."""
    plain = text.replace("_", "")
    if plain.lstrip("+-").lower() in (".inf", ".nan"):
        return math.inf
    try:
        value = int(plain, 8 if re.fullmatch(r"[-+]?0\d+", plain) else 0)
        if -(2**63) <= value < 2**64:
            return value
    except ValueError:
        pass  # not a whole number, or 08
    try:
        number = float(plain)
    except ValueError:
        return text
    if math.isinf(number):
        return text
    return int(number) if number.is_integer() and abs(number) < 1e21 else number


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[str, Any]:
    """Make a mapping whose keys are text, and refuse a key that appears twice."""
    own = [key for key, _ in node.value if not key.tag.endswith(":merge")]
    _refuse_repeated([_key(loader, key) for key in own], f"line {node.start_mark.line + 1}: ")
    loader.flatten_mapping(node)
    pairs = [(_key(loader, key), value) for key, value in node.value]
    return {key: loader.construct_object(value, deep=True) for key, value in pairs}


def _key(loader: Any, node: yaml.Node) -> str:
    key = loader.construct_object(node, deep=True)
    if not isinstance(key, str | int | float):
        given = "null" if key is None else repr(key)
        raise ManifestError(f"line {node.start_mark.line + 1}: a key must be a string, not {given}")
    return str(key).lower() if isinstance(key, bool) else str(key)


def _refuse_repeated(keys: list[str], where: str = "") -> None:
    if len(set(keys)) < len(keys):
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise ManifestError(f"{where}the key {repeated!r} appears twice; remove one of the two")


def _teach(loader: Any) -> None:
    tag, true, false = "tag:yaml.org,2002:", ("y", "yes", "true", "on"), ("n", "no", "false", "off")
    words = [form for word in true + false for form in (word, word.capitalize(), word.upper())]
    whole = r"[-+]?(0[bB][01_]+|0[oO][0-7_]+|0[xX][\da-fA-F_]+|\d[\d_]*)"
    broken = r"[-+]?(\.\d+|\d[\d_]*(\.[\d_]*)?)([eE][-+]?\d+)?"
    for name, form, first in (
        ("merge", "<<", "<"),
        ("bool", "|".join(words), "yYnNtTfFoO"),
        ("null", "~|null|Null|NULL|", ("~", "n", "N", "")),
        ("int", f"{whole}|{broken}", "-+.0123456789"),
        ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+."),
    ):
        loader.add_implicit_resolver(tag + name, re.compile(rf"({form})\Z", re.ASCII), list(first))
    for name in ("int", "float"):
        loader.add_constructor(tag + name, lambda _, node: _number(node.value))
    loader.add_constructor(tag + "bool", lambda _, node: node.value.lower() in true)
    loader.add_constructor(tag + "timestamp", lambda _, node: node.value)
    loader.add_constructor(tag + "map", _mapping)


_teach(_Loader)


def parse(text: str, origin: str) -> Iterator[Document]:
    """Read the documents of a text; empty ones are left out, and a list gives its items.

    Raises ManifestError if it is not YAML or JSON, a key appears twice, or a document has no
    ``apiVersion`` or no ``kind``.
    """
    try:
        for line, body in _bodies(text):
            _check_json(body)
            yield from (Document(origin, line, item) for item in _items(body, line))
    except ManifestError as error:
        raise ManifestError(f"{origin}: {error}") from error
    except RecursionError as error:
        raise ManifestError(f"{origin}: it is nested more than {DEEPEST} levels deep") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ManifestError(f"{origin}: it is not YAML: {' '.join(str(error).split())}") from error


def _bodies(text: str) -> Iterator[tuple[int, Any]]:
    """Yield each document with its line: as JSON if all of the text is, else as YAML."""
    if text.lstrip().startswith("{"):
        try:
            yield from list(_json_bodies(text))
            return
        except json.JSONDecodeError:
            pass  # a flow mapping of YAML, which newer releases of kubectl accept
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):  # libyaml's composer would crash if too deep
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise RecursionError
    loader = _Loader(text)
    while loader.check_node():
        node = loader.get_node()
        yield node.start_mark.line + 1, loader.construct_document(node)


def _json_bodies(text: str) -> Iterator[tuple[int, Any]]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        _refuse_repeated([key for key, _ in pairs])
        return dict(pairs)

    decoder, place = json.JSONDecoder(object_pairs_hook=unique, parse_float=_number), 0
    while found := re.compile(r"\S").search(text, place):
        body, place = decoder.raw_decode(text, found.start())
        yield text.count("\n", 0, found.start()) + 1, body


def _check_json(body: Any) -> None:
    """Refuse what JSON cannot hold, and aliases that would expand without end."""
    count, nodes = 0, [(0, body)]
    while nodes:
        depth, node = nodes.pop()
        count += 1
        if count > LARGEST:
            raise ManifestError(f"its aliases expand to more than {LARGEST:,} values")
        if depth > DEEPEST:
            raise RecursionError
        if isinstance(node, Mapping | list):
            inner = node.values() if isinstance(node, Mapping) else node
            nodes.extend((depth + 1, each) for each in inner)
        elif isinstance(node, float) and not math.isfinite(node):
            raise ManifestError("JSON has no infinite numbers and no NaN; write it as text")
        elif not isinstance(node, str | int | float | None):
            raise ManifestError(f"{node!r} is not JSON; write it as text")


def _items(body: Any, line: int) -> Iterator[Mapping[str, Any]]:
    """Yield the object of a document, or those of a list such as ``List`` or ``ServiceList``."""
    if body is None:
        return
    if not isinstance(body, Mapping):
        what = "list" if isinstance(body, list) else "scalar"
        raise ManifestError(f"line {line}: a manifest is a mapping of fields; this is a {what}")
    for key in ("apiVersion", "kind"):
        if not isinstance(body.get(key), str) or not body[key]:
            raise ManifestError(f"line {line}: {key} is missing or not text")
    kind, items = body["kind"], body.get("items")
    if not (kind.endswith("List") and isinstance(items, list)):
        yield body
        return
    for item in items:
        if kind != "List" and isinstance(item, Mapping):
            item = {"apiVersion": body["apiVersion"], "kind": kind.removesuffix("List"), **item}
        yield from _items(item, line)
