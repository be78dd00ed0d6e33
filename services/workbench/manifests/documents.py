"""Read YAML as an API server would take it, and remember where each document stood."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml


class ManifestError(Exception):
    """A manifest could not be read at all: no YAML, a repeated key, no ``kind``."""


@dataclass(frozen=True)
class Fault:
    """Something wrong at one place of a document.

    Attributes
    ----------
    path : str
        The field, as ``spec.ports[0].targetPort``; empty for the document as a whole.
    reason : str
        What is wrong with it, and where it is not plain, what would come of it.
    rule : str
        Who says so: the name of a rule, or the source of a type.
    warning : bool, default=False
        Whether a cluster takes it, and runs it, all the same.
    blocks : bool, default=True
        Whether rules that rely on right types have to wait until it is mended.
    """

    path: str
    reason: str
    rule: str
    warning: bool = False
    blocks: bool = True

    def __str__(self) -> str:
        """Return the fault as one line."""
        place = f"{self.path}: " if self.path else ""
        return f"{place}{self.reason} [{self.rule}]"


@dataclass(frozen=True, eq=False)
class Document:
    """One object of a manifest.

    Attributes
    ----------
    origin : str
        The file, or the command that printed it.
    line : int
        The line of *origin* on which it starts, from 1.
    body : mapping
        The object itself.
    """

    origin: str
    line: int
    body: Mapping[str, Any]

    @property
    def api_version(self) -> str:
        """The API group and version, as ``apps/v1``."""
        return str(self.body["apiVersion"])

    @property
    def kind(self) -> str:
        """The kind, as ``Deployment``."""
        return str(self.body["kind"])

    @property
    def name(self) -> str:
        """The name, empty if it has none."""
        return str(lookup(self.body, "metadata", "name") or "")

    @property
    def namespace(self) -> str:
        """The namespace that the document names; ``kubectl`` takes "default" where it is empty."""
        return str(lookup(self.body, "metadata", "namespace") or "default")

    @property
    def labels(self) -> Mapping[str, str]:
        """The object's own labels."""
        return mapping(self.body, "metadata", "labels")

    def __str__(self) -> str:
        """Return what ``kubectl`` would call it, with the API version."""
        return f"{self.api_version} {self.kind} {self.name or '(without a name)'}"


def field(*parts: str | int) -> str:
    """Write a path as people do: ``field("spec", "ports", 0)`` is ``"spec.ports[0]"``."""
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part:
            text += f".{part}" if text else part
    return text


def lookup(node: Any, *keys: str) -> Any:
    """Return what lies under *keys*, or None where one of them is missing."""
    for key in keys:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node


def mapping(node: Any, *keys: str) -> Mapping[str, Any]:
    """Return the mapping under *keys*; an empty one where there is none."""
    return lookup(node, *keys) or {}


def sequence(node: Any, *keys: str) -> Sequence[Any]:
    """Return the list under *keys*; an empty one where there is none."""
    return lookup(node, *keys) or []


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, stricter in two ways that ``kubectl apply`` is strict in, too."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if not isinstance(key, str):
                raise ManifestError(f"line {line}: the key {key!r} is no text; put it in quotes")
            if key in seen and key != "<<":
                raise ManifestError(f"line {line}: the key {key!r} is there twice")
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def parse(text: str, origin: str) -> Iterator[Document]:
    """Read the documents of a text; empty ones are left out, and a ``List`` gives its items.

    Raises
    ------
    ManifestError
        If it is no YAML, a key is there twice or is no text, or a document has no ``apiVersion``
        or no ``kind``.
    """
    try:
        loader = _Loader(text)
        while loader.check_node():
            node = loader.get_node()
            assert node is not None
            line = node.start_mark.line + 1
            for body in _items(loader.construct_document(node)):
                _check_head(body, f"line {line}")
                yield Document(origin, line, body)
    except (yaml.YAMLError, ValueError) as error:  # a ValueError is a date like 2026-13-01
        raise ManifestError(f"{origin}: no YAML: {' '.join(str(error).split())}") from error
    except ManifestError as error:
        raise ManifestError(f"{origin}: {error}") from error


def _items(body: Any) -> list[Any]:
    """Return the one object of a document, or those of a ``List``."""
    if isinstance(body, dict) and (body.get("apiVersion"), body.get("kind")) == ("v1", "List"):
        return list(body.get("items") or [])
    return [] if body is None else [body]


def _check_head(body: Any, place: str) -> None:
    if not isinstance(body, dict):
        raise ManifestError(f"{place}: a manifest is a mapping; this is {type(body).__name__}")
    for key in ("apiVersion", "kind"):
        if not isinstance(body.get(key), str) or not body[key]:
            raise ManifestError(f"{place}: {key} is missing or no text")
