"""InferenceServices: names, what serves, and where the model is fetched from.

Source: ``inference_service_validation.go`` and ``component.go`` in ``pkg/apis/serving/v1beta1``;
``pkg/validation`` for blocked variables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from services.manifests.documents import Document, lookup, mapping, sequence
from services.manifests.kserve.objects import (
    CONTAINER,
    FRAMEWORKS,
    GRAPH,
    ISVC,
    RUNTIMES,
    Component,
    Found,
    Part,
    containers,
    pods,
    predictors,
    rule,
)

SCHEMES = (
    *("gs://", "s3://", "pvc://", "file://", "https://", "http://", "hdfs://", "webhdfs://"),
    *("oci://", "oci+native://", "oci+fetch://", "hf://", "modelscope://"),
)
_TABULAR = ("sklearn", "xgboost", "lightgbm", "pmml")


@rule(ISVC, GRAPH)
def service_name(document: Document, _: Any) -> Found:
    """Find names that cannot be part of a host name."""
    name = document.name or lookup(document.body, "metadata", "generateName") or ""
    whole = name if document.name else f"{name}x"
    if not name:
        yield "metadata.name", "is required but missing"
    elif not re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", whole) or len(whole) > 63:
        reason = f"{name!r} cannot be part of a host name; write up to 63 lower-case letters, "
        yield "metadata.name", f"{reason}digits and hyphens, a letter first"


@rule(ISVC)
def one_implementation(document: Document, _: Any) -> Found:
    """Find components that do not name a server, or name two."""
    choices = {
        "predictor": f"one of {', '.join(FRAMEWORKS)}, or containers",
        "transformer": "containers",
        "explainer": "art or containers",
    }
    for part in pods(document):
        found = _implementations(part)
        if len(found) != 1:
            said = f"has {' and '.join(found)}" if found else "does not say what serves"
            yield part.at(), f"{said}; a {part.kind} takes exactly one: {choices[part.kind]}"


def _implementations(part: Component) -> list[str]:
    boxes = part.items("containers")
    if part.kind != "predictor":
        return [*(["art"] if part.framework else []), *(["containers"] if boxes else [])]
    found = [name for name in FRAMEWORKS if name in part.body]
    found += [f"containers[{c.path[-1]}]" for c in boxes if c.body["name"] == CONTAINER]
    return found or (["containers[0]"] if boxes else [])


@rule(ISVC)
def framework_name(document: Document, _: Any) -> Found:
    """Find ``name`` in a predictor's framework; only a canary's needs it, by the definition."""
    for part in predictors(document):
        has_name = part.framework and "name" in part.framework.body
        if part.framework and has_name and "canary" not in part.path:
            yield part.framework.at("name"), "is not allowed: KServe names the container; remove it"
        if part.framework and not has_name and "canary" in part.path:
            reason = f"is required but missing: in a canary, write {CONTAINER}"
            yield part.framework.at("name"), reason


@rule(ISVC, *RUNTIMES)
def blocked_environment(document: Document, _: Any) -> Found:
    """Find variables that KServe lets nobody set."""
    for variable in (v for box in containers(document) for v in box.items("env")):
        if variable.body["name"] == "PYTHONPATH":
            yield variable.at("name"), "PYTHONPATH may not be set, for security; remove it"


@rule(ISVC, GRAPH)
def replica_bounds(document: Document, _: Any) -> Found:
    """Find a minimum number of pods above the maximum."""
    for part in pods(document):
        least, most = part.body.get("minReplicas", 1), part.body.get("maxReplicas", 0)
        if 0 < most < least:
            yield part.at("minReplicas"), f"is {least}, above maxReplicas, {most}"


@rule(ISVC, warning=True)
def container_name(document: Document, _: Any) -> Found:
    """Find a component without a container called kserve-container, the one that serves.

    Alone it is renamed, so that a patch or ``kubectl logs -c`` by the given name finds nothing. Of
    several, KServe's controller finds none to run.
    """
    for part in pods(document):
        names = [box.body["name"] for box in part.items("containers")]
        if part.framework or not names or CONTAINER in names:
            continue
        if len(names) == 1:
            place = part.at("containers", 0, "name")
            yield place, f"{names[0]!r} becomes {CONTAINER}; call it that"
        else:
            reason = f"no container is called {CONTAINER}; there are {', '.join(names)}"
            yield part.at("containers"), reason


def _storage_uris(document: Document) -> Iterator[tuple[str, str]]:
    """Yield path and value of all storage URIs of a service."""
    for part in pods(document):
        if part.framework:
            yield part.framework.at("storageUri"), part.framework.body.get("storageUri", "")
        else:
            yield from filter(None, [box.env("STORAGE_URI") for box in part.items("containers")])
        for entry in part.items("storageUris"):
            yield entry.at("uri"), entry.body["uri"]


@rule(ISVC)
def storage_place(document: Document, _: Any) -> Found:
    """Find names in MLflow's registry, and URIs without a location."""
    for path, uri in _storage_uris(document):
        if uri.startswith("models:/"):
            reason = f"{uri!r} is a name in MLflow's registry, which KServe cannot read; write "
            yield path, f"{reason}where the version's files are, such as s3://BUCKET/PATH"
        elif uri.startswith(SCHEMES) and not uri.partition("://")[2].strip("/"):
            yield path, f"{uri!r} has no location after ://"


@rule(ISVC)
def one_storage(document: Document, _: Any) -> Found:
    """Find storageUri and storageUris in one component, and folders that do not fit together."""
    for part in pods(document):
        first = part.serving[0] if part.serving else part
        if "storageUris" in part.body and (
            first.body.get("storageUri") or first.env("STORAGE_URI")
        ):
            yield part.at("storageUris"), "is set together with storageUri; remove one of the two"
        paths = [entry.body.get("mountPath", "/mnt/models") for entry in part.items("storageUris")]
        for entry, path in zip(part.items("storageUris"), paths, strict=True):
            if path == "/" or ".." in path:
                yield entry.at("mountPath"), f"{path!r} is not allowed; name a folder, without .."


@rule(ISVC, warning=True)
def storage_scheme(document: Document, others: list[Document]) -> Found:
    """Find URIs that KServe fetches only with a ClusterStorageContainer for them."""
    fetchers = [o for o in others if o.kind == "ClusterStorageContainer"]
    formats = [f for o in fetchers for f in sequence(o.body, "spec", "supportedUriFormats")]
    known = (*SCHEMES, "models:/", *(f["prefix"] for f in formats if f.get("prefix")))
    for path, uri in _storage_uris(document):
        if re.match(r"[A-Za-z][\w+.-]*:", uri) and not uri.startswith(known):
            yield path, f"{uri!r} has none of the schemes that KServe fetches: {', '.join(SCHEMES)}"


@rule(ISVC)
def format_fits_model(document: Document, _: Any) -> Found:
    """Find a YOLO network, by the name in its URI, on a server for tabular models."""
    framework = predictors(document)[0].framework
    if framework is None:
        return
    generic = framework.path[-1] == "model"
    given = lookup(framework.body, "modelFormat", "name") if generic else framework.path[-1]
    if given in _TABULAR and "yolo" in framework.body.get("storageUri", "").lower():
        reason = f"is {given}, and storageUri names a YOLO network, which a server for {given} "
        reason += "cannot load; write pytorch, onnx or triton, or a container of your own"
        yield framework.at("modelFormat", "name") if generic else framework.at(), reason


@rule(*RUNTIMES)
def format_priority(document: Document, _: Any) -> Found:
    """Find one format with two priorities in a runtime."""
    seen: dict[str, Any] = {}
    for entry in Part(("spec",), mapping(document.body, "spec")).items("supportedModelFormats"):
        name, priority = entry.body["name"], entry.body.get("priority")
        wanted = seen.setdefault(name, priority) if entry.body.get("autoSelect") else priority
        if priority != wanted:
            yield entry.at("priority"), f"is {priority}, but {wanted} for {name} above; write that"


@rule(ISVC, warning=True)
def runtime_fits(document: Document, others: list[Document]) -> Found:
    """Find services whose runtime is not here, or serves other formats.

    The cluster may have the runtime; those whose names begin with kserve- are KServe's own.
    """
    model = mapping(predictors(document)[0].body, "model")
    name = model.get("runtime", "kserve-")
    near = [
        other
        for other in others
        if other.kind == RUNTIMES[1]
        or (other.kind == RUNTIMES[0] and other.namespace == document.namespace)
    ]
    known = {other.name: sequence(other.body, "spec", "supportedModelFormats") for other in near}
    if name not in known and not name.startswith("kserve-"):
        there = f"they define {', '.join(known)}" if known else "they define no runtime"
        reason = f"these manifests do not define the runtime {name!r}; {there}"
        yield "spec.predictor.model.runtime", reason
    formats = [(one["name"], one.get("version")) for one in known.get(name, ())]
    wanted = model.get("modelFormat", {})
    versions = [version for format_name, version in formats if format_name == wanted.get("name")]
    if formats and wanted.get("version", versions and versions[0]) not in versions:
        reason = f"{name} does not serve it; it serves "
        reason += ", ".join(" ".join(filter(None, one)) for one in formats)
        yield "spec.predictor.model.modelFormat", reason
