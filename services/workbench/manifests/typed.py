"""Check custom kinds with pydantic models, and tell pydantic's errors as faults.

Kubernetes takes a number for no text and a text for no number, so the models are strict; and a
field that the API does not know is refused, where a cluster would silently drop it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from services.workbench.manifests.core_kinds import unknown
from services.workbench.manifests.documents import Document, Fault, field


class Strict(BaseModel):
    """The base of our models: no field but the known, no conversion."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ObjectMeta(Strict):
    """What a manifest says of any object (Kubernetes API reference, ObjectMeta)."""

    name: Annotated[str, StringConstraints(min_length=1)]
    namespace: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


def checker(model: type[BaseModel], source: str) -> Callable[[Document], Iterator[Fault]]:
    """Return the function that checks a document against *model*, with all faults at once."""

    def check(document: Document) -> Iterator[Fault]:
        try:
            model.model_validate(document.body)
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_context=False):
                yield Fault(field(*detail["loc"]), _reason(model, detail), source)

    return check


def _reason(model: type[BaseModel], detail: Any) -> str:
    """Say in words what pydantic found at one place."""
    if detail["type"] == "extra_forbidden":
        *parents, name = detail["loc"]
        return unknown(str(name), _fields(model, parents))
    if detail["type"] == "missing":
        return "is required and missing"
    return f"{detail['msg']}; got {detail['input']!r}"


def _fields(model: Any, parents: list[str | int]) -> list[str]:
    """Return the names of the fields of the model that lies under *parents*."""
    schema: dict[str, Any] = model.model_json_schema()
    definitions = schema.get("$defs", {})
    node: Any = schema
    for part in parents:
        node = node.get("items", {}) if isinstance(part, int) else node["properties"].get(part, {})
        for option in (*node.get("anyOf", ()), node):
            if option.get("type") == "array":
                node = option
            elif "$ref" in option:
                node = definitions[option["$ref"].rsplit("/", 1)[1]]
    return list(node.get("properties", ()))
