"""KServe's manifests: accepted as they are, refused after any of many small changes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.environment import ROOT
from services.workbench.manifests import kserve
from services.workbench.manifests.__main__ import main
from services.workbench.manifests.check import verdicts
from services.workbench.manifests.kserve import sdk, set_rules
from services.workbench.manifests.rules import ADVICE_FOR_KSERVE
from tests.infra.kserve_manifests import (
    FILES,
    FOLDER,
    OVERLAYS,
    changed,
    changes,
    everything,
    findings,
    named,
)
from tests.infra.manifests import REMOVED, set_field

AT_MODE = "metadata.annotations.serving.kserve.io/deploymentMode"
BOX = "spec.predictor.containers[0]"
MULTI = {"containers": [{"name": "worker-container", "image": "a:1"}]}

# The object's name, the field that is changed, its new value; then the field that is named, words
# of the message, and who says so.
Case = tuple[str, str, Any, str, str, str]
COLUMNS = ("name", "path", "value", "where", "words", "rule")
CASES = changes()


def ids(cases: list[Case]) -> list[Any]:
    return [
        pytest.param(*case, id=f"{case[0]}-{case[1].rpartition('.')[2]}-{case[5][:24]}-{i}")
        for i, case in enumerate(cases)
    ]


def test_our_manifests_are_accepted_without_a_warning() -> None:
    assert findings(everything()) == []


@pytest.mark.parametrize("folder", OVERLAYS, ids=lambda path: path.name)
def test_kustomize_builds_each_overlay(folder: Path, needs: Callable[[str], None]) -> None:
    needs("kubectl")
    [verdict] = verdicts([str(folder)])
    assert verdict.rules_ran
    assert (verdict.faults, verdict.warnings) == (0, 0)
    names = {document.name for document in verdict.documents}
    assert names >= {"id-card", "id-card-bento", "recommender", "id-card-ensemble"}
    in_cloud = {"id-card-concurrency", "recommender-rps", "id-card-keda"}
    assert names & in_cloud == (in_cloud if folder.name == "cloud" else set())


def test_what_the_issue_asks_of_every_service() -> None:
    for body in everything():
        if body["kind"] not in ("InferenceService", "InferenceGraph"):
            continue
        assert body["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] in (
            "Standard",
            "Knative",
        )
        for part in body["spec"].values():
            for container in part.get("containers", ()) if isinstance(part, dict) else ():
                assert container["name"] == "kserve-container"
                assert not container["image"].endswith(":latest")
                assert container["resources"].keys() == {"requests", "limits"}
                assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()
                context = container["securityContext"]
                assert (context["runAsNonRoot"], context["readOnlyRootFilesystem"]) == (True, True)


@pytest.mark.parametrize(
    ("name", "path", "value", "where", "words", "rule"), ids([*CASES["types"], *CASES["rules"]])
)
def test_a_changed_manifest_is_refused(
    name: str, path: str, value: Any, where: str, words: str, rule: str
) -> None:
    bodies = changed(name, path, value)
    if rule == "gpu-list":
        set_field(named(bodies, name), "spec.predictor.workerSpec", MULTI)
    found = [(str(fault), fault.warning) for _, fault in findings(bodies)]
    expected = [line for line, warning in found if line.startswith(f"{where}: ") and not warning]
    expected = [line for line in expected if words in line and line.endswith(f"[{rule}]")]
    assert expected, found


@pytest.mark.parametrize(
    ("name", "path", "value", "where", "words", "rule"), ids(CASES["warnings"])
)
def test_what_would_run_and_is_unwise_is_warned_of(
    name: str, path: str, value: Any, where: str, words: str, rule: str
) -> None:
    found = [(str(fault), fault.warning) for _, fault in findings(changed(name, path, value))]
    assert any(
        line.startswith(f"{where}: ") and words in line and line.endswith(f"[{rule}]") and warning
        for line, warning in found
    ), found


OTHERS = """
apiVersion: serving.kserve.io/v1alpha1
kind: TrainedModel
metadata: {name: one}
spec:
  inferenceService: id-card
  model: {framework: sklearn, storageUri: s3://models/a, memory: 1Gi}
---
apiVersion: serving.kserve.io/v1alpha1
kind: ClusterStorageContainer
metadata: {name: registry}
spec:
  container: {name: storage-initializer, image: "a:1"}
  supportedUriFormats: [{prefix: "registry://"}]
---
apiVersion: serving.kserve.io/v1alpha1
kind: LocalModelCache
metadata: {name: cache}
spec: {sourceModelUri: s3://models/a, modelSize: 1Gi, nodeGroups: [gpu]}
---
apiVersion: serving.kserve.io/v1alpha1
kind: LocalModelNodeGroup
metadata: {name: gpu}
spec:
  storageLimit: 10Gi
  persistentVolumeSpec: {capacity: {storage: 10Gi}, hostPath: {path: /models}}
  persistentVolumeClaimSpec: {resources: {requests: {storage: 10Gi}}}
---
apiVersion: serving.kserve.io/v1alpha1
kind: ClusterServingRuntime
metadata: {name: shared}
spec:
  protocolVersions: [v2]
  supportedModelFormats: [{name: onnx, version: "1", autoSelect: true, priority: 2}]
  containers: [{name: kserve-container, image: "a:1", securityContext: {runAsNonRoot: true}}]
"""


def others() -> list[dict[str, Any]]:
    bodies = list(yaml.safe_load_all(OTHERS))
    return [
        *everything(),
        *({**b, "metadata": {**b["metadata"], "namespace": "serving-labs-kserve"}} for b in bodies),
    ]


def test_kserves_other_kinds_are_known() -> None:
    assert findings(others()) == []


@pytest.mark.parametrize(COLUMNS, ids(CASES["others"]))
def test_kserves_other_kinds_are_refused_when_wrong(
    name: str, path: str, value: Any, where: str, words: str, rule: str
) -> None:
    bodies = others()
    set_field(named(bodies, name), path, value)
    found = [str(fault) for _, fault in findings(bodies)]
    assert any(
        line.startswith(f"{where}: ") and words in line and line.endswith(f"[{rule}]")
        for line in found
    ), found


def test_rules_between_two_documents() -> None:
    bodies = others()
    twin = {**named(bodies, "cache"), "metadata": {"name": "second"}}
    runtime = {**named(bodies, "shared"), "metadata": {"name": "third"}}
    found = {fault.rule: (name, fault.path) for name, fault in findings([*bodies, twin, runtime])}
    assert found == {
        "one-cache": ("second", "spec.sourceModelUri"),
        "runtime-priority": ("third", "spec.supportedModelFormats[0].priority"),
    }
    set_field(named(bodies, "one"), "spec.inferenceService", "nobody")
    [(name, fault)] = findings(bodies)
    assert (name, fault.rule, fault.warning) == ("one", "trained-model-service", True)


def test_a_storage_container_makes_its_scheme_known() -> None:
    bodies = others()
    set_field(named(bodies, "recommender"), "spec.predictor.model.storageUri", "registry://a/b")
    assert findings(bodies) == []


def test_two_canaries_take_no_more_than_all_of_the_traffic() -> None:
    bodies = everything()
    canary = named(bodies, "recommender-canary")["spec"]["canary"]
    second = yaml.safe_load(yaml.safe_dump(canary[0]))
    second["trafficPercent"] = 95
    second["predictor"]["name"] = "other"
    canary.append(second)
    [(_, fault)] = findings(bodies)
    assert (fault.path, fault.rule) == ("spec.canary", "canary-share")
    assert "is 105 in sum" in fault.reason


def test_every_rule_has_refused_something_here() -> None:
    known = {
        rule.__name__.replace("_", "-")
        for rules in (*kserve.RULES.values(), *kserve.ADVICE.values(), set_rules.RULES)
        for rule in rules
    }
    seen = {case[5] for part in ("types", "rules", "warnings") for case in CASES[part]}
    elsewhere = {
        *("trained-name", "trained-storage", "fetcher-format", "fetcher-workload"),
        *("cached-storage", "one-cache", "runtime-priority", "trained-model-service"),
        *("canary-share", "transformer-has-predictor", "knative-probe"),
    }
    assert known - seen == elsewhere
    assert seen >= ADVICE_FOR_KSERVE


def test_all_faults_of_a_service_are_told_at_once() -> None:
    # Types that are right let the rules run, also where a field is unknown.
    bodies = everything()
    service = named(bodies, "id-card")
    for path, value in {
        "apiVersion": "serving.kserve.io/v1",
        "spec.predictor.sklearn": {},
        "spec.predictor.minReplicas": 5,
        "spec.predictor.canaryTrafficPercent": 10,
        "spec.predictor.replicas": 2,
        f"{BOX}.image": "serving_labs_kserve:latest",
        f"{BOX}.env[1].name": "PYTHONPATH",
        f"{BOX}.livenessProbe.httpGet.path": "/healthy",
    }.items():
        set_field(service, path, value)
    rules = {fault.rule for name, fault in findings(bodies) if name == "id-card"}
    assert rules >= {
        *("api-version", "one-implementation", "replica-bounds", "canary-traffic", sdk.source()),
        *("blocked-environment", "probe-path"),
    }


# Changes that are none the worse: a rule that refuses these would be in everybody's way.
@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("id-card", "spec.predictor.minReplicas", REMOVED),
        ("id-card", "spec.predictor.maxReplicas", 0),
        ("id-card", f"{BOX}.ports", REMOVED),
        ("id-card", f"{BOX}.resources.requests.cpu", 1),
        ("id-card", f"{BOX}.env[1].value", None),
        ("id-card", "spec.predictor.logger", {"mode": "all", "url": "http://sink"}),
        ("id-card", "spec.predictor.batcher", {"maxBatchSize": 8, "maxLatency": 50}),
        ("id-card", "status", {"anything": ["goes"]}),
        ("id-card-hpa", "spec.predictor.scaleMetric", "memory"),
        ("id-card-hpa", "spec.predictor.deploymentStrategy.rollingUpdate.maxSurge", "25%"),
        ("id-card-concurrency", "spec.predictor.canaryTrafficPercent", 0),
        ("id-card-concurrency", f"{BOX}.ports[0].name", "http1"),
        ("id-card-concurrency", f"{BOX}.readinessProbe.httpGet.port", REMOVED),
        ("recommender", "spec.predictor.model.storageUri", "pvc://models/recommender"),
        ("recommender", "spec.predictor.model.storageUri", "hf://owner/model"),
        ("recommender", "spec.predictor.model.storageUri", "/mnt/models"),
        ("recommender", "spec.predictor.model.runtime", "kserve-mlserver"),
        ("recommender", "spec.predictor.model.modelFormat.version", REMOVED),
        ("id-card-split", "spec.nodes.root.steps[0].weight", 90.0),
        ("id-card-ensemble", "spec.nodes.root.steps[0].name", REMOVED),
    ],
)
def test_other_good_manifests_are_accepted(name: str, path: str, value: Any) -> None:
    assert findings(changed(name, path, value)) == []


def test_the_chapters_manifest_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "chapter.yaml"
    file.write_text(
        "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\n"
        "metadata: {name: yolo}\nspec:\n  predictor:\n    model:\n"
        "      modelFormat: {name: sklearn}\n      storageUri: gs://bucket/yolo/1\n",
        encoding="utf-8",
    )
    assert main([str(file)]) == 1
    out = capsys.readouterr().out
    assert "modelFormat.name: is sklearn, and storageUri speaks of 'yolo'" in out
    assert "warning: metadata.annotations.serving.kserve.io/deploymentMode: is missing" in out
    assert "1 fault(s), 1 warning(s)" in out


def test_a_warning_fails_only_when_asked_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = named(everything(), "id-card-split")
    del graph["metadata"]["annotations"]
    for step in graph["spec"]["nodes"]["root"]["steps"]:
        step["serviceUrl"] = f"http://{step.pop('serviceName')}"
    file = tmp_path / "graph.yaml"
    file.write_text(yaml.safe_dump(graph), encoding="utf-8")
    assert main([str(file)]) == 0
    assert main(["--strict", str(file)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("  warn   serving.kserve.io/v1alpha1 InferenceGraph id-card-split")
    assert lines[3].endswith("no fault(s), 1 warning(s)")


def test_what_the_sdk_has_no_types_for_is_not_passed_silently(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "llm.yaml"
    file.write_text(
        "apiVersion: serving.kserve.io/v1alpha2\nkind: LLMInferenceService\n"
        "metadata: {name: llm}\nspec: {model: {uri: 'hf://a/b'}}\n",
        encoding="utf-8",
    )
    assert main([str(file)]) == 0
    assert "warning: spec: the SDK has no types for it" in capsys.readouterr().out


def test_the_command_line_stays_ours() -> None:
    # "import kserve" parses the arguments of the program, by their beginnings.
    file = FILES[0].with_name("id-card.yaml")
    command = [sys.executable, "-m", "services.workbench.manifests", "--strict", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_kserve_is_imported_for_its_own_kinds_only() -> None:
    code = (
        "import sys; from services.workbench.manifests.__main__ import main;"
        f"main([{str(ROOT / 'infra/kubernetes/base/service.yaml')!r}]);"
        "print('kserve' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_the_script_and_the_workflow_can_be_read() -> None:
    script = FOLDER / "try-on-kind.sh"
    subprocess.run(["sh", "-n", str(script)], check=True)
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "kserve.yml").read_text("utf-8"))
    steps = [step.get("run", "") for step in workflow["jobs"]["kind"]["steps"]]
    assert "infra/kserve/try-on-kind.sh" in steps
    default = workflow[True]["workflow_dispatch"]["inputs"]["kserve-version"]["default"]  # "on:"
    assert f"KSERVE_VERSION:={default}" in script.read_text(encoding="utf-8")
    # The types that we check by are those of the release that would be installed.
    assert default == f"v{version('kserve')}"


def test_the_readme_names_every_manifest() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for file in FILES:
        named_there = file.name in readme or f"`{file.parent.name}/`" in readme
        assert named_there, file.name
