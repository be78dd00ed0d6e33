"""The documents that are applied together, and the pods that they would make."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.workbench.manifests.documents import Document, Fault, field, mapping, sequence

POD_TEMPLATES: dict[str, tuple[str, ...]] = {
    "Pod": (),
    "Deployment": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
"""Kind to the place of the pod in it. A new kind that makes pods gets its line here."""

INLINE_PODS: dict[tuple[str, str], Callable[[Document], Iterator[Pod]]] = {}
"""API version and kind to the pods of a custom kind, for those who describe pods of their own."""

Finding = tuple[Document, Fault]
"""A fault and the document that it is in."""


@dataclass(frozen=True)
class Container:
    """One container of a pod, and where it stands in the document."""

    path: tuple[str | int, ...]
    body: Mapping[str, Any]
    partial: bool = False
    """Whether it only overrides a container that is described elsewhere (KServe's runtimes)."""

    @property
    def name(self) -> str:
        """The container's name."""
        return str(self.body.get("name", ""))

    @property
    def ports(self) -> dict[str, int]:
        """The declared ports, number by name; a port without a name stands under its number."""
        return {
            str(port.get("name") or port["containerPort"]): port["containerPort"]
            for port in sequence(self.body, "ports")
        }

    def security(self, key: str, pod: Pod) -> Any:
        """Return a setting of the security context: the container's own, else the pod's."""
        own = mapping(self.body, "securityContext").get(key)
        return mapping(pod.spec, "securityContext").get(key) if own is None else own

    def at(self, *parts: str | int) -> str:
        """Write the path of a field of this container."""
        return field(*self.path, *parts)


@dataclass(frozen=True, eq=False)
class Pod:
    """The pods that one document makes: their labels and their specification.

    Attributes
    ----------
    owner : Document
    path : tuple of str and int
        Where the pod stands in it.
    labels : mapping of str to str
    spec : mapping
    inline : bool
        Whether the fields of ``spec`` and ``metadata`` lie at *path* themselves, as in KServe's
        kinds.
    extra : tuple of Container
        Containers that stand elsewhere in the document than among the pod's.
    """

    owner: Document
    path: tuple[str | int, ...]
    labels: Mapping[str, str]
    spec: Mapping[str, Any]
    inline: bool = False
    extra: tuple[Container, ...] = ()

    @property
    def containers(self) -> list[Container]:
        """The containers that run side by side: the main ones, and sidecars."""
        return [
            container
            for container in self.all_containers
            if "initContainers" not in container.path
            or container.body.get("restartPolicy") == "Always"
        ]

    @property
    def all_containers(self) -> list[Container]:
        """All containers, those that run before the others included."""
        place = self.path if self.inline else (*self.path, "spec")
        return [
            *self.extra,
            *(
                Container((*place, group, index), body)
                for group in ("containers", "initContainers")
                for index, body in enumerate(sequence(self.spec, group))
            ),
        ]

    @property
    def ports(self) -> dict[str, int]:
        """The declared ports of all containers, number by name."""
        return {name: port for c in self.containers for name, port in c.ports.items()}

    def at(self, *parts: str | int) -> str:
        """Write the path of a field of the pod, as ``at("spec", "volumes", 0)``."""
        return field(*self.path, *(parts[1:] if self.inline else parts))

    def number(self, port: str | int) -> int | None:
        """Return the number of a port that is asked for by name or number; None if undeclared."""
        if isinstance(port, str):
            return self.ports.get(port)
        return port if port in self.ports.values() else None


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Say whether a label selector (``matchLabels``, ``matchExpressions``) takes these labels."""
    if any(labels.get(k) != v for k, v in mapping(selector, "matchLabels").items()):
        return False
    for wanted in sequence(selector, "matchExpressions"):
        value, values = labels.get(wanted["key"]), sequence(wanted, "values")
        met = {
            "In": value in values,
            "NotIn": value not in values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }
        if not met.get(wanted["operator"], False):
            return False
    return True


class Bundle:
    """Documents that are applied together.

    Parameters
    ----------
    documents : sequence of Document
        Each with the right types: the rules rely on that.
    """

    def __init__(self, documents: Sequence[Document]) -> None:
        self.documents = documents
        self.pods = [pod for document in documents for pod in _pods(document)]

    def of(self, *kinds: str) -> Iterator[Document]:
        """Yield the documents of some kinds."""
        return (document for document in self.documents if document.kind in kinds)

    def selected_pods(self, by: Document, selector: Mapping[str, Any]) -> list[Pod]:
        """Return the pods in the namespace of *by* whose labels match."""
        return [
            pod
            for pod in self.pods
            if pod.owner.namespace == by.namespace and matches(selector, pod.labels)
        ]

    def pods_of(self, service: Document) -> list[Pod]:
        """Return the pods that a Service sends to."""
        selector = mapping(service.body, "spec", "selector")
        return self.selected_pods(service, {"matchLabels": selector}) if selector else []


def _pods(document: Document) -> Iterator[Pod]:
    makes = INLINE_PODS.get((document.api_version, document.kind))
    yield from makes(document) if makes else ()
    path = POD_TEMPLATES.get(document.kind)
    if path is not None:
        template = mapping(document.body, *path)
        yield Pod(
            document, path, mapping(template, "metadata", "labels"), mapping(template, "spec")
        )


def names_of(pods: Sequence[Pod]) -> str:
    """Name the pods' owners in a message."""
    return " and ".join(f"{pod.owner.kind} {pod.owner.name}" for pod in pods)


def listed(names: Mapping[str, Any] | Sequence[str]) -> str:
    """List the names that there are in a message."""
    return ", ".join(names) if names else "none"
