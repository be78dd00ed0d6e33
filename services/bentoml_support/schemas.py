"""Keep null in the OpenAPI document.

Of a type such as ``str | None`` BentoML 1.4.39 describes the first part only. Clients that are
generated from the document then refuse a null in an answer, and cannot send one.
"""

from __future__ import annotations

from typing import Any

from _bentoml_sdk import method  # type: ignore[import-untyped]

_flatten = method._flatten_field


def keep_null() -> None:
    """Let this process's documents say where null is allowed. Calling it again changes nothing."""
    method._flatten_field = _flatten_but_null


def _flatten_but_null(
    schema: dict[str, Any], defs: dict[str, Any], max_depth: int | None = None, _depth: int = 0
) -> dict[str, Any]:
    # Only the document has a depth. BentoML's own client reads the other, /schema.json.
    if max_depth is not None and {"type": "null"} in schema.get("anyOf", []):
        return schema
    flat: dict[str, Any] = _flatten(schema, defs, max_depth, _depth)
    return flat
