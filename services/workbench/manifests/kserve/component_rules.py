"""The webhook's rules about what a component of an InferenceService runs.

Source, where a rule names no other: KServe's ``pkg/apis/serving/v1beta1/``
``inference_service_validation.go``. Each of these rules is refused when applied.
"""

from __future__ import annotations

import json
import re

from services.workbench.manifests.bundle import Container
from services.workbench.manifests.documents import Document, lookup, mapping, sequence
from services.workbench.manifests.kserve.components import (
    AUTOSCALER,
    FRAMEWORKS,
    SERVING,
    TRANSFORMER_CONTAINER,
    Component,
    Found,
    annotations_of,
    canaries,
    components,
    env,
    predictor,
)

_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_CLASSES = ("hpa", "external", "keda", "none")
_BLOCKED = ("PYTHONPATH",)
_PROTOCOLS = ("v1", "v2")
_MODES = ("all", "request", "response")
_EXPLAINER_STORES = ("s3://", "hdfs://", "webhdfs://")


def service_name(document: Document) -> Found:
    """Find names that are no DNS labels (``validateInferenceServiceName``)."""
    if not _NAME.fullmatch(document.name):
        yield (
            "metadata.name",
            f"{document.name!r} is no name for an {document.kind}: small letters, digits and "
            "hyphens, a letter first, no dot",
        )


def one_implementation(document: Document) -> Found:
    """Find components that say nothing, or two things, of what serves.

    Source: ``validateExactlyOneImplementation`` in v1beta1/component.go.
    """
    for part in (*components(document), *canaries(document)):
        found = part.implementations
        if len(found) == 1:
            continue
        choice = {
            "predictor": f"one of {', '.join(FRAMEWORKS)}, or containers",
            "transformer": "containers",
            "explainer": "art or containers",
        }[part.kind]
        said = f"{' and '.join(found)} are there" if found else "nothing says what serves"
        yield part.at(), f"{said}; a {part.kind} takes exactly one: {choice}"


def no_container_name(document: Document) -> Found:
    """Find ``name`` in a predictor's framework (``validatePredictor``): KServe names it."""
    container = predictor(document).framework
    if container is not None and container.body.get("name"):
        yield container.at("name"), "is not allowed here: KServe names the container itself"


def canary_container_name(document: Document) -> Found:
    """Find frameworks of a canary without ``name``.

    Source: config/crd/full/serving.kserve.io_inferenceservices.yaml, where a container's ``name``
    is taken from the required fields of ``spec.predictor``, and not from those of ``spec.canary``.
    So what is forbidden in the one place is needed in the other.
    """
    for part in canaries(document):
        for framework in FRAMEWORKS:
            body = part.body.get(framework)
            if body is not None and lookup(body, "name") is None:
                yield (
                    part.at(framework, "name"),
                    "is required and missing: in a canary the definition asks for the container's "
                    "name (kserve-container)",
                )


def blocked_environment(document: Document) -> Found:
    """Find variables that nobody may set (``validateBlockedEnvVars``, pkg/validation)."""
    parts = components(document)
    worker = mapping(predictor(document).body, "workerSpec")
    parts.append(Component("worker", ("spec", "predictor", "workerSpec"), worker))
    for part in parts:
        for container in part.all_containers:
            for index, variable in enumerate(sequence(container.body, "env")):
                if variable.get("name") in _BLOCKED:
                    place = container.at("env", index, "name")
                    yield place, f"{variable['name']} may not be set, for security"


def custom_protocol(document: Document) -> Found:
    """Find other protocols than v1 and v2 in the variable PROTOCOL of a custom predictor.

    Source: ``validateCustomProtocol`` in v1beta1/predictor_custom.go. gRPC needs no word here.
    """
    for part in (predictor(document), *canaries(document)):
        if part.framework is None and part.containers:
            found = env(part.containers[0], "PROTOCOL")
            if found and found[1] not in _PROTOCOLS:
                yield found[0], f"{found[1]!r} is not one of {', '.join(_PROTOCOLS)}"


def collocated_storage(document: Document) -> Found:
    """Find STORAGE_URI in a transformer beside its predictor (``validateCollocationStorageURI``).

    The model belongs to the predictor's container of that pod.
    """
    for container in predictor(document).containers:
        if container.name == TRANSFORMER_CONTAINER:
            found = env(container, "STORAGE_URI")
            if found:
                yield found[0], "goes to the predictor's container, not to the transformer's"


def replica_bounds(document: Document) -> Found:
    """Find replicas below 0, and a least number above the greatest.

    Source: ``validateReplicas`` in v1beta1/component.go. Without minReplicas it is 1; without
    maxReplicas, or with 0, there is no upper bound.
    """
    for part in (*components(document), *canaries(document)):
        least, most = part.body.get("minReplicas"), part.body.get("maxReplicas") or 0
        for name in ("minReplicas", "maxReplicas"):
            if (part.body.get(name) or 0) < 0:
                yield part.at(name), f"is {part.body[name]}; the least is 0"
        if least is None and most == 0:
            continue
        if 0 < most < (1 if least is None else least):
            yield part.at("minReplicas"), f"is {1 if least is None else least}, above maxReplicas"


def concurrency_bound(document: Document) -> Found:
    """Find a concurrency below 0 (``validateContainerConcurrency`` in v1beta1/component.go)."""
    for part in (*components(document), *canaries(document)):
        number = part.body.get("containerConcurrency")
        if number is not None and number < 0:
            yield part.at("containerConcurrency"), f"is {number}; the least is 0, without a limit"


def logger_mode(document: Document) -> Found:
    """Find loggers without a mode, or with half a storage (``validateLogger``, component.go)."""
    for part in (*components(document), *canaries(document)):
        logger = part.body.get("logger")
        if logger is None:
            continue
        if not logger.get("mode"):
            yield part.at("logger", "mode"), f"is missing; it is one of {', '.join(_MODES)}"
        for name in ("path", "parameters", "key") if logger.get("storage") is not None else ():
            if lookup(logger, "storage", name) is None:
                yield part.at("logger", "storage", name), "is missing; a logger's storage needs it"


def explainer_storage(document: Document) -> Found:
    """Find stores that an ART explainer cannot read (``validateStorageSpec``, component.go)."""
    art = mapping(document.body, "spec", "explainer", "art")
    if art.get("storage") is None:
        return
    uri, kind = art.get("storageUri"), lookup(art, "storage", "parameters", "type")
    if uri and not str(uri).startswith(_EXPLAINER_STORES):
        reason = f"{uri!r} beside storage must begin with {', '.join(_EXPLAINER_STORES)}"
        yield "spec.explainer.art.storageUri", reason
    elif not uri and kind is not None and f"{kind}://" not in _EXPLAINER_STORES:
        yield "spec.explainer.art.storage.parameters.type", f"{kind!r} is not supported"


def autoscaler_class(document: Document) -> Found:
    """Find autoscalers that KServe does not know (``validateInferenceServiceAutoscaler``)."""
    given = annotations_of(document).get(AUTOSCALER)
    if given is not None and given not in _CLASSES:
        place = f"metadata.annotations.{AUTOSCALER}"
        hint = "; Knative's own autoscaler is not chosen by this" if given == "kpa" else ""
        yield place, f"{given!r} is not one of {', '.join(_CLASSES)}{hint}"


def gpu_list(document: Document) -> Found:
    """Find a list of GPU resources that is no JSON array of texts.

    Source: ``UpdateGPUResourceTypeListByAnnotation`` in pkg/utils/utils.go. It is read for pods on
    several nodes only; elsewhere it is without effect.
    """
    given = annotations_of(document).get(f"{SERVING}/gpu-resource-types")
    worker = predictor(document).body.get("workerSpec")
    if given and worker is not None and gpu_resources(given) is None:
        place = f"metadata.annotations.{SERVING}/gpu-resource-types"
        yield place, f'{given!r} is no JSON array of names, as ["example.com/gpu"]'


def gpu_resources(text: str) -> list[str] | None:
    """Return the names in the annotation ``gpu-resource-types``; None if they are no such list."""
    try:
        names = json.loads(text)
    except ValueError:
        return None
    right = isinstance(names, list) and names and all(isinstance(n, str) and n for n in names)
    return names if right else None


def unknown_gpus(container: Container, known: list[str]) -> list[tuple[str, str]]:
    """Return path and name of the resources that are no CPU, memory, storage or known GPU.

    Source: ``HasUnknownGpuResourceType`` in pkg/utils/utils.go.
    """
    usual = {
        *("cpu", "memory", "storage", "ephemeral-storage"),
        *("nvidia.com/gpu", "amd.com/gpu", "intel.com/gpu", "habana.ai/gaudi"),
        *known,
    }
    return [
        (container.at("resources", group, name), name)
        for group in ("limits", "requests")
        for name in mapping(container.body, "resources", group)
        if name not in usual
    ]


RULES = (
    service_name,
    one_implementation,
    no_container_name,
    canary_container_name,
    blocked_environment,
    custom_protocol,
    collocated_storage,
    replica_bounds,
    concurrency_bound,
    logger_mode,
    explainer_storage,
    autoscaler_class,
    gpu_list,
)
