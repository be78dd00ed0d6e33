"""What a rule is, and the parts of an InferenceService: components, containers, mode."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.manifests.documents import Document, Finding, field_path, lookup, mapping, sequence
from services.manifests.schemas import SERVING

ISVC, GRAPH = "InferenceService", "InferenceGraph"
RUNTIMES = ("ServingRuntime", "ClusterServingRuntime")
CONTAINER = "kserve-container"
MODE, AUTOSCALER = f"{SERVING}/deploymentMode", f"{SERVING}/autoscalerClass"
STANDARD, KNATIVE = "Standard", "Knative"
OLD_MODES = {"RawDeployment": STANDARD, "Serverless": KNATIVE}
"""What the modes were called before KServe 0.16; its webhook writes the new names."""

FRAMEWORKS = (
    *("sklearn", "xgboost", "tensorflow", "pytorch", "triton", "onnx", "huggingface"),
    *("pmml", "lightgbm", "paddle", "model"),
)
"""The fields of a predictor that name a framework; exactly one of them says what serves."""

Found = Iterator[tuple[str, str]]
"""The path and the reason of each finding of a rule."""


@dataclass(frozen=True)
class Rule:
    """A function that finds faults in documents of some kinds.

    It takes the document and all documents that are applied with it; its name is the rule's.
    """

    kinds: tuple[str, ...]
    find: Callable[[Document, Sequence[Document]], Found]
    warning: bool

    @property
    def name(self) -> str:
        """The rule's name as a finding shows it."""
        return self.find.__name__.replace("_", "-")

    def apply(self, document: Document, others: Sequence[Document]) -> Iterator[Finding]:
        """Yield the findings in one document."""
        for path, reason in self.find(document, others):
            yield Finding(document, path, reason, self.name, warning=self.warning)


RULES: list[Rule] = []
"""All rules, in the order in which their modules are imported."""


def rule(*kinds: str, warning: bool = False) -> Callable[[Any], Any]:
    """Add a function to the rules for some kinds; with *warning*, KServe accepts the document."""

    def add(find: Any) -> Any:
        RULES.append(Rule(kinds, find, warning))
        return find

    return add


@dataclass(frozen=True)
class Part:
    """A mapping inside a document, such as a container, and the path to it."""

    path: tuple[str | int, ...]
    body: Mapping[str, Any]

    def at(self, *parts: str | int) -> str:
        """Write the path of a field in it."""
        return field_path(*self.path, *parts)

    def items(self, name: str) -> list[Part]:
        """Return the items of a list in it."""
        found = enumerate(sequence(self.body, name))
        return [Part((*self.path, name, index), item) for index, item in found]

    def env(self, name: str) -> tuple[str, str] | None:
        """Return path and value of an environment variable of a container, if it is set."""
        for variable in self.items("env"):
            if variable.body["name"] == name:
                return variable.at("value"), variable.body.get("value", "")
        return None


@dataclass(frozen=True)
class Component(Part):
    """What one kind of pod is made from: a predictor, transformer, explainer or runtime."""

    kind: str

    @property
    def framework(self) -> Part | None:
        """The first field that names a framework; its body is also a container's."""
        names = {"predictor": FRAMEWORKS, "explainer": ("art",)}.get(self.kind, ())
        found = [Part((*self.path, name), self.body[name]) for name in names if name in self.body]
        return found[0] if found else None

    @property
    def serving(self) -> list[Part]:
        """The containers that run side by side, the framework's first."""
        return [*filter(None, [self.framework]), *self.items("containers")]


def predictors(document: Document) -> list[Component]:
    """Return the predictor of an InferenceService, then those of its canaries."""
    spec = mapping(document.body, "spec")
    entries = enumerate(sequence(spec, "canary"))
    return [
        Component(("spec", "predictor"), mapping(spec, "predictor"), "predictor"),
        *(
            Component(("spec", "canary", index, "predictor"), entry["predictor"], "predictor")
            for index, entry in entries
        ),
    ]


def pods(document: Document) -> list[Component]:
    """Return all that pods are made from: components, then canaries; or a runtime's spec."""
    spec = mapping(document.body, "spec")
    if document.kind != ISVC:
        return [Component(("spec",), spec, "runtime")]
    first, *canaries = predictors(document)
    more = [k for k in ("transformer", "explainer") if k in spec]
    return [first, *(Component(("spec", k), spec[k], k) for k in more), *canaries]


def containers(document: Document) -> list[Part]:
    """Return all containers of a service or a runtime, frameworks and init containers too."""
    return [c for pod in pods(document) for c in (*pod.serving, *pod.items("initContainers"))]


def annotation(document: Document, name: str) -> str:
    """Return an annotation's value; empty if it is not set."""
    return str(lookup(document.body, "metadata", "annotations", name) or "")


def mode(document: Document) -> str:
    """Return the deployment mode by its new name; empty if the cluster's default decides."""
    given = annotation(document, MODE)
    return OLD_MODES.get(given, given)
