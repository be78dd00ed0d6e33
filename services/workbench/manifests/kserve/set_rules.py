"""Rules between KServe's documents that are applied together, and between a service and its model.

The webhook sees one document at a time, and those that are in the cluster already. A name that
nobody bears is found by the controller, later, and only the status tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from services.workbench.manifests.bundle import Bundle, Finding, listed
from services.workbench.manifests.documents import Document, Fault, lookup, mapping, sequence
from services.workbench.manifests.kserve.components import SERVING, predictor
from services.workbench.manifests.kserve.runtime_rules import PROTOCOLS
from services.workbench.manifests.kserve.storage_rules import bad_uri, storage_uris_of

_RUNTIMES = ("ServingRuntime", "ClusterServingRuntime")
SHIPPED = re.compile(r"kserve-[a-z0-9-]+")
"""The names of the runtimes that KServe's installation brings (config/runtimes)."""

_WORDS: dict[str, tuple[str, ...]] = {
    "yolo": ("pytorch", "onnx", "triton", "tensorflow", "openvino_ir", "openvino")
}
_SUFFIXES: dict[str, tuple[str, ...]] = {
    ".joblib": ("sklearn",),
    ".onnx": ("onnx", "triton"),
    ".pt": ("pytorch", "triton"),
    ".pth": ("pytorch", "triton"),
    ".mar": ("pytorch",),
    ".bst": ("xgboost",),
    ".pmml": ("pmml",),
}


def _kserve(bundle: Bundle, *kinds: str) -> list[Document]:
    return [d for d in bundle.of(*kinds) if d.api_version.startswith(f"{SERVING}/")]


def _runtime(bundle: Bundle, name: str, namespace: str) -> Document | None:
    for document in _kserve(bundle, *_RUNTIMES):
        near = document.kind == "ClusterServingRuntime" or document.namespace == namespace
        if document.name == name and near:
            return document
    return None


def storage_scheme(bundle: Bundle) -> Iterator[Finding]:
    """Find places that nothing in the cluster can fetch a model from.

    Source: ``ValidateStorageURI`` in KServe's pkg/controller/v1beta1/inferenceservice/utils/
    utils.go, which asks the ClusterStorageContainers first; for what has no ``://``
    python/storage/kserve_storage, which takes it for a path. The webhook takes them all.
    """
    known = [
        entry
        for document in _kserve(bundle, "ClusterStorageContainer")
        for entry in sequence(document.body, "spec", "supportedUriFormats")
    ]
    for document in _kserve(bundle, "InferenceService"):
        for path, uri in storage_uris_of(document):
            if not any(_fits(entry, uri) for entry in known):
                for reason in bad_uri(uri):
                    yield document, Fault(path, reason, "storage-scheme")


def _fits(entry: Mapping[str, Any], uri: str) -> bool:
    if entry.get("prefix"):
        return uri.startswith(entry["prefix"])
    try:
        return bool(entry.get("regex")) and bool(re.search(entry["regex"], uri))
    except re.error:
        return False  # the rule fetcher-format tells of that


def runtime_fits(bundle: Bundle) -> Iterator[Finding]:
    """Find services for which the runtime that they name does not do.

    Source: ``reconcileModel`` in pkg/controller/v1beta1/inferenceservice/components/predictor.go:
    the runtime must be there, on, know the format, and speak the protocol.
    """
    rule = "runtime-fits"
    for document in _kserve(bundle, "InferenceService"):
        model = mapping(predictor(document).body, "model")
        place, name = "spec.predictor.model", model.get("runtime")
        if not name:
            continue
        runtime = _runtime(bundle, name, document.namespace)
        if runtime is None:
            if not SHIPPED.fullmatch(name):
                there = listed([d.name for d in _kserve(bundle, *_RUNTIMES)])
                reason = f"there is no runtime {name!r} here; there is {there}"
                yield document, Fault(f"{place}.runtime", reason, rule, warning=True)
            continue
        spec = mapping(runtime.body, "spec")
        if spec.get("disabled"):
            yield document, Fault(f"{place}.runtime", f"{name} is disabled", rule)
        formats = sequence(spec, "supportedModelFormats")
        wanted = mapping(model, "modelFormat")
        if not any(_same_format(wanted, entry) for entry in formats):
            reason = f"runtime {name} does not serve {_written(wanted)}; it serves "
            reason += listed([_written(entry) for entry in formats])
            yield document, Fault(f"{place}.modelFormat", reason, rule)
        protocols: Sequence[str] = sequence(spec, "protocolVersions")
        protocol = model.get("protocolVersion")
        if protocol and protocols and protocol not in protocols:
            reason = f"runtime {name} does not speak {protocol}; it speaks {listed(protocols)}"
            yield document, Fault(f"{place}.protocolVersion", reason, rule)


def _same_format(wanted: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    version = wanted.get("version")
    return wanted.get("name") == entry["name"] and version in (None, entry.get("version"))


def _written(entry: Mapping[str, Any]) -> str:
    version = entry.get("version")
    return f"{entry.get('name')} {version}" if version else str(entry.get("name"))


def known_protocol(bundle: Bundle) -> Iterator[Finding]:
    """Find protocols that no runtime speaks. Source: pkg/constants/constants.go."""
    for document in _kserve(bundle, "InferenceService"):
        container = predictor(document).framework
        given = container.body.get("protocolVersion") if container else None
        if container and given is not None and given not in PROTOCOLS:
            reason = f"{given!r} is not one of {', '.join(PROTOCOLS)}"
            yield document, Fault(container.at("protocolVersion"), reason, "known-protocol")


def format_fits_model(bundle: Bundle) -> Iterator[Finding]:
    """Find formats that, by its name, the model has not: the server could not load it.

    The end of a file's name is a guess, hence a warning. That YOLO is a network, and no model of
    scikit-learn, is none.
    """
    for document in _kserve(bundle, "InferenceService"):
        container = predictor(document).framework
        if container is None:
            continue
        given = str(lookup(container.body, "modelFormat", "name") or container.path[-1])
        uri = str(container.body.get("storageUri") or "").lower()
        clues = {word: formats for word, formats in _WORDS.items() if word in uri}
        clues |= {end: formats for end, formats in _SUFFIXES.items() if uri.endswith(end)}
        builtin = {name for formats in (*_WORDS.values(), *_SUFFIXES.values()) for name in formats}
        builtin |= {"lightgbm", "paddle"}
        for clue, formats in clues.items():
            if given in builtin and given not in formats:
                named = container.path[-1] == "model"
                path = container.at("modelFormat", "name") if named else container.at()
                reason = (
                    f"is {given}, and storageUri speaks of {clue!r}: a server of {given} could not "
                    f"load that. Formats for it: {', '.join(formats)}, or a container of your own"
                )
                guess = clue in _SUFFIXES
                yield document, Fault(path, reason, "format-fits-model", warning=guess)


def graph_service(bundle: Bundle) -> Iterator[Finding]:
    """Find steps of graphs to services that are not among the documents.

    Source: ``Reconcile`` in pkg/controller/v1alpha1/inferencegraph/controller.go, which waits for
    them. They may be in the cluster already, hence a warning.
    """
    for graph in _kserve(bundle, "InferenceGraph"):
        names = [
            d.name for d in _kserve(bundle, "InferenceService") if d.namespace == graph.namespace
        ]
        for node, body in mapping(graph.body, "spec", "nodes").items():
            for index, step in enumerate(sequence(body, "steps")):
                name = step.get("serviceName")
                if name and name not in names:
                    path = f"spec.nodes.{node}.steps[{index}].serviceName"
                    reason = f"there is no InferenceService {name!r} here; there is {listed(names)}"
                    yield graph, Fault(path, reason, "graph-service", warning=True)


def trained_model_service(bundle: Bundle) -> Iterator[Finding]:
    """Find trained models for a service that is not among the documents. A warning, likewise."""
    for document in _kserve(bundle, "TrainedModel"):
        name = lookup(document.body, "spec", "inferenceService")
        services = _kserve(bundle, "InferenceService")
        names = [d.name for d in services if d.namespace == document.namespace]
        if name not in names:
            reason = f"there is no InferenceService {name!r} here; there is {listed(names)}"
            yield (
                document,
                Fault("spec.inferenceService", reason, "trained-model-service", warning=True),
            )


def runtime_priority(bundle: Bundle) -> Iterator[Finding]:
    """Find two runtimes with one priority for the same format. Refused when applied.

    Source: ``validateServingRuntimePriority`` in pkg/webhook/admission/servingruntime/
    servingruntime_webhook.go: KServe could not choose. They count where both speak one protocol.
    """
    seen: dict[tuple[Any, ...], str] = {}
    for document in _kserve(bundle, *_RUNTIMES):
        spec = mapping(document.body, "spec")
        if spec.get("disabled"):
            continue
        scope = document.namespace if document.kind == "ServingRuntime" else document.kind
        for index, entry in enumerate(sequence(spec, "supportedModelFormats")):
            if not entry.get("autoSelect") or entry.get("priority") is None:
                continue
            for protocol in sequence(spec, "protocolVersions"):
                name = entry["name"].lower()
                served = (name, entry.get("version"), entry["priority"])
                key = (scope, bool(spec.get("multiModel")), protocol, *served)
                other = seen.setdefault(key, document.name)
                if other != document.name:
                    path = f"spec.supportedModelFormats[{index}].priority"
                    reason = f"is {entry['priority']} for {_written(entry)}, as in runtime {other}"
                    yield document, Fault(path, reason, "runtime-priority")


def one_cache(bundle: Bundle) -> Iterator[Finding]:
    """Find two caches of one model. Refused when applied.

    Source: ``validateUniqueStorageURI`` in pkg/webhook/admission/localmodelcache/
    localmodelcache_validator.go, and its twin for a namespace's caches.
    """
    seen: dict[tuple[str, str, str], str] = {}
    for document in _kserve(bundle, "LocalModelCache", "LocalModelNamespaceCache"):
        uri = str(lookup(document.body, "spec", "sourceModelUri"))
        scope = document.namespace if document.kind == "LocalModelNamespaceCache" else ""
        other = seen.setdefault((document.kind, scope, uri), document.name)
        if other != document.name:
            reason = f"{uri!r} is cached by {other} already"
            yield document, Fault("spec.sourceModelUri", reason, "one-cache")


RULES = (
    storage_scheme,
    runtime_fits,
    known_protocol,
    format_fits_model,
    graph_service,
    trained_model_service,
    runtime_priority,
    one_cache,
)
