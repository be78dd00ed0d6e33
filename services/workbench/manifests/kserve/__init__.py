"""KServe's kinds: their types by its Python SDK, then its webhook's rules.

:mod:`.walk` holds a document against the SDK's types. :mod:`.differences` is the one place that
says where a cluster's definitions know more than the SDK. The ``*_rules`` modules have the rules
that no type can express. Each names the file of KServe that it is from (repository kserve/kserve,
commit aaac4e29 of 21 August 2026, shortly before release 0.21). A rule is in ``RULES`` if the
cluster refuses such a manifest or could never run it as it is meant, and in ``ADVICE`` if it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from services.workbench.manifests.bundle import INLINE_PODS
from services.workbench.manifests.documents import Document, Fault
from services.workbench.manifests.kserve import (
    autoscaling_rules,
    component_rules,
    graph_rules,
    knative_rules,
    probe_rules,
    rollout_rules,
    runtime_rules,
    storage_rules,
)
from services.workbench.manifests.kserve.components import (
    SERVING,
    Rule,
    pods_of,
    run,
    runtime_pods_of,
)
from services.workbench.manifests.kserve.walk import walk

Rules = tuple[Rule, ...]

_SERVICE = (
    component_rules,
    autoscaling_rules,
    rollout_rules,
    storage_rules,
    knative_rules,
    probe_rules,
)

RULES: dict[str, Rules] = {
    "InferenceService": tuple(rule for module in _SERVICE for rule in module.RULES),
    "InferenceGraph": (*graph_rules.RULES, rollout_rules.known_mode),
    "ServingRuntime": (*runtime_rules.RUNTIME, *probe_rules.RULES),
    "ClusterServingRuntime": (*runtime_rules.RUNTIME, *probe_rules.RULES),
    "TrainedModel": runtime_rules.TRAINED_MODEL,
    "ClusterStorageContainer": runtime_rules.STORAGE_CONTAINER,
    "LocalModelCache": runtime_rules.MODEL_CACHE,
    "LocalModelNamespaceCache": runtime_rules.MODEL_CACHE,
    "LocalModelNodeGroup": (),
    "LocalModelNode": (),
    "LLMInferenceService": (),
    "LLMInferenceServiceConfig": (),
}
"""Kind to the rules whose faults are refused, or could never run."""

ADVICE: dict[str, Rules] = {
    "InferenceService": (
        *autoscaling_rules.ADVICE,
        *rollout_rules.ADVICE,
        *knative_rules.ADVICE,
        *probe_rules.ADVICE,
    ),
    "ServingRuntime": probe_rules.ADVICE,
    "ClusterServingRuntime": probe_rules.ADVICE,
    "InferenceGraph": (*graph_rules.ADVICE, rollout_rules.mode_is_set),
}
"""Kind to the rules that warn."""

_VERSIONS = {
    "InferenceService": ("v1beta1",),
    "LLMInferenceService": ("v1alpha1", "v1alpha2"),
    "LLMInferenceServiceConfig": ("v1alpha1", "v1alpha2"),
}


def _checker(type_name: str) -> Callable[[Document], Iterator[Fault]]:
    def check(document: Document) -> Iterator[Fault]:
        faults = list(walk(type_name, document.body))
        yield from faults
        if not any(fault.blocks for fault in faults):
            yield from run(RULES[document.kind], document)
            yield from run(ADVICE.get(document.kind, ()), document, warning=True)

    return check


KINDS: dict[tuple[str, str], Callable[[Document], Iterator[Fault]]] = {
    (f"{SERVING}/{version}", kind): _checker(f"{version.capitalize()}{kind}")
    for kind in RULES
    for version in _VERSIONS.get(kind, ("v1alpha1",))
}
"""API version and kind to the function that checks a document of it."""

INLINE_PODS[f"{SERVING}/v1beta1", "InferenceService"] = pods_of
INLINE_PODS[f"{SERVING}/v1alpha1", "ServingRuntime"] = runtime_pods_of
INLINE_PODS[f"{SERVING}/v1alpha1", "ClusterServingRuntime"] = runtime_pods_of
