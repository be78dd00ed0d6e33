"""An InferenceService taken apart: its components, what each of them runs, its deployment mode."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from services.workbench.manifests.bundle import Container, Pod
from services.workbench.manifests.documents import Document, Fault, field, mapping, sequence

SERVING = "serving.kserve.io"
CONTAINER = "kserve-container"
TRANSFORMER_CONTAINER = "transformer-container"
MODE = f"{SERVING}/deploymentMode"
AUTOSCALER = f"{SERVING}/autoscalerClass"
KNATIVE_CLASS = "autoscaling.knative.dev/class"
STANDARD, KNATIVE, MODEL_MESH = "Standard", "Knative", "ModelMesh"
OLD_MODES = {"RawDeployment": STANDARD, "Serverless": KNATIVE}
"""What the modes were called before KServe 0.16; its webhook writes the new names."""

FRAMEWORKS = (
    *("sklearn", "xgboost", "tensorflow", "pytorch", "triton", "onnx", "huggingface"),
    *("pmml", "lightgbm", "paddle", "model"),
)
"""The fields of a predictor of which one, and one only, says what serves."""

Found = Iterator[tuple[str, str]]
"""The place and the reason of each fault that a rule finds."""

Rule = Callable[[Document], Found]


def run(rules: Iterable[Rule], document: Document, *, warning: bool = False) -> Iterator[Fault]:
    """Apply rules to one document; a rule's name, with hyphens, goes behind its faults."""
    for rule in rules:
        name = rule.__name__.replace("_", "-")
        for path, reason in rule(document):
            yield Fault(path, reason, name, warning=warning, blocks=False)


@dataclass(frozen=True)
class Component:
    """A predictor, a transformer or an explainer of an InferenceService.

    Attributes
    ----------
    kind : str
        ``predictor``, ``transformer`` or ``explainer``.
    path : tuple of str and int
        Where it stands in the document.
    body : mapping
    """

    kind: str
    path: tuple[str | int, ...]
    body: Mapping[str, Any]

    def at(self, *parts: str | int) -> str:
        """Write the path of a field of this component."""
        return field(*self.path, *parts)

    @property
    def framework(self) -> Container | None:
        """The first field that names a framework, which is also a container's description."""
        names = FRAMEWORKS if self.kind == "predictor" else ("art",)
        for name in names if self.kind != "transformer" else ():
            if isinstance(self.body.get(name), Mapping):
                return Container((*self.path, name), self.body[name], partial=True)
        return None

    @property
    def containers(self) -> list[Container]:
        """The containers that it describes itself."""
        return [
            Container((*self.path, "containers", index), body)
            for index, body in enumerate(sequence(self.body, "containers"))
        ]

    @property
    def all_containers(self) -> list[Container]:
        """Those, what runs before them, and the framework's."""
        before = [
            Container((*self.path, "initContainers", index), body)
            for index, body in enumerate(sequence(self.body, "initContainers"))
        ]
        framework = self.framework
        return [*self.containers, *before, *([framework] if framework else [])]

    @property
    def implementations(self) -> list[str]:
        """The fields that say what serves. Right is one.

        Source: ``GetImplementations`` in KServe's pkg/apis/serving/v1beta1/predictor.go,
        transformer.go and explainer.go.
        """
        if self.kind == "transformer":
            return ["containers"] if self.containers else []
        if self.kind == "explainer":
            art = ["art"] if self.body.get("art") is not None else []
            return [*art, *(["containers"] if self.containers else [])]
        found = [name for name in FRAMEWORKS if self.body.get(name) is not None]
        found += [
            f"containers[{index}]"
            for index, container in enumerate(self.containers)
            if container.name == CONTAINER
        ]
        return found or (["containers[0]"] if self.containers else [])


def env(container: Container, name: str) -> tuple[str, str] | None:
    """Return the path and the value of an environment variable of a container, if it is set."""
    for index, variable in enumerate(sequence(container.body, "env")):
        if variable.get("name") == name:
            return container.at("env", index, "value"), str(variable.get("value") or "")
    return None


def components(document: Document) -> list[Component]:
    """Return the components of an InferenceService, canaries' predictors not among them."""
    spec = mapping(document.body, "spec")
    return [
        Component(kind, ("spec", kind), spec[kind])
        for kind in ("predictor", "transformer", "explainer")
        if isinstance(spec.get(kind), Mapping)
    ]


def predictor(document: Document) -> Component:
    """Return the predictor; an empty one where there is none."""
    body = mapping(document.body, "spec", "predictor")
    return Component("predictor", ("spec", "predictor"), body)


def canaries(document: Document) -> list[Component]:
    """Return the predictors of ``spec.canary``."""
    return [
        Component("predictor", ("spec", "canary", index, "predictor"), mapping(entry, "predictor"))
        for index, entry in enumerate(sequence(document.body, "spec", "canary"))
    ]


def annotations_of(document: Document) -> Mapping[str, str]:
    """Return the document's annotations."""
    return mapping(document.body, "metadata", "annotations")


def mode(document: Document) -> str | None:
    """Return the deployment mode by its new name; None if the cluster's default decides."""
    given = annotations_of(document).get(MODE)
    return OLD_MODES.get(given, given) if given else None


def pods_of(document: Document) -> Iterator[Pod]:
    """Yield the pods that an InferenceService makes.

    Those labels that KServe adds are there, so that a Service, a budget or a policy that selects
    by them finds the pods.
    """
    name = document.name
    for part in (*components(document), *canaries(document)):
        variant = part.body.get("name")
        workload = f"{name}-{variant}-{part.kind}" if variant else f"{name}-{part.kind}"
        labels = {
            **_texts(document.labels),
            **_texts(mapping(part.body, "labels")),
            "component": part.kind,
            f"{SERVING}/inferenceservice": name,
            "app": f"isvc.{workload}",
        }
        extra = (part.framework,) if part.framework else ()
        yield Pod(document, part.path, labels, part.body, inline=True, extra=extra)


def runtime_pods_of(document: Document) -> Iterator[Pod]:
    """Yield the pod that a ServingRuntime describes."""
    spec = mapping(document.body, "spec")
    yield Pod(document, ("spec",), _texts(mapping(spec, "labels")), spec, inline=True)


def _texts(labels: Mapping[str, Any]) -> dict[str, str]:
    return {key: value for key, value in labels.items() if isinstance(value, str)}
