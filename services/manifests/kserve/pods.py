"""The pods of services and runtimes: what the API server refuses, and what is unwise.

KServe's webhook accepts these. The Deployment that its controller makes from them is refused later,
and only the object's status says so.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from services.manifests.documents import Document, lookup, mapping
from services.manifests.kserve.objects import (
    ISVC,
    RUNTIMES,
    STANDARD,
    Found,
    Part,
    containers,
    mode,
    pods,
    rule,
)

PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def _probes(box: Part) -> list[Part]:
    return [
        Part((*box.path, probe, action), box.body[probe][action])
        for probe in PROBES
        for action in ("httpGet", "tcpSocket")
        if lookup(box.body, probe, action) is not None
    ]


@rule(ISVC, *RUNTIMES)
def probe_port(document: Document, _: Any) -> Found:
    """Find probes without a port. Only Knative has a default, and not for a startup probe."""
    needed = document.kind != ISVC or mode(document) == STANDARD
    for probe in (probe for box in containers(document) for probe in _probes(box)):
        if "port" not in probe.body and (needed or "startupProbe" in probe.path):
            yield probe.at("port"), "is required but missing"


@rule(ISVC, *RUNTIMES)
def valid_resources(document: Document, _: Any) -> Found:
    """Find requests above their limit."""
    for box in containers(document):
        limits = mapping(box.body, "resources", "limits")
        for name, amount in mapping(box.body, "resources", "requests").items():
            if name in limits and quantity(amount) > quantity(limits[name]):
                reason = f"{amount} is above the limit, {limits[name]}"
                yield box.at("resources", "requests", name), reason


@rule(ISVC, *RUNTIMES)
def known_volume(document: Document, _: Any) -> Found:
    """Find mounts of volumes that the pod does not have; a runtime may bring the others."""
    for pod in (pod for pod in pods(document) if not pod.framework):
        names = [volume.body["name"] for volume in pod.items("volumes")]
        for mount in (mount for box in pod.serving for mount in box.items("volumeMounts")):
            if mount.body["name"] not in names:
                there = f"it has {', '.join(names)}" if names else "it has none"
                reason = f"the pod has no volume {mount.body['name']!r}; {there}"
                yield mount.at("name"), reason


@rule(ISVC, *RUNTIMES, warning=True)
def declared_probe_port(document: Document, _: Any) -> Found:
    """Find probes of a port that the container does not declare."""
    for box in containers(document):
        ports = [port.body for port in box.items("ports")]
        declared = [port.get("name") or port["containerPort"] for port in ports]
        declared += [port["containerPort"] for port in ports if "name" in port]
        for probe in _probes(box) if ports else ():
            if probe.body.get("port", declared[0]) not in declared:
                there = ", ".join(str(one) for one in declared)
                reason = f"the container declares no port {probe.body['port']!r}; it has {there}"
                yield probe.at("port"), reason


@rule(ISVC, *RUNTIMES, warning=True)
def pinned_image(document: Document, _: Any) -> Found:
    """Find images without a version: two nodes may run different builds."""
    for box in containers(document):
        image = box.body.get("image", "")
        tag = image.rpartition("/")[2].partition(":")[2]
        if image and "@" not in image and "{{" not in image and tag in ("", "latest"):
            reason = f"{image!r} names no version, so a roll-back gets the same image; "
            yield box.at("image"), f"{reason}write a tag or a digest"


@rule(ISVC, *RUNTIMES, warning=True)
def runs_as_non_root(document: Document, _: Any) -> Found:
    """Find containers in the manifest that may start as root."""
    for pod in pods(document):
        default = mapping(pod.body, "securityContext").get("runAsNonRoot")
        for box in (*pod.items("containers"), *pod.items("initContainers")):
            if mapping(box.body, "securityContext").get("runAsNonRoot", default) is not True:
                reason = "is not true, so the image may start as root; write true"
                yield box.at("securityContext", "runAsNonRoot"), reason


def quantity(text: str | int) -> Decimal:
    """Return the value of a quantity of the right form, such as ``250m`` or ``768Mi``."""
    number = str(text).rstrip("numkKMGTPEi")
    unit = str(text)[len(number) :]
    if unit.endswith("i"):
        return Decimal(number) * 1024 ** ("KMGTPE".index(unit[0]) + 1)
    powers = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
    return Decimal(number).scaleb(powers[unit])
