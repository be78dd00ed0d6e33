"""KServe's Python SDK, read as a description of its API.

Each class under ``kserve.models`` says which fields an object has, of which types, and refuses
``None`` for a required one. A constructor checks no more than that: it takes a text for a number,
and keeps it. So the classes are not called here. What they declare is read, and
:mod:`.walk` compares a manifest with it. The types of Kubernetes inside of them (containers,
volumes, affinities) are declared in the same way by the package ``kubernetes``.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from types import ModuleType, SimpleNamespace
from typing import Any

from services.workbench.manifests.kserve import differences

_LIST = re.compile(r"list\[(.+)\]")
_DICT = re.compile(r"dict[\[(]str, (.+)[\])]")


@dataclass(frozen=True)
class Field:
    """One field of a class: its type in the SDK's words, and whether it has to be there."""

    type: str
    required: bool


@cache
def source() -> str:
    """Return what the types are from, as a fault names it."""
    return f"KServe {version('kserve')} SDK"


@cache
def _modules() -> tuple[ModuleType, ModuleType]:
    """Import both packages: some seconds, hence only once there is a KServe kind.

    ``import kserve`` parses the command line of whoever imports it, by prefixes: a flag of ours
    could set one of its server. It gets none to see.
    """
    given = sys.argv
    sys.argv = given[:1]
    try:
        return importlib.import_module("kserve.models"), importlib.import_module(
            "kubernetes.client.models"
        )
    finally:
        sys.argv = given


def item_of(type_name: str) -> str | None:
    """Return ``X`` of the type ``list[X]``."""
    found = _LIST.fullmatch(type_name)
    return found[1] if found else None


def value_of(type_name: str) -> str | None:
    """Return ``X`` of the type ``dict[str, X]``, for which the SDK has two ways of writing."""
    found = _DICT.fullmatch(type_name)
    return found[1] if found else None


@cache
def fields(type_name: str) -> Mapping[str, Field] | None:
    """Return the fields of a class by the names that they bear in a manifest.

    Parameters
    ----------
    type_name : str
        As the SDK writes it, as ``"V1beta1PredictorSpec"``.

    Returns
    -------
    mapping of str to Field, or None
        None if there is no such class: the type is a scalar, or the SDK forgot it.
    """
    name = differences.SAME_AS.get(type_name, type_name)
    if name in differences.MISSING:
        base, more = differences.MISSING[name]
        own = {field: Field(kind, required) for field, (kind, required) in more.items()}
        return {**((fields(base) or {}) if base else {}), **own}
    declared = next((getattr(m, name) for m in _modules() if hasattr(m, name)), None)
    return dict(_declared(name, declared)) if declared else None


def _declared(name: str, declared: Any) -> Iterator[tuple[str, Field]]:
    for attribute, kind in declared.openapi_types.items():
        field = declared.attribute_map[attribute]
        if (name, field) in differences.DROPPED:
            continue
        required = differences.REQUIRED.get((name, field), _refuses_none(declared, attribute))
        yield field, Field(differences.TYPES.get((name, field), kind), required)


def _refuses_none(declared: Any, attribute: str) -> bool:
    """Say whether a field is required: its setter then raises ValueError for None."""
    empty = object.__new__(declared)
    empty.local_vars_configuration = SimpleNamespace(client_side_validation=True)
    try:
        setattr(empty, attribute, None)
    except ValueError:
        return True
    return False
