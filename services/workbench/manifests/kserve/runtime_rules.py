"""Rules about runtimes, models of a multi-model server, and what caches and fetches models.

Source, where a rule names no other: KServe's ``pkg/webhook/admission/servingruntime/``
``servingruntime_webhook.go``, refused when applied.
"""

from __future__ import annotations

import re

from services.workbench.manifests.bundle import Container
from services.workbench.manifests.documents import Document, field, lookup, mapping, sequence
from services.workbench.manifests.kserve.component_rules import gpu_resources, unknown_gpus
from services.workbench.manifests.kserve.components import CONTAINER, SERVING, Found, env
from services.workbench.manifests.kserve.storage_rules import bad_uri

PROTOCOLS = ("v1", "v2", "grpc-v1", "grpc-v2")
_TRAINED_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_TRAINED_SCHEMES = ("s3://", "gs://", "https://", "http://")
_WORKLOADS = ("initContainer", "localModelDownloadJob")


def _containers(document: Document, *place: str) -> list[Container]:
    return [
        Container((*place, "containers", index), body)
        for index, body in enumerate(sequence(document.body, *place, "containers"))
    ]


def _enabled(document: Document) -> bool:
    return lookup(document.body, "spec", "disabled") is not True


def format_priority(document: Document) -> Found:
    """Find one format with two priorities in a runtime (``validateModelFormatPrioritySame``)."""
    seen: dict[str, int] = {}
    for index, entry in enumerate(sequence(document.body, "spec", "supportedModelFormats")):
        if not entry.get("autoSelect") or not _enabled(document):
            continue
        name, priority = entry["name"], entry.get("priority")
        if priority is not None and seen.setdefault(name, priority) != priority:
            place = field("spec", "supportedModelFormats", index, "priority")
            yield place, f"is {priority}, and {seen[name]} for {name} before: one of the two"


def runtime_nodes(document: Document) -> Found:
    """Find workers on several nodes that cannot be laid out (``validateMultiNodeSpec``)."""
    worker = lookup(document.body, "spec", "workerSpec")
    if worker is None or not _enabled(document):
        return
    workers = _containers(document, "spec", "workerSpec")
    if len(workers) != 1:
        yield "spec.workerSpec.containers", f"has {len(workers)} containers; a worker takes one"
    for key in ("pipelineParallelSize", "tensorParallelSize"):
        if worker.get(key) is not None and worker[key] < 1:
            yield f"spec.workerSpec.{key}", f"is {worker[key]}; the least is 1"
    text = mapping(document.body, "spec", "annotations").get(f"{SERVING}/gpu-resource-types", "")
    known = gpu_resources(text) or []
    main = [c for c in _containers(document, "spec") if c.name == CONTAINER]
    for container in (*main, *(c for c in workers[:1] if c.name == "worker-container")):
        for path, name in unknown_gpus(container, known):
            yield path, f"{name} is no GPU that KServe knows"
    for container in main:
        for name in ("PIPELINE_PARALLEL_SIZE", "TENSOR_PARALLEL_SIZE"):
            found = env(container, name)
            if found:
                yield found[0], f"{name} is set by KServe, from workerSpec"


def runtime_environment(document: Document) -> Found:
    """Find variables that nobody may set (``validateBlockedEnvVars``)."""
    places = (("spec",), ("spec", "workerSpec"))
    for container in (c for place in places for c in _containers(document, *place)):
        for index, variable in enumerate(sequence(container.body, "env")):
            if variable.get("name") == "PYTHONPATH" and _enabled(document):
                path = container.at("env", index, "name")
                yield path, "PYTHONPATH may not be set, for security"


def runtime_container(document: Document) -> Found:
    """Find runtimes without the container that serves, which no service could use.

    Source: ``MergeServingRuntimeAndInferenceServiceSpecs`` in pkg/controller/v1beta1/
    inferenceservice/utils/utils.go. A runtime for ModelMesh (``multiModel``) may call it otherwise.
    """
    spec = mapping(document.body, "spec")
    names = [container.name for container in _containers(document, "spec")]
    if not names:
        yield "spec.containers", "is empty; it needs one, kserve-container"
    elif CONTAINER not in names and spec.get("multiModel") is not True:
        reason = f"none is called {CONTAINER}: {', '.join(names)}; KServe looks for that name"
        yield "spec.containers", reason


def known_protocol(document: Document) -> Found:
    """Find protocols that there are not. Source: ``GetProtocolVersionInt``, pkg/constants."""
    for index, name in enumerate(sequence(document.body, "spec", "protocolVersions")):
        if name not in PROTOCOLS:
            place = field("spec", "protocolVersions", index)
            yield place, f"{name!r} is not one of {', '.join(PROTOCOLS)}"


def trained_name(document: Document) -> Found:
    """Find names with other characters than a model's (v1alpha1/trainedmodel_webhook.go)."""
    if not _TRAINED_NAME.fullmatch(document.name):
        yield "metadata.name", f"{document.name!r} is no name: letters, digits, hyphens, _"


def trained_storage(document: Document) -> Found:
    """Find stores that the agent cannot read (``validateStorageURI``, trainedmodel_webhook.go)."""
    uri = lookup(document.body, "spec", "model", "storageUri")
    if uri is not None and not uri.startswith(_TRAINED_SCHEMES):
        reason = f"{uri!r} does not begin with {', '.join(_TRAINED_SCHEMES)}"
        yield "spec.model.storageUri", reason


def cached_storage(document: Document) -> Found:
    """Find caches of a model that nothing could be fetched from. See :func:`.bad_uri`."""
    uri = lookup(document.body, "spec", "sourceModelUri")
    yield from (("spec.sourceModelUri", reason) for reason in bad_uri(uri or ""))


def fetcher_format(document: Document) -> Found:
    """Find formats of URIs that say nothing, or are no regular expression.

    Source: ``IsStorageUriSupported`` in v1alpha1/storage_container_types.go, which asks the prefix
    first, and fails at each service where an expression is wrong.
    """
    for index, entry in enumerate(sequence(document.body, "spec", "supportedUriFormats")):
        place = field("spec", "supportedUriFormats", index)
        if not entry.get("prefix") and not entry.get("regex"):
            yield place, "has neither prefix nor regex, and fits no URI"
        try:
            re.compile(entry.get("regex") or "")
        except re.error as error:
            yield f"{place}.regex", f"is no regular expression: {error}"


def fetcher_workload(document: Document) -> Found:
    """Find workloads that there are not. Source: v1alpha1/storage_container_types.go."""
    given = lookup(document.body, "spec", "workloadType")
    if given and given not in _WORKLOADS:
        yield "spec.workloadType", f"{given!r} is not one of {', '.join(_WORKLOADS)}"


RUNTIME = (
    format_priority,
    runtime_nodes,
    runtime_environment,
    runtime_container,
    known_protocol,
)
TRAINED_MODEL = (trained_name, trained_storage)
MODEL_CACHE = (cached_storage,)
STORAGE_CONTAINER = (fetcher_format, fetcher_workload)
