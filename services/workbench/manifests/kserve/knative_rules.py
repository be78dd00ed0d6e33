"""Rules about pods in Knative mode, of which Knative takes less than Kubernetes does.

KServe's webhook passes such a service. Then Knative's webhook refuses the Service that KServe's
controller makes from it, and only the status tells. So this is looked at where the annotation says
Knative. Source: ``pkg/apis/serving/k8s_validation.go`` and ``fieldmask.go`` of knative/serving,
and ``pkg/apis/config/features.go`` for what can be switched on in the cluster.
"""

from __future__ import annotations

from collections.abc import Iterator

from services.workbench.manifests.bundle import Container
from services.workbench.manifests.documents import Document, lookup, sequence
from services.workbench.manifests.kserve.components import (
    KNATIVE,
    Component,
    Found,
    components,
    mode,
)

_NEVER = (
    *("restartPolicy", "terminationGracePeriodSeconds", "activeDeadlineSeconds", "nodeName"),
    *("hostname", "subdomain", "priority", "readinessGates", "ephemeralContainers"),
)
_NEVER_IN_CONTAINER = ("lifecycle", "stdin", "stdinOnce", "tty", "volumeDevices")
_SWITCHED = {
    "affinity": "podspec-affinity",
    "topologySpreadConstraints": "podspec-topologyspreadconstraints",
    "hostAliases": "podspec-hostaliases",
    "nodeSelector": "podspec-nodeselector",
    "runtimeClassName": "podspec-runtimeclassname",
    "tolerations": "podspec-tolerations",
    "securityContext": "podspec-securitycontext",
    "shareProcessNamespace": "podspec-shareprocessnamespace",
    "priorityClassName": "podspec-priorityclassname",
    "schedulerName": "podspec-schedulername",
    "initContainers": "podspec-init-containers",
    "dnsPolicy": "podspec-dnspolicy",
    "dnsConfig": "podspec-dnsconfig",
    "hostIPC": "podspec-hostipc",
    "hostPID": "podspec-hostpid",
    "hostNetwork": "podspec-hostnetwork",
}
_PORT_NAMES = ("http1", "h2c")
_TAKEN_PORTS = (8008, 8012, 8013, 8022, 9090, 9091)
_TAKEN_VARIABLES = ("PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION")


def _parts(document: Document) -> Iterator[Component]:
    if mode(document) == KNATIVE:
        yield from components(document)


def knative_field(document: Document) -> Found:
    """Find fields of a pod that Knative refuses always (``PodSpecMask``, ``ContainerMask``)."""
    for part in _parts(document):
        for name in _NEVER:
            if part.body.get(name) is not None:
                yield part.at(name), "is refused by Knative, which sets it itself"
        for container in part.all_containers:
            for name in _NEVER_IN_CONTAINER:
                if container.body.get(name) is not None:
                    yield container.at(name), "is refused by Knative"


def knative_port(document: Document) -> Found:
    """Find several ports, and names and numbers of ports that Knative does not take.

    ``validateContainersPorts``, ``validateContainerPorts``: the name says the protocol.
    """
    for part in _parts(document):
        ports = [
            (container, index, port)
            for container in _served(part)
            for index, port in enumerate(sequence(container.body, "ports"))
        ]
        for container, index, port in ports[1:]:
            place = container.at("ports", index)
            yield place, f"{port['containerPort']} is the second port; Knative takes one"
        for container, index, port in ports[:1]:
            name, number = port.get("name"), port["containerPort"]
            if name and name not in _PORT_NAMES:
                reason = f"{name!r} is not one of {', '.join(_PORT_NAMES)}, or no name at all"
                yield container.at("ports", index, "name"), reason
            if number in _TAKEN_PORTS:
                yield container.at("ports", index, "containerPort"), f"{number} is Knative's own"


def _served(part: Component) -> list[Container]:
    framework = part.framework
    return [*part.containers, *([framework] if framework else [])]


def knative_probe(document: Document) -> Found:
    """Find probes of a named port that is not the container's (``validateProbe``)."""
    for part in _parts(document):
        for container in _served(part):
            names = {port.get("name") for port in sequence(container.body, "ports")}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                for action in ("httpGet", "tcpSocket"):
                    port = lookup(container.body, probe, action, "port")
                    if isinstance(port, str) and port and port not in names and names:
                        yield container.at(probe, action, "port"), f"there is no port {port!r}"


def knative_environment(document: Document) -> Found:
    """Find variables that Knative sets itself (``validateEnvVar``)."""
    for part in _parts(document):
        for container in _served(part):
            for index, variable in enumerate(sequence(container.body, "env")):
                if variable.get("name") in _TAKEN_VARIABLES:
                    reason = f"{variable['name']} is set by Knative"
                    yield container.at("env", index, "name"), reason


def knative_reserved(document: Document) -> Found:
    """Find containers with the name of Knative's own (``reservedContainerNames``)."""
    for part in _parts(document):
        for container in part.containers:
            if container.name == "queue-proxy":
                yield container.at("name"), "is the name of Knative's own container"


def knative_feature(document: Document) -> Found:
    """Find what Knative takes only after a switch in its ConfigMap ``config-features``."""
    for part in _parts(document):
        for name, flag in _SWITCHED.items():
            if part.body.get(name):
                yield part.at(name), f"is refused unless config-features has kubernetes.{flag}"
        for container in part.all_containers:
            for index, variable in enumerate(sequence(container.body, "env")):
                source = variable.get("valueFrom") or {}
                if "fieldRef" in source or "resourceFieldRef" in source:
                    reason = "is refused unless config-features has kubernetes.podspec-fieldref"
                    yield container.at("env", index, "valueFrom"), reason
        for index, volume in enumerate(sequence(part.body, "volumes")):
            for kind, flag in (
                ("persistentVolumeClaim", "podspec-persistent-volume-claim"),
                ("hostPath", "podspec-volumes-hostpath"),
                ("csi", "podspec-volumes-csi"),
            ):
                if volume.get(kind) is not None:
                    reason = f"is refused unless config-features has kubernetes.{flag}"
                    yield part.at("volumes", index, kind), reason


RULES = (knative_field, knative_port, knative_probe, knative_environment, knative_reserved)
ADVICE = (knative_feature,)
