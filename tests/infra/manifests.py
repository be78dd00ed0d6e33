"""The detector's manifests as the tests take them apart: read, changed at one place, checked."""

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

FOLDER = ROOT / "infra" / "kubernetes"
OVERLAYS = sorted(path.parent for path in FOLDER.glob("overlays/*/kustomization.yaml"))
FILES = sorted([*FOLDER.glob("base/*.yaml"), *FOLDER.glob("monitoring/*.yaml")])

REMOVED = object()
"""As a value: take the field away."""

POD_MONITOR = """
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata: {name: id-card-detector}
spec:
  selector: {matchLabels: {app.kubernetes.io/name: id_card_detector}}
  podMetricsEndpoints: [{port: http, path: /metrics, interval: 15s}]
"""


def everything() -> list[dict[str, Any]]:
    """Return all objects of base and monitoring in one namespace, and a PodMonitor besides.

    It is what the production overlay makes, but needs no kubectl.
    """
    return copy.deepcopy(_everything())


@cache
def _everything() -> list[dict[str, Any]]:
    texts = [path.read_text(encoding="utf-8") for path in FILES if path.stem != "kustomization"]
    bodies = [yaml.safe_load(text) for text in (*texts, POD_MONITOR)]
    for body in bodies:
        if body["kind"] != "Namespace":
            body["metadata"]["namespace"] = "serving-labs"
    return bodies


def faults(bodies: Sequence[dict[str, Any]], version: str = "1.35") -> list[tuple[str, Fault]]:
    """Check objects; return each fault with the kind it is in."""
    findings, _ = check([Document("test", 1, body) for body in bodies], version)
    return [(document.kind, fault) for document, fault in findings]


def changed(kind: str, path: str, value: Any) -> list[dict[str, Any]]:
    """Return all objects with one field of the object of a kind set to *value*, or REMOVED."""
    bodies = everything()
    set_field(next(body for body in bodies if body["kind"] == kind), path, value)
    return bodies


def set_field(body: dict[str, Any], path: str, value: Any) -> None:
    """Set one field of an object, as ``spec.ports[0].name``; REMOVED takes it away."""
    node: Any = body
    *parents, last = (
        int(part) if part.isdigit() else part
        for part in re.findall(r"\"([^\"]+)\"|([^.\[\]\"]+)", path)
        for part in part
        if part
    )
    for part in parents:
        node = node[part] if isinstance(part, int) else node.setdefault(part, {})
    if value is REMOVED:
        del node[last]
    elif isinstance(last, int) and last == len(node):
        node.append(value)
    else:
        node[last] = value


def base(name: str) -> dict[str, Any]:
    """Return one object of the base."""
    body: dict[str, Any] = yaml.safe_load(
        Path(FOLDER / "base" / f"{name}.yaml").read_text(encoding="utf-8")
    )
    return body
