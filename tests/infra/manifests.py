"""The detector's manifests as the tests take them apart."""

from __future__ import annotations

import copy
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from services.environment import ROOT
from services.manifests.kserve.pods import quantity

FOLDER = ROOT / "infra" / "kubernetes"
OVERLAYS = sorted(path.parent for path in FOLDER.glob("overlays/*/kustomization.yaml"))
FILES = sorted([*FOLDER.glob("base/*.yaml"), *FOLDER.glob("monitoring/*.yaml")])

REMOVED = object()
"""As a value: take the field away."""


def everything() -> list[dict[str, Any]]:
    """Return all objects of base and monitoring in one namespace.

    It is what the production overlay makes, but needs no kubectl.
    """
    return copy.deepcopy(_everything())


@cache
def _everything() -> list[dict[str, Any]]:
    texts = [path.read_text(encoding="utf-8") for path in FILES if path.stem != "kustomization"]
    bodies = [yaml.safe_load(text) for text in texts]
    for body in bodies:
        if body["kind"] != "Namespace":
            body["metadata"]["namespace"] = "serving-labs"
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


def hardened(pod: dict[str, Any]) -> None:
    """Assert what the Pod Security Standard *restricted* asks of a pod, and somewhat more."""
    default = pod.get("securityContext", {})
    volumes = {volume["name"] for volume in pod.get("volumes", ())}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert not any("hostPath" in volume for volume in pod.get("volumes", ()))
    for container in pod["containers"]:
        context = {**default, **container["securityContext"]}
        assert (context["runAsNonRoot"], context["readOnlyRootFilesystem"]) == (True, True)
        assert context["runAsUser"] > 0
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["image"].rpartition(":")[2] not in ("", "latest")
        assert {"cpu", "memory"} == container["resources"]["limits"].keys()
        assert {mount["name"] for mount in container.get("volumeMounts", ())} <= volumes
        for name, limit in container["resources"]["limits"].items():
            assert 0 < quantity(container["resources"]["requests"][name]) <= quantity(limit)
