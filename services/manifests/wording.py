"""A JSON Schema's errors in plain words, at the field they are about."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import Any

from jsonschema import ValidationError  # type: ignore[import-untyped]

from services.manifests.documents import Document, Finding, field_path

_WORDS = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping of fields",
}


def findings(document: Document, checker: Any, rule: str) -> Iterable[Finding]:
    """Return what a schema's checker finds in a document, each fault once.

    Parameters
    ----------
    document : Document
    checker : jsonschema validator
    rule : str
        The source of the types, which every finding names.
    """
    errors = checker.iter_errors(document.body)
    return dict.fromkeys(one for error in errors for one in _explain(document, error, rule))


def _explain(document: Document, error: ValidationError, rule: str) -> Iterator[Finding]:
    """Say what a schema's error means, at the field itself."""
    path = list(error.absolute_path)
    if error.validator == "additionalProperties" and error.validator_value is False:
        known = error.schema.get("properties", {})
        for name in sorted(set(error.instance) - set(known)):
            yield Finding(document, field_path(*path, name), _unknown(name, known), rule)
    elif error.validator == "required":
        for name in sorted(set(error.validator_value) - set(error.instance)):
            place = field_path(*path, name)
            yield Finding(document, place, "is required but missing", rule, blocks=True)
    else:
        blocks = error.validator not in ("enum", "minimum", "maximum", "minItems")
        yield Finding(document, field_path(*path), _reason(error), rule, blocks=blocks)


def _reason(error: ValidationError) -> str:
    value, bound = error.instance, error.validator_value
    shown = _shown(value)
    if isinstance(value, dict | list):
        shown = "a list" if isinstance(value, list) else "a mapping"
    alternatives = [*error.schema.get("oneOf", ()), *error.schema.get("anyOf", ()), error.schema]
    types = [name for name in _WORDS if name in str([one.get("type") for one in alternatives])]
    if error.validator in ("type", "pattern") and "title" in error.schema:
        return f"{shown} is not {error.schema['title']}"
    if error.validator in ("type", "oneOf", "anyOf") and types:
        hint = "; put it in quotes" if "string" in types and isinstance(value, int | float) else ""
        if isinstance(value, str) and re.fullmatch(r"-?\d+|true|false", value):
            hint = "; leave out the quotes"
        return f"must be {' or '.join(_WORDS[name] for name in types)}, not {shown}{hint}"
    if error.validator == "enum":
        return f"{shown} is not one of {', '.join(str(one) for one in bound)}"
    if error.validator in ("minimum", "maximum"):
        return f"is {shown}; the {error.validator} is {bound}"
    if error.validator == "minItems":
        return f"is empty; it needs at least {bound}"
    return " ".join(str(error.message).split())[:200]


def _shown(value: Any) -> str:
    """Return a value as YAML writes it, texts in quotes."""
    words = {None: "null", True: "true", False: "false"}
    plain = value is None or isinstance(value, bool)
    return words[value] if plain else repr(value)[:80]


def _unknown(name: str, known: Iterable[str]) -> str:
    """Say that a field is unknown, and which known one may have been meant."""
    names = list(known)
    close = [other for other in names if other.lower() == name.lower()]
    close = close or difflib.get_close_matches(name, names, n=1)
    return f"unknown field; did you mean {close[0]}?" if close else "unknown field; remove it"
