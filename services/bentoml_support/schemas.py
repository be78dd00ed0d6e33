"""Keep null in the OpenAPI document.

For a type such as ``str | None``, BentoML 1.4.39 describes only the first part. Clients that are
generated from the document then reject a null in a response, and cannot send one.
"""

from __future__ import annotations

from typing import Any

from _bentoml_sdk import method  # type: ignore[import-untyped]

_flatten = method._flatten_field


def keep_null() -> None:
    """Make this process's documents say where null is allowed. Calling it again has no effect."""
    method._flatten_field = _flatten_but_null


def _flatten_but_null(
    schema: dict[str, Any], defs: dict[str, Any], max_depth: int | None = None, _depth: int = 0
) -> dict[str, Any]:
    # Only the OpenAPI document sets a depth; /schema.json, for BentoML's own client, does not.
    if max_depth is not None and {"type": "null"} in schema.get("anyOf", []):
        return schema
    flat: dict[str, Any] = _flatten(schema, defs, max_depth, _depth)
    return flat
