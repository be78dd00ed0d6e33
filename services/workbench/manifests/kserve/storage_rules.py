"""Rules about where a model is fetched from, and about pods on several nodes that share one.

Source, where a rule names no other: KServe's ``pkg/apis/serving/v1beta1/``
``inference_service_validation.go``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from services.workbench.manifests.bundle import Container
from services.workbench.manifests.documents import Document, field, mapping, sequence
from services.workbench.manifests.kserve.component_rules import gpu_resources, unknown_gpus
from services.workbench.manifests.kserve.components import (
    AUTOSCALER,
    SERVING,
    Component,
    Found,
    annotations_of,
    canaries,
    components,
    env,
    predictor,
)

_KBS = re.compile(r"kbs:///[\w.-]+/[\w.-]+/[\w.-]+", re.ASCII)
SCHEMES = (
    *("gs://", "s3://", "pvc://", "file://", "https://", "http://", "hdfs://", "webhdfs://"),
    *("oci://", "oci+native://", "oci+fetch://", "hf://", "modelscope://"),
)


def storage_uris_of(document: Document) -> Iterator[tuple[str, str]]:
    """Yield path and value of all storage URIs of an InferenceService."""
    for part in (*components(document), *canaries(document)):
        container = part.framework
        if container is not None and container.body.get("storageUri"):
            yield container.at("storageUri"), container.body["storageUri"]
        if container is None:
            for own in part.containers:
                found = env(own, "STORAGE_URI")
                if found and found[1]:
                    yield found
        for index, entry in enumerate(sequence(part.body, "storageUris")):
            yield part.at("storageUris", index, "uri"), entry["uri"]


def bad_uri(uri: str) -> Iterator[str]:
    """Say what is wrong with a storage URI."""
    if uri.startswith("models:/"):
        yield (
            f"{uri!r} is a name in MLflow's registry, which KServe does not ask. Write where the "
            "version's files lie, s3://… (MlflowClient.get_model_version_download_uri tells)"
        )
    elif uri.startswith(("oci+native:", "oci+fetch:")) and "://" not in uri:
        yield f"{uri!r} has no ://"
    elif not uri.startswith(SCHEMES) and "://" in uri:
        yield f"{uri!r} has no scheme that KServe fetches from: {', '.join(SCHEMES)}"
    elif re.match(r"[A-Za-z][\w+.-]*:", uri) and "://" not in uri:
        yield f"{uri!r} is no path and no URI with ://"
    elif uri.startswith(SCHEMES) and not re.sub(r"^[a-z0-9+]+://", "", uri).strip("/"):
        yield f"{uri!r} names no place after ://"


def one_storage(document: Document) -> Found:
    """Find storageUri and storageUris in one component (``validateMultipleStorageURIs``)."""
    for part in components(document):
        if part.body.get("storageUris") is None:
            continue
        first: Container | None = part.framework or next(iter(part.containers), None)
        single = first.body.get("storageUri") if first and first.partial else None
        if first is not None and not first.partial:
            single = env(first, "STORAGE_URI")
        if single:
            yield part.at("storageUris"), "is there beside storageUri; KServe takes one of the two"


def storage_mounts(document: Document) -> Found:
    """Find mount paths that do not fit together (``validateMultipleStorageURIsSpec``).

    No root, no ``..``; those that are downloaded lie in one common folder; no two claims of a
    volume at one path.
    """
    for part in components(document):
        paths: dict[bool, list[str]] = {True: [], False: []}
        for index, entry in enumerate(sequence(part.body, "storageUris")):
            path = entry.get("mountPath") or "/mnt/models"
            paths[entry["uri"].startswith("pvc://")].append(path)
            place = part.at("storageUris", index, "mountPath")
            if path == "/":
                yield place, "is the root; name a folder"
            if ".." in path:
                yield place, f"{path!r} has .. in it"
        fetched, claimed = paths[False], paths[True]
        if len(fetched) > 1 and len({path.strip("/").split("/")[0] for path in fetched}) > 1:
            yield part.at("storageUris"), f"{', '.join(fetched)} have no common folder"
        if len(fetched) > 1 and len(set(claimed)) < len(claimed):
            yield part.at("storageUris"), "two pvc:// have the same mountPath"


def confidential_model(document: Document) -> Found:
    """Find encrypted models without a place, or with a wrong key's name.

    ``validateConfidential``, and ``ValidateConfidentialSpec`` in pkg/validation/confidential.go.
    """
    container = predictor(document).framework
    secret = mapping(container.body, "confidential") if container else {}
    if container is None or not secret.get("enabled"):
        return
    if not container.body.get("storageUri"):
        yield container.at("storageUri"), "is missing; a confidential model is downloaded"
        return
    key = secret.get("resourceId")
    if key and not _KBS.fullmatch(key):
        place = container.at("confidential", "resourceId")
        yield place, f"{key!r} is not kbs:///REPOSITORY/TYPE/TAG"


def several_nodes(document: Document) -> Found:
    """Find pods on several nodes that KServe could not lay out (``validateMultiNodeVariables``)."""
    part = predictor(document)
    worker = part.body.get("workerSpec")
    if worker is None:
        return
    place = ("spec", "predictor", "workerSpec")
    if len(sequence(worker, "containers")) > 1:
        yield field(*place, "containers"), "has several; a worker takes one"
    for key in ("pipelineParallelSize", "tensorParallelSize"):
        if worker.get(key) is not None and worker[key] < 1:
            yield field(*place, key), f"is {worker[key]}; the least is 1"
    known = gpu_resources(annotations_of(document).get(f"{SERVING}/gpu-resource-types", "")) or []
    own = Component("worker", place, worker).containers
    model = part.framework if part.body.get("model") is not None else None
    for container in (*own, *([model] if model else [])):
        for path, name in unknown_gpus(container, known):
            reason = f"{name} is no GPU that KServe knows; list it in {SERVING}/gpu-resource-types"
            yield path, reason
    if model is not None:
        yield from _model_on_several_nodes(document, model)


def _model_on_several_nodes(document: Document, model: Container) -> Found:
    for name in ("PIPELINE_PARALLEL_SIZE", "TENSOR_PARALLEL_SIZE"):
        found = env(model, name)
        if found:
            yield found[0], f"{name} is set by KServe, from workerSpec"
    uri = model.body.get("storageUri")
    if not uri:
        yield model.at("storageUri"), "is missing; pods on several nodes share one model"
    elif uri.split("://")[0] not in ("pvc", "oci"):
        yield model.at("storageUri"), f"{uri!r} cannot be shared by nodes: pvc:// or oci://"
    if annotations_of(document).get(AUTOSCALER) != "none":
        yield f"metadata.annotations.{AUTOSCALER}", "must be none for pods on several nodes"


RULES = (one_storage, storage_mounts, confidential_model, several_nodes)
