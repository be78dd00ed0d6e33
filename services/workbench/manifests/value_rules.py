"""Rules about values that the schemas take for any text, although the API knows a few only.

The published schemas name the type of such a field, ``string``, and not its values. Those here are
from the Kubernetes API reference. The place is told by the names that end the path, so that a pod
is looked at wherever it is embedded. A template, ``{{…}}``, is filled in later, and passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.workbench.manifests.bundle import Bundle, Finding
from services.workbench.manifests.documents import Fault, field

_BOXES = ("containers", "initContainers")
_PROBES = ("startupProbe", "livenessProbe", "readinessProbe")

VALUES: dict[tuple[str, ...], tuple[str, ...]] = {
    **{(box, "imagePullPolicy"): ("Always", "IfNotPresent", "Never") for box in _BOXES},
    **{(probe, "httpGet", "scheme"): ("HTTP", "HTTPS") for probe in _PROBES},
    ("ports", "protocol"): ("TCP", "UDP", "SCTP"),
    ("strategy", "type"): ("RollingUpdate", "Recreate"),
    ("seccompProfile", "type"): ("RuntimeDefault", "Localhost", "Unconfined"),
    ("template", "spec", "restartPolicy"): ("Always", "OnFailure", "Never"),
    ("template", "spec", "dnsPolicy"): (
        "ClusterFirst",
        "ClusterFirstWithHostNet",
        "Default",
        "None",
    ),
    ("topologySpreadConstraints", "whenUnsatisfiable"): ("DoNotSchedule", "ScheduleAnyway"),
    ("emptyDir", "medium"): ("", "Memory", "HugePages"),
    ("policyTypes",): ("Ingress", "Egress"),
    ("spec", "unhealthyPodEvictionPolicy"): ("IfHealthyBudget", "AlwaysAllow"),
    ("spec", "externalTrafficPolicy"): ("Cluster", "Local"),
    ("spec", "internalTrafficPolicy"): ("Cluster", "Local"),
    ("spec", "sessionAffinity"): ("ClientIP", "None"),
    ("paths", "pathType"): ("Exact", "Prefix", "ImplementationSpecific"),
    ("behavior", "scaleUp", "policies", "type"): ("Pods", "Percent"),
    ("behavior", "scaleDown", "policies", "type"): ("Pods", "Percent"),
    ("metadata", "labels", "pod-security.kubernetes.io/enforce"): (
        "privileged",
        "baseline",
        "restricted",
    ),
}
"""The end of a field's path to the values that the API takes there."""

_BY_KIND: dict[str, dict[tuple[str, ...], tuple[str, ...]]] = {
    "Service": {("spec", "type"): ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")}
}


def known_value(bundle: Bundle) -> Iterator[Finding]:
    """Find values that the API does not know, as ``imagePullPolicy: allways``."""
    for document in bundle.documents:
        known = {**VALUES, **_BY_KIND.get(document.kind, {})}
        for path, value in _texts(document.body, ()):
            names = tuple(part for part in path if isinstance(part, str))
            for length in range(1, len(names) + 1):
                values = known.get(names[-length:])
                if values is not None and value not in values and "{{" not in value:
                    reason = f"{value!r} is not one of {', '.join(filter(None, values))}"
                    yield document, Fault(field(*path), reason, "known-value")


def _texts(node: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield each text in a document with its path."""
    if isinstance(node, str):
        yield path, node
    elif isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _texts(value, (*path, key))


RULES = (known_value,)
