"""The types of a document as a JSON Schema, and what does not fit them.

Core kinds are checked by the strict schemas of the package kubernetes-validate. For KServe's kinds
a schema is made of what the models of its Python SDK declare; containers, volumes and all other
core types inside of them are kubernetes-validate's.
"""

from __future__ import annotations

import difflib
import importlib
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import version as installed
from types import ModuleType, SimpleNamespace
from typing import Any

from jsonschema import (  # type: ignore[import-untyped]
    Draft202012Validator,
    ValidationError,
    validators,
)
from kubernetes_validate import utils  # type: ignore[import-untyped]
from referencing import Registry, Resource

from services.manifests.documents import Document, Finding
from services.manifests.wording import findings

KUBERNETES = "1.35"
"""The Kubernetes release whose types are the default to check against."""

SERVING = "serving.kserve.io"

_QUANTITY = {
    "title": "a quantity such as 250m, 768Mi or 1Gi, in quotes if it has a point",
    "type": ["string", "integer"],
    "pattern": r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?\Z",
}
_AMOUNT, _PER_CENT, _SOME = {"minimum": 0}, {"minimum": 0, "maximum": 100}, {"minItems": 1}
_METRIC = {"enum": ["cpu", "memory", "concurrency", "rps"]}
_TARGET = {"enum": ["Utilization", "Value", "AverageValue"]}
_ROUTERS = {"enum": ["Sequence", "Splitter", "Ensemble", "Switch"]}
_STORES = {"pattern": "^(s3|gs|https?)://", "title": "a URI with s3, gs, https or http"}

LIMITS: dict[str, dict[str, Any]] = {
    **{
        f"V1beta1{component}Spec.{field}": limits
        for component in ("Predictor", "Transformer", "Explainer")
        for field, limits in (
            *(("scaleMetric", _METRIC), ("scaleMetricType", _TARGET), ("storageUris", _SOME)),
            *(("minReplicas", _AMOUNT), ("maxReplicas", _AMOUNT)),
            *(("containerConcurrency", _AMOUNT), ("canaryTrafficPercent", _PER_CENT)),
        )
    },
    "V1beta1PredictorSpec.name": {
        "pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$",
        "title": "a host name",
    },
    "V1beta1StorageUri.mountPath": {"pattern": "^/", "title": "a path that begins with /"},
    "V1beta1CanarySpec.trafficPercent": _PER_CENT,
    "V1beta1LoggerSpec.mode": {"enum": ["all", "request", "response"]},
    "V1beta1MetricsSpec.type": {"enum": ["Resource", "External", "PodMetric"]},
    "V1beta1MetricTarget.type": _TARGET,
    "V1beta1ResourceMetricSource.name": {"enum": ["cpu", "memory"]},
    "V1beta1ExternalMetrics.backend": {"enum": ["prometheus", "graphite"]},
    "V1alpha1InferenceRouter.routerType": _ROUTERS,
    "V1alpha1InferenceRouter.steps": _SOME,
    "V1alpha1InferenceStep.dependency": {"enum": ["Soft", "Hard"]},
    "V1alpha1InferenceStep.weight": _AMOUNT,
    "V1alpha1InferenceGraphSpec.scaleMetric": _METRIC,
    "V1alpha1InferenceGraphSpec.minReplicas": _AMOUNT,
    "V1alpha1InferenceGraphSpec.maxReplicas": _AMOUNT,
    "V1alpha1SupportedModelFormat.priority": {"minimum": 1},
    "V1alpha1ModelSpec.storageUri": _STORES,
    "V1alpha1LocalModelCacheSpec.nodeGroups": _SOME,
}
"""What KServe's definitions (release 0.21) or webhooks say of a field's values beyond its type."""

REQUIRED: dict[str, bool] = {
    "V1alpha1SupportedModelFormat.name": True,
    "V1alpha1InferenceRouter.steps": True,
    "V1beta1ModelFormat.name": True,
    "V1beta1LoggerSpec.mode": True,
    **{f"V1beta1LoggerStorageSpec.{field}": True for field in ("path", "parameters", "key")},
    "V1beta1ExternalMetrics.query": True,
    "V1beta1ARTExplainerSpec.name": False,
    "V1beta1ARTExplainerSpec.type": False,
}
"""Whether a field is required, where the SDK says otherwise."""

_SCALARS: dict[str, dict[str, Any]] = {
    **{"str": {"type": "string"}, "datetime": {"type": "string"}, "int": {"type": "integer"}},
    **{"float": {"type": "number"}, "bool": {"type": "boolean"}},
    **{"V1beta1MetricQuantity": _QUANTITY, "ResourceQuantity": _QUANTITY},
}


def releases() -> list[str]:
    """Return the Kubernetes releases whose types are known, oldest first."""
    return list(dict.fromkeys(map(utils.major_minor, utils.all_versions())))


def check_types(document: Document, version: str = KUBERNETES) -> Iterator[Finding]:
    """Yield what is wrong with a document's types; a warning for a kind without types here."""
    group, _, api = document.api_version.rpartition("/")
    if group == SERVING:
        yield from _check_kserve(document, api)
        return
    checker = _core(document.api_version, document.kind, version)
    if checker is None:
        reason = f"{document.kind} of {document.api_version} is not checked here"
        yield Finding(document, "kind", reason, "not-checked", warning=True, blocks=True)
        return
    yield from findings(document, checker, f"Kubernetes {version}")


@cache
def _source() -> str:
    return f"KServe {installed('kserve')} SDK"


def _check_kserve(document: Document, api: str) -> Iterator[Finding]:
    source = _source()
    versions = _kserve_kinds().get(document.kind, [])
    near = difflib.get_close_matches(document.kind, _kserve_kinds(), n=1, cutoff=0.8)
    if not versions:
        hint = f"; did you mean {near[0]}?" if near else ""
        reason = f"{document.kind} is not checked here: the {source} has no such kind{hint}"
        yield Finding(document, "kind", reason, "not-checked", warning=not near, blocks=True)
        return
    if api not in versions:
        reason = f"KServe has no {document.kind} in {api}; write {SERVING}/{' or '.join(versions)}"
        yield Finding(document, "apiVersion", reason, "api-version")
        api = versions[0]
    name = f"{api.capitalize()}{document.kind}"
    if not hasattr(_models(), getattr(_models(), name).openapi_types["spec"]):
        reason = f"is not checked here: the {source} has no types for it"
        yield Finding(document, "spec", reason, "not-checked", warning=True, blocks=True)
        return
    yield from findings(document, _kserve(name), source)


@cache
def _core(api_version: str, kind: str, version: str) -> Draft202012Validator | None:
    """Return the checker of a core kind; None if Kubernetes has no such kind."""
    group, _, api = api_version.rpartition("/")
    name = "-".join(filter(None, (kind.lower(), group.partition(".")[0], api)))
    if ("." in group and not group.endswith(".k8s.io")) or not re.fullmatch(r"[a-z0-9-]+", name):
        return None
    try:
        schema = _contents(name, version)
    except FileNotFoundError:
        return None
    if "x-kubernetes-group-version-kind" not in schema:  # a part of a kind, such as Container
        return None
    return Draft202012Validator(schema, registry=_registry(version))


@cache
def _registry(version: str) -> Registry[Any]:
    return Resource.from_contents(_contents("_definitions", version)) @ Registry()


@cache
def _contents(name: str, version: str) -> dict[str, Any]:
    """Read one of kubernetes-validate's schemas."""
    release = next(v for v in utils.all_versions() if utils.major_minor(v) == version)
    path = f"kubernetes-json-schema/v{release}-local-strict/{name}.json"
    return dict(utils.schema_contents(path, version))


@cache
def _models() -> ModuleType:
    """Import KServe's models, which takes seconds and so is done only for KServe's kinds.

    ``import kserve`` parses the command line of the program that imports it, so that is hidden.
    """
    given = sys.argv
    sys.argv = given[:1]
    try:
        return importlib.import_module("kserve.models")
    finally:
        sys.argv = given


@cache
def _kserve_kinds() -> Mapping[str, list[str]]:
    """Return KServe's kinds with the versions that the SDK has of each."""
    kinds: dict[str, list[str]] = {}
    for name, declared in vars(_models()).items():
        found = re.fullmatch(r"(V\d(?:alpha|beta)\d)(\w+)", name)
        if found and {"api_version", "spec"} <= getattr(declared, "openapi_types", {}).keys():
            kinds.setdefault(found[2], []).append(found[1].lower())
    return kinds


@cache
def _kserve(name: str) -> Draft202012Validator:
    """Return the checker of a KServe kind, such as ``V1beta1InferenceService``."""
    definitions = dict(_contents("_definitions", KUBERNETES)["$defs"])
    definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"] = _QUANTITY
    for action in ("HTTPGetAction", "TCPSocketAction"):  # the rule probe-port says where
        key = f"io.k8s.api.core.v1.{action}"
        definitions[key] = {**definitions[key], "required": []}
    return _KServeValidator({**_reference(name, definitions), "$defs": definitions})


@cache
def _core_names() -> Mapping[str, str]:
    """Return core types by the SDK's names: ``V1Volume``, ``AppsV1DeploymentStrategy``."""
    names: dict[str, str] = {}
    for key in sorted(_contents("_definitions", KUBERNETES)["$defs"], key=lambda k: ".core." in k):
        words = [word[0].upper() + word[1:] for word in key.split(".")]
        names |= {"".join(words[-2:]): key, "".join(words[-3:]): key}
    return names


def _reference(name: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a type in the SDK's words, such as ``list[V1beta1StorageUri]``."""
    if name in _SCALARS:
        return _SCALARS[name]
    if many := re.fullmatch(r"list\[(.+)\]", name):
        return {"type": "array", "items": _reference(many[1], definitions)}
    if many := re.fullmatch(r"dict[\[(]str, (.+)[\])]", name):
        return {"type": "object", "additionalProperties": _reference(many[1], definitions)}
    if known := _core_names().get(name.removeprefix("K8sIoApi")):
        return {"$ref": f"#/$defs/{known}"}
    declared = getattr(_models(), name, None)
    if declared is None:  # the SDK names some types that it has no class for
        return {}
    if name not in definitions:
        properties: dict[str, Any] = {}
        required: list[str] = []
        closed = {"type": "object", "additionalProperties": False}
        definitions[name] = {**closed, "properties": properties, "required": required}
        for attribute, kind in declared.openapi_types.items():
            key = declared.attribute_map[attribute]
            limits = LIMITS.get(f"{name}.{key}", {})
            properties[key] = {**_reference(kind, definitions), **limits}
            if REQUIRED.get(f"{name}.{key}", _refuses_none(declared, attribute)):
                required.append(key)
    return {"$ref": f"#/$defs/{name}"}


def _refuses_none(declared: Any, attribute: str) -> bool:
    """Say whether a field is required: its setter then raises ValueError for None."""
    empty = object.__new__(declared)
    empty.local_vars_configuration = SimpleNamespace(client_side_validation=True)
    try:
        setattr(empty, attribute, None)
    except ValueError:
        return True
    return False


def _unique_keys(_: Any, keys: list[str], items: Any, __: Any) -> Iterator[ValidationError]:
    """Refuse items of a keyed list with the same key, as the API server does."""
    seen = set()
    for index, item in enumerate(items if isinstance(items, list) else ()):
        values = {"protocol": "TCP", **item} if isinstance(item, Mapping) else {}
        key = str([values.get(name) for name in keys])
        if key in seen and keys[0] in values:
            reason = f"{values[keys[0]]!r} appears twice; remove one of the two"
            yield ValidationError(reason, path=[index, keys[0]])
        seen.add(key)


_KServeValidator = validators.extend(
    Draft202012Validator, {"x-kubernetes-list-map-keys": _unique_keys}
)
