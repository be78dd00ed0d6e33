"""The rules for KServe's kinds: each trips over one small change of our manifests, and no other."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.manifests import Document, Finding, check, parse
from services.manifests.kserve import RULES
from tests.infra.kserve_manifests import everything, named
from tests.infra.manifests import REMOVED, set_field

SHORT = {
    "BOX": "spec.predictor.containers[0]",
    "METRIC": "spec.predictor.autoScaling.metrics[0]",
    "CANARY": "spec.canary[0]",
}
SDK = f"KServe {version('kserve')} SDK"


def in_full(path: str) -> str:
    return re.sub(r"^(BOX|METRIC|CANARY)\b", lambda found: SHORT[found[1]], path)


def cases() -> list[Any]:
    text = Path(__file__).with_name("kserve_changes.yaml").read_text(encoding="utf-8")
    return [
        pytest.param(group == "warnings", *case, id=f"{case[0]}-{case[1]}-{case[5]}-{place}")
        for group, listed in yaml.safe_load(text).items()
        for place, case in enumerate(listed)
    ]


def changed(name: str, path: str, value: Any) -> list[Finding]:
    """Check one of our objects with one field set to *value*, beside those that it refers to."""
    bodies = everything()
    body = named(bodies, name)
    kinds = ["ServingRuntime", *(["InferenceService"] if body["kind"] == "InferenceGraph" else [])]
    near = [other for other in bodies if other["kind"] in kinds and other is not body]
    set_field(body, in_full(path), REMOVED if value == "REMOVED" else value)
    return check([Document("test", 1, one) for one in (body, *near)])


@pytest.mark.parametrize(("warning", "name", "path", "value", "where", "words", "rule"), cases())
def test_a_change_is_found(
    warning: bool, name: str, path: str, value: Any, where: str | None, words: str, rule: str
) -> None:
    place = in_full(where or path.replace('"', ""))
    found = changed(name, path, value)
    assert [
        one
        for one in found
        if (one.path, one.warning) == (place, warning)
        and words in one.reason
        and one.rule == (SDK if rule == "SDK" else rule)
    ], [str(one) for one in found]


def test_every_rule_has_a_case() -> None:
    assert {rule.name for rule in RULES} <= {case.values[-1] for case in cases()}


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("id-card", "spec.predictor.minReplicas", "REMOVED"),
        ("id-card", "spec.predictor.maxReplicas", 0),
        ("id-card", "BOX.ports", "REMOVED"),
        ("id-card", "BOX.resources.requests.cpu", 1),
        ("id-card", "BOX.env[1].value", None),
        ("id-card", "spec.predictor.logger", {"mode": "all", "url": "http://sink"}),
        ("id-card", "spec.predictor.batcher", {"maxBatchSize": 8, "maxLatency": 50}),
        ("id-card", "status", {"anything": ["goes"]}),
        ("id-card-hpa", "spec.predictor.scaleMetric", "memory"),
        ("id-card-hpa", "spec.predictor.deploymentStrategy.rollingUpdate.maxSurge", "25%"),
        ("id-card-concurrency", "spec.predictor.canaryTrafficPercent", 0),
        ("id-card-concurrency", "BOX.readinessProbe.httpGet.port", "REMOVED"),
        ("recommender", "spec.predictor.model.storageUri", "pvc://models/recommender"),
        ("recommender", "spec.predictor.model.storageUri", "/mnt/models"),
        ("recommender", "spec.predictor.model.runtime", "kserve-mlserver"),
        ("recommender", "spec.predictor.model.modelFormat.version", "REMOVED"),
        ("id-card-split", "spec.nodes.root.steps[0].weight", 90.0),
        ("id-card-ensemble", "spec.nodes.root.steps[0].name", "REMOVED"),
    ],
)
def test_a_harmless_change_is_not(name: str, path: str, value: Any) -> None:
    assert [str(one) for one in changed(name, path, value)] == []


def test_two_canaries_take_no_more_than_all_of_the_traffic() -> None:
    bodies = everything()
    canary = named(bodies, "recommender-canary")["spec"]["canary"]
    second = yaml.safe_load(yaml.safe_dump(canary[0]))
    second["trafficPercent"], second["predictor"]["name"] = 95, "other"
    canary.append(second)
    [finding] = check([Document("test", 1, body) for body in bodies])
    assert str(finding).startswith("spec.canary: trafficPercent adds up to 105")


def test_a_storage_container_makes_its_scheme_known() -> None:
    fetcher = """
apiVersion: serving.kserve.io/v1alpha1
kind: ClusterStorageContainer
metadata: {name: registry}
spec:
  container: {name: storage-initializer, image: "a:1"}
  supportedUriFormats: [{prefix: "registry://"}]
"""
    bodies = [*everything(), *(dict(document.body) for document in parse(fetcher, "here"))]
    set_field(named(bodies, "recommender"), "spec.predictor.model.storageUri", "registry://a/b")
    assert check([Document("test", 1, body) for body in bodies]) == []


@pytest.mark.parametrize(
    ("kind", "spec", "words"),
    [
        ("TrainedModel", {"inferenceService": "a"}, "spec.model: is required but missing"),
        ("TrainedModel", {"inferenceService": "a", "model": {
            "framework": "sklearn", "storageUri": "pvc://a/b", "memory": "1Gi"}},
         "spec.model.storageUri: 'pvc://a/b' is not a URI with s3, gs, https or http"),
        ("LocalModelCache", {"sourceModelUri": "s3://a", "modelSize": "1Gi", "nodeGroups": []},
         "spec.nodeGroups: is empty"),
        ("LocalModelNodeGroup", {"storageLimit": "10 GB", "persistentVolumeSpec": {},
                                 "persistentVolumeClaimSpec": {}},
         "spec.storageLimit: '10 GB' is not a quantity"),
        ("ClusterServingRuntime", {"containers": [{"name": "a", "args": [1]}]},
         "spec.containers[0].args[0]: must be a string, not 1; put it in quotes"),
    ],
)  # fmt: skip
def test_kserves_other_kinds(kind: str, spec: dict[str, Any], words: str) -> None:
    head = {"apiVersion": "serving.kserve.io/v1alpha1", "kind": kind, "metadata": {"name": "one"}}
    [finding] = check([Document("test", 1, {**head, "spec": spec})])
    assert str(finding).startswith(words)


def test_all_errors_of_a_service_are_found_at_once() -> None:
    # Types that are right let the rules run, also where a field is unknown.
    bodies = everything()
    service = named(bodies, "id-card")
    for path, value in {
        "apiVersion": "serving.kserve.io/v1",
        "spec.predictor.sklearn": {},
        "spec.predictor.minReplicas": 5,
        "spec.predictor.replicas": 2,
        "BOX.image": "serving_labs_kserve:latest",
        "BOX.env[1].name": "PYTHONPATH",
    }.items():
        set_field(service, in_full(path), value)
    found = check([Document("test", 1, service)])
    assert {one.rule for one in found if not one.warning} == {
        *("api-version", "one-implementation", "replica-bounds", "blocked-environment", SDK),
    }
    assert [one.rule for one in found if one.warning] == ["pinned-image"]


def test_the_chapters_manifest_is_refused() -> None:
    text = """
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: yolo}
spec: {predictor: {model: {modelFormat: {name: sklearn}, storageUri: "gs://bucket/yolo/1"}}}
"""
    error, warning = check(list(parse(text, "here")))
    assert "is sklearn, and storageUri names a YOLO network" in error.reason
    assert (warning.rule, warning.warning) == ("deployment-mode", True)


def _paths(node: Any, path: str = "") -> Iterator[str]:
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            here = f"{path}[{key}]" if isinstance(node, list) else f'{path}."{key}"'
            yield here
            yield from _paths(value, here)


@pytest.mark.parametrize("name", ["recommender-canary", "id-card-ensemble", "recommender-runtime"])
def test_a_wrong_value_anywhere_is_a_finding_and_no_crash(name: str) -> None:
    bodies = everything()
    for path in _paths(named(bodies, name)["spec"], "spec"):
        for value in (None, [], {}, "x", -3, [None]):
            body = copy.deepcopy(named(bodies, name))
            set_field(body, path, value)
            for finding in check([Document("test", 1, body)]):
                assert finding.path
