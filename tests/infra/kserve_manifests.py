"""KServe's manifests as the tests take them apart: read, changed at one place, checked."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from services.environment import ROOT
from services.workbench.manifests.check import check
from services.workbench.manifests.documents import Document, Fault
from services.workbench.manifests.kserve import sdk
from tests.infra.manifests import REMOVED, set_field

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


_SHORT = {
    "BOX": "spec.predictor.containers[0]",
    "METRIC": "spec.predictor.autoScaling.metrics[0]",
    "CANARY": "spec.canary[0]",
}


def changes() -> dict[str, list[Any]]:
    """Return the cases of ``kserve_changes.yaml``, in full, by their group."""
    text = Path(__file__).with_name("kserve_changes.yaml").read_text(encoding="utf-8")
    groups = yaml.safe_load(text)
    return {group: [_case(*case) for case in cases] for group, cases in groups.items()}


def _case(name: str, path: str, value: Any, where: str | None, words: str, rule: str) -> Any:
    for short, long in _SHORT.items():
        path = re.sub(rf"^{short}\b", long, path)
        where = re.sub(rf"^{short}\b", long, where) if where else None
    source = sdk.source() if rule == "SDK" else rule
    value = REMOVED if value == "REMOVED" else value
    return name, path, value, where or path.replace('"', ""), words, source


def findings(bodies: Sequence[dict[str, Any]]) -> list[tuple[str, Fault]]:
    """Check objects; return each fault and warning with the name of the object it is in."""
    found, _ = check([Document("test", 1, body) for body in bodies])
    return [(document.name, fault) for document, fault in found]
