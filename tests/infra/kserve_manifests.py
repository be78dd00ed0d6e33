"""KServe's manifests as the tests take them apart: read, changed at one place, checked."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cache
from typing import Any

import yaml

from services.environment import ROOT
from services.workbench.manifests.check import check
from services.workbench.manifests.documents import Document, Fault
from tests.infra.manifests import set_field

FOLDER = ROOT / "infra" / "kserve"
FILES = sorted(
    path
    for part in ("base", "standard", "knative")
    for path in (FOLDER / part).glob("*.yaml")
    if path.stem != "kustomization"
)
OVERLAYS = sorted(path.parent for path in FOLDER.glob("overlays/*/kustomization.yaml"))


def everything() -> list[dict[str, Any]]:
    """Return all objects of the base and of both modes, in one namespace."""
    return copy.deepcopy(_everything())


@cache
def _everything() -> list[dict[str, Any]]:
    bodies = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in FILES]
    for body in bodies:
        if body["kind"] != "Namespace":
            body["metadata"]["namespace"] = "serving-labs-kserve"
    return bodies


def named(bodies: Sequence[dict[str, Any]], name: str) -> dict[str, Any]:
    """Return the object of that name."""
    return next(body for body in bodies if body["metadata"]["name"] == name)


def changed(name: str, path: str, value: Any) -> list[dict[str, Any]]:
    """Return all objects with one field of one of them set to *value*, or REMOVED."""
    bodies = everything()
    set_field(named(bodies, name), path, value)
    return bodies


def findings(bodies: Sequence[dict[str, Any]]) -> list[tuple[str, Fault]]:
    """Check objects; return each fault and warning with the name of the object it is in."""
    found, _ = check([Document("test", 1, body) for body in bodies])
    return [(document.name, fault) for document, fault in found]
