"""KServe's manifests as the tests take them apart."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cache
from typing import Any

from services.environment import ROOT
from services.manifests import parse

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
    texts = [(path.read_text(encoding="utf-8"), path.name) for path in FILES]
    bodies = [dict(document.body) for text in texts for document in parse(*text)]
    for body in bodies:
        if body["kind"] != "Namespace":
            body["metadata"]["namespace"] = "serving-labs-kserve"
    return bodies


def named(bodies: Sequence[dict[str, Any]], name: str) -> dict[str, Any]:
    """Return the object of that name."""
    return next(body for body in bodies if body["metadata"]["name"] == name)
