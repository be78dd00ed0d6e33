"""The detector's manifests: accepted as they are, refused after any of many small changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.workbench.manifests import kustomize, rules
from services.workbench.manifests.__main__ import main
from services.workbench.manifests.check import verdicts
from services.workbench.manifests.documents import parse
from services.workbench.manifests.kserve import set_rules
from tests.infra.manifests import FILES, OVERLAYS, REMOVED, changed, everything, faults

POD = "spec.template.spec"
BOX = f"{POD}.containers[0]"
NAME = '"app.kubernetes.io/name"'
END = "spec.endpoints[0]"
METRIC = "spec.metrics[0].containerResource"
K8S = "Kubernetes 1.35"
OPERATOR = "Prometheus operator API reference, monitoring.coreos.com/v1"

# What is changed (kind, field, new value); then what is said of which field, and who says it.
TYPES: list[tuple[str, str, Any, str, str, str]] = [
    ("Deployment", "apiVersion", "extensions/v1beta1", "kind", "no kind of Kubernetes", K8S),
    ("Deployment", "kind", "Deploymnt", "kind", "no kind of Kubernetes 1.35", K8S),
    ("Deployment", "kind", "deployment", "kind", "not one of", K8S),
    ("Deployment", "kind", "../Deployment", "kind", "no name of a kind", K8S),
    ("Deployment", "spec.replica", 2, "spec.replica", "is replicas meant?", K8S),
    ("Deployment", "spec.selector", REMOVED, "spec.selector", "required and missing", K8S),
    ("Deployment", f"{BOX}.image", 3, f"{BOX}.image", "not of type", K8S),
    ("Deployment", f"{BOX}.name", REMOVED, f"{BOX}.name", "required and missing", K8S),
    (
        "Deployment",
        f"{BOX}.ports[0].containerPort",
        "3000",
        f"{BOX}.ports[0].containerPort",
        "not of type 'integer'",
        K8S,
    ),
    (
        "Deployment",
        f"{BOX}.livenessProbe.httpget",
        {},
        f"{BOX}.livenessProbe.httpget",
        "is httpGet meant?",
        K8S,
    ),
    (
        "Deployment",
        f"{BOX}.livenessProbe.httpGet.port",
        REMOVED,
        f"{BOX}.livenessProbe.httpGet.port",
        "required and missing",
        K8S,
    ),
    (
        "Deployment",
        f"{BOX}.resources.request",
        {},
        f"{BOX}.resources.request",
        "is requests meant?",
        K8S,
    ),
    (
        "Deployment",
        f"{POD}.securityContext.runAsNonroot",
        True,
        f"{POD}.securityContext.runAsNonroot",
        "is runAsNonRoot meant?",
        K8S,
    ),
    (
        "HorizontalPodAutoscaler",
        "apiVersion",
        "autoscaling/v2beta2",
        "kind",
        "no kind of Kubernetes 1.35",
        K8S,
    ),
    ("HorizontalPodAutoscaler", "spec.maxReplicas", REMOVED, "spec.maxReplicas", "missing", K8S),
    ("HorizontalPodAutoscaler", "spec.minReplicas", "2", "spec.minReplicas", "not of type", K8S),
    ("PodDisruptionBudget", "spec.maxUnavailble", 1, "spec.maxUnavailble", "is maxUnav", K8S),
    ("NetworkPolicy", "spec.policyTypes", "Ingress", "spec.policyTypes", "not of type", K8S),
    (
        "ServiceMonitor",
        "apiVersion",
        "monitoring.coreos.com/v2",
        "apiVersion",
        "has no ServiceMonitor; it is in monitoring.coreos.com/v1",
        "api-version",
    ),
    ("ServiceMonitor", "spec.endpoint", [], "spec.endpoint", "is endpoints meant?", OPERATOR),
    ("ServiceMonitor", "spec.endpoints", REMOVED, "spec.endpoints", "missing", OPERATOR),
    ("ServiceMonitor", "spec.selector", REMOVED, "spec.selector", "missing", OPERATOR),
    ("ServiceMonitor", "metadata.name", REMOVED, "metadata.name", "missing", OPERATOR),
    ("ServiceMonitor", f"{END}.port", 3000, f"{END}.port", "valid string; got 3000", OPERATOR),
    ("ServiceMonitor", f"{END}.interval", 15, f"{END}.interval", "got 15", OPERATOR),
    ("ServiceMonitor", f"{END}.interval", "15 s", f"{END}.interval", "got '15 s'", OPERATOR),
    ("ServiceMonitor", f"{END}.scheme", "htps", f"{END}.scheme", "got 'htps'", OPERATOR),
    ("ServiceMonitor", f"{END}.Path", "/", f"{END}.Path", "is path meant?", OPERATOR),
    (
        "ServiceMonitor",
        f"{END}.relabelings",
        [{"action": "droop"}],
        f"{END}.relabelings[0].action",
        "got 'droop'",
        OPERATOR,
    ),
    (
        "ServiceMonitor",
        f"{END}.basicAuth",
        {"user": {}},
        f"{END}.basicAuth.user",
        "is username meant?",
        OPERATOR,
    ),
    (
        "ServiceMonitor",
        "spec.selector.matchLabels",
        {"a": 1},
        "spec.selector.matchLabels.a",
        "got 1",
        OPERATOR,
    ),
    ("ServiceMonitor", "spec.sampleLimit", -1, "spec.sampleLimit", "got -1", OPERATOR),
    (
        "PodMonitor",
        "spec.podMetricsEndpoints[0].portNumber",
        70000,
        "spec.podMetricsEndpoints[0].portNumber",
        "got 70000",
        OPERATOR,
    ),
    ("PodMonitor", "spec.endpoints", [], "spec.endpoints", "unknown field", OPERATOR),
]

RULES: list[tuple[str, str, Any, str, str, str]] = [
    ("Service", "metadata.name", "ID_card", "metadata.name", "is no name", "valid-name"),
    ("Deployment", "metadata.name", REMOVED, "metadata.name", "is no name", "valid-name"),
    (
        "Service",
        'metadata.labels."a"',
        "two words",
        "metadata.labels.a",
        "no label's value",
        "valid-label",
    ),
    (
        "Deployment",
        f"{BOX}.imagePullPolicy",
        "Allways",
        f"{BOX}.imagePullPolicy",
        "not one of Always, IfNotPresent, Never",
        "known-value",
    ),
    ("Service", "spec.type", "LoadBalencer", "spec.type", "not one of", "known-value"),
    ("Service", "spec.ports[0].protocol", "tcp", "spec.ports[0].protocol", "TCP", "known-value"),
    ("NetworkPolicy", "spec.policyTypes[0]", "In", "spec.policyTypes[0]", "'In'", "known-value"),
    (
        "Deployment",
        f"spec.template.metadata.labels.{NAME}",
        "detector",
        "spec.template.metadata.labels.app.kubernetes.io/name",
        "spec.selector looks for 'id_card_detector'",
        "selector-matches-template",
    ),
    ("Deployment", f"{BOX}.image", "a/b", f"{BOX}.image", "names no version", "pinned-image"),
    ("Deployment", f"{BOX}.image", "b:latest", f"{BOX}.image", "roll-back", "pinned-image"),
    ("Deployment", f"{BOX}.image", "host:5000/b", f"{BOX}.image", "no version", "pinned-image"),
    (
        "Deployment",
        f"{POD}.securityContext.runAsNonRoot",
        REMOVED,
        f"{BOX}.securityContext.runAsNonRoot",
        "may start as root",
        "runs-as-non-root",
    ),
    (
        "Deployment",
        f"{BOX}.securityContext.runAsNonRoot",
        False,
        f"{BOX}.securityContext.runAsNonRoot",
        "may start as root",
        "runs-as-non-root",
    ),
    (
        "Deployment",
        f"{POD}.securityContext.runAsUser",
        0,
        f"{BOX}.securityContext.runAsUser",
        "would never start",
        "runs-as-non-root",
    ),
    (
        "Deployment",
        f"{BOX}.securityContext.capabilities",
        REMOVED,
        f"{BOX}.securityContext.capabilities.drop",
        "has no ALL",
        "restricted-pod",
    ),
    (
        "Deployment",
        f"{BOX}.securityContext.allowPrivilegeEscalation",
        REMOVED,
        f"{BOX}.securityContext.allowPrivilegeEscalation",
        "enforces the standard restricted",
        "restricted-pod",
    ),
    (
        "Deployment",
        f"{POD}.securityContext.seccompProfile",
        REMOVED,
        f"{BOX}.securityContext.seccompProfile.type",
        "not RuntimeDefault",
        "restricted-pod",
    ),
    ("Deployment", f"{POD}.hostNetwork", True, f"{POD}.hostNetwork", "is true", "restricted-pod"),
    (
        "Deployment",
        f"{POD}.volumes[1]",
        {"name": "node", "hostPath": {"path": "/"}},
        f"{POD}.volumes[1].hostPath",
        "folder of the node",
        "restricted-pod",
    ),
    (
        "Deployment",
        f"{BOX}.readinessProbe.httpGet.port",
        "htpp",
        f"{BOX}.readinessProbe.httpGet.port",
        "no port 'htpp'; it has http",
        "declared-probe-port",
    ),
    (
        "Deployment",
        f"{BOX}.livenessProbe.httpGet.port",
        8080,
        f"{BOX}.livenessProbe.httpGet.port",
        "no port 8080",
        "declared-probe-port",
    ),
    (
        "Deployment",
        f"{BOX}.readinessProbe.timeoutSeconds",
        0,
        f"{BOX}.readinessProbe.timeoutSeconds",
        "the least is 1",
        "probe-numbers",
    ),
    (
        "Deployment",
        f"{BOX}.livenessProbe.successThreshold",
        2,
        f"{BOX}.livenessProbe.successThreshold",
        "must be 1",
        "probe-numbers",
    ),
    (
        "Deployment",
        f"{POD}.terminationGracePeriodSeconds",
        10,
        f"{POD}.terminationGracePeriodSeconds",
        "sleeps for 10 s",
        "time-to-end",
    ),
    (
        "Deployment",
        f"{BOX}.lifecycle.preStop",
        {"exec": {"command": ["sh", "-c", "sleep 90"]}},
        f"{POD}.terminationGracePeriodSeconds",
        "sleeps for 90 s",
        "time-to-end",
    ),
    (
        "Deployment",
        f"{BOX}.volumeMounts[0].name",
        "temp",
        f"{BOX}.volumeMounts[0].name",
        "no volume 'temp'; there is tmp",
        "known-volume",
    ),
    (
        "Deployment",
        f"{BOX}.ports[0].name",
        "http-of-the-detector",
        f"{BOX}.ports[0].name",
        "is no port's name",
        "valid-port",
    ),
    (
        "Deployment",
        f"{BOX}.ports[1]",
        {"name": "http", "containerPort": 3001},
        f"{BOX}.ports[1].name",
        "is there twice",
        "valid-port",
    ),
    (
        "Deployment",
        f"{BOX}.ports[0].containerPort",
        300000,
        f"{BOX}.ports[0].containerPort",
        "1 to 65535",
        "valid-port",
    ),
    (
        "Deployment",
        f"{BOX}.resources.limits.memory",
        "2GB",
        f"{BOX}.resources.limits.memory",
        "'2GB' is no quantity",
        "valid-resources",
    ),
    (
        "Deployment",
        f"{BOX}.resources.requests.memory",
        "8Gi",
        f"{BOX}.resources.requests.memory",
        "8Gi is above the limit, 4Gi",
        "valid-resources",
    ),
    (
        "Deployment",
        f"{POD}.volumes[0].emptyDir.sizeLimit",
        "1 Gi",
        f"{POD}.volumes[0].emptyDir.sizeLimit",
        "is no quantity",
        "valid-resources",
    ),
    (
        "Service",
        f"spec.selector.{NAME}",
        "detector",
        "spec.selector",
        "Deployment id-card-detector in namespace serving-labs has",
        "service-selects-pods",
    ),
    (
        "Service",
        "metadata.namespace",
        "default",
        "spec.selector",
        "no pod in namespace default",
        "service-selects-pods",
    ),
    (
        "Service",
        "spec.ports[0].targetPort",
        "web",
        "spec.ports[0].targetPort",
        "no port 'web'; it has http",
        "service-target-port",
    ),
    (
        "Service",
        "spec.ports[0].targetPort",
        REMOVED,
        "spec.ports[0].targetPort",
        "no port 80",
        "service-target-port",
    ),
    (
        "Service",
        "spec.ports[1]",
        {"port": 81, "targetPort": 3000},
        "spec.ports[1].name",
        "required with several ports",
        "service-port-names",
    ),
    ("Service", "spec.ports[0].port", 0, "spec.ports[0].port", "no port", "service-port-names"),
    (
        "ServiceMonitor",
        f"spec.selector.matchLabels.{NAME}",
        "detector",
        "spec.selector",
        "would scrape nothing",
        "service-monitor-selects",
    ),
    (
        "ServiceMonitor",
        "metadata.namespace",
        "monitoring",
        "spec.selector",
        "no Service in its reach",
        "service-monitor-selects",
    ),
    (
        "ServiceMonitor",
        f"{END}.port",
        "metrics",
        f"{END}.port",
        "no selected Service has a port named 'metrics'; there is http",
        "service-monitor-selects",
    ),
    (
        "ServiceMonitor",
        f"{END}.targetPort",
        3001,
        f"{END}.targetPort",
        "no port 3001",
        "service-monitor-selects",
    ),
    (
        "PodMonitor",
        f"spec.selector.matchLabels.{NAME}",
        "detector",
        "spec.selector",
        "no pod in its reach",
        "pod-monitor-selects",
    ),
    (
        "PodMonitor",
        "spec.podMetricsEndpoints[0].port",
        "metrics",
        "spec.podMetricsEndpoints[0].port",
        "no port 'metrics'; there is http",
        "pod-monitor-selects",
    ),
    (
        "ServiceMonitor",
        f"{END}.scrapeTimeout",
        "1m",
        f"{END}.scrapeTimeout",
        "longer than the interval, 15s",
        "scrape-fits-interval",
    ),
    (
        "NetworkPolicy",
        f"spec.podSelector.matchLabels.{NAME}",
        "detector",
        "spec.podSelector",
        "protects nothing",
        "policy-selects-pods",
    ),
    (
        "NetworkPolicy",
        "spec.ingress[0].ports[0].port",
        8080,
        "spec.ingress",
        "lets nobody in at port 3000",
        "policy-lets-service-in",
    ),
    (
        "NetworkPolicy",
        "spec.ingress",
        [],
        "spec.ingress",
        "would time out",
        "policy-lets-service-in",
    ),
    (
        "HorizontalPodAutoscaler",
        "spec.scaleTargetRef.name",
        "detector",
        "spec.scaleTargetRef.name",
        "no apps/v1 Deployment detector in namespace serving-labs",
        "autoscaler-target",
    ),
    (
        "HorizontalPodAutoscaler",
        "spec.scaleTargetRef.kind",
        "StatefulSet",
        "spec.scaleTargetRef.kind",
        "there is apps/v1 Deployment id-card-detector",
        "autoscaler-target",
    ),
    (
        "HorizontalPodAutoscaler",
        "spec.minReplicas",
        9,
        "spec.minReplicas",
        "above maxReplicas, 6",
        "autoscaler-bounds",
    ),
    (
        "HorizontalPodAutoscaler",
        "spec.minReplicas",
        0,
        "spec.minReplicas",
        "is 0",
        "autoscaler-bounds",
    ),
    ("Deployment", "spec.replicas", 2, "spec.replicas", "set it back", "autoscaler-owns-replicas"),
    (
        "Deployment",
        f"{BOX}.resources",
        {"requests": {"memory": "1Gi"}},
        f"{METRIC}.target.averageUtilization",
        "requests no cpu",
        "autoscaler-metric",
    ),
    (
        "HorizontalPodAutoscaler",
        f"{METRIC}.container",
        "server",
        f"{METRIC}.container",
        "no container 'server'; it has detector",
        "autoscaler-metric",
    ),
    (
        "HorizontalPodAutoscaler",
        "spec.metrics[0].type",
        "Resource",
        "spec.metrics[0].type",
        "there is no resource",
        "metric-is-whole",
    ),
    (
        "HorizontalPodAutoscaler",
        f"{METRIC}.target.type",
        "AverageValue",
        f"{METRIC}.target.type",
        "there is no averageValue",
        "metric-is-whole",
    ),
    (
        "PodDisruptionBudget",
        "spec.maxUnavailable",
        0,
        "spec.maxUnavailable",
        "no node drained",
        "budget-lets-go",
    ),
    (
        "PodDisruptionBudget",
        "spec.maxUnavailable",
        "0%",
        "spec.maxUnavailable",
        "no pod may ever be evicted",
        "budget-lets-go",
    ),
    (
        "PodDisruptionBudget",
        "spec.maxUnavailable",
        "one",
        "spec.maxUnavailable",
        "neither a number nor",
        "budget-lets-go",
    ),
    (
        "PodDisruptionBudget",
        "spec.minAvailable",
        1,
        "spec.maxUnavailable",
        "one of the two",
        "budget-lets-go",
    ),
    (
        "PodDisruptionBudget",
        "spec",
        {
            "minAvailable": 2,
            "selector": {"matchLabels": {"app.kubernetes.io/name": "id_card_detector"}},
        },
        "spec.minAvailable",
        "no more than 2 pod(s)",
        "budget-lets-go",
    ),
    (
        "PodDisruptionBudget",
        f"spec.selector.matchLabels.{NAME}",
        "detector",
        "spec.selector",
        "protects nothing",
        "budget-lets-go",
    ),
    (
        "Deployment",
        "spec.strategy.rollingUpdate.maxSurge",
        0,
        "spec.strategy.rollingUpdate.maxUnavailable",
        "may not be 0 when maxSurge is 0",
        "update-can-move",
    ),
]


def test_the_detectors_manifests_are_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    assert faults(everything()) == []
    files = [str(path) for path in FILES if path.stem not in ("kustomization", "service-monitor")]
    assert main(files) == 0
    assert "6 document(s)" in capsys.readouterr().out


@pytest.mark.parametrize("version", ["1.31", "1.37"])
def test_older_and_newer_releases_of_kubernetes_accept_them(version: str) -> None:
    assert faults(everything(), version) == []


@pytest.mark.parametrize("folder", OVERLAYS, ids=lambda path: path.name)
def test_kustomize_builds_each_overlay(folder: Path, needs: Callable[[str], None]) -> None:
    needs("kubectl")
    [verdict] = verdicts([str(folder)])
    assert verdict.rules_ran
    assert verdict.faults == 0
    kinds = {document.kind for document in verdict.documents}
    assert kinds >= {"Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"}
    with_operator = {"HorizontalPodAutoscaler", "ServiceMonitor"}
    assert kinds & with_operator == (with_operator if folder.name == "production" else set())


def test_the_overlays_name_the_image_that_is_built(needs: Callable[[str], None]) -> None:
    needs("kubectl")
    names = {}
    for folder in OVERLAYS:
        for document in parse(kustomize.build(folder), folder.name):
            if document.kind == "Deployment":
                [container] = document.body["spec"]["template"]["spec"]["containers"]
                names[folder.name] = container["image"]
    assert names.keys() == {"local", "production"}
    assert {name.rpartition("/")[2] for name in names.values()} == {"id_card_detector:0.1.0"}


@pytest.mark.parametrize(
    ("kind", "path", "value", "where", "words", "rule"),
    [
        pytest.param(*case, id=f"{case[0]}-{case[1].rpartition('.')[2]}-{i}")
        for i, case in enumerate((*TYPES, *RULES))
    ],
)
def test_a_changed_manifest_is_refused(
    kind: str, path: str, value: Any, where: str, words: str, rule: str
) -> None:
    # The change may be in one document and the fault in another one that relies on it.
    found = [str(fault) for _, fault in faults(changed(kind, path, value))]
    expected = [line for line in found if line.startswith(f"{where}: ") and words in line]
    assert expected, found
    assert expected[0].endswith(f"[{rule}]")


def test_two_documents_for_one_object_are_refused() -> None:
    bodies = everything()
    [(kind, fault)] = faults([*bodies, bodies[-1]])
    assert (kind, fault.path, fault.rule) == ("PodMonitor", "metadata.name", "unique-name")


def test_a_budget_for_one_pod_must_let_it_go() -> None:
    # What bites most: one replica, and a budget that wants one to be there.
    bodies = [
        body
        for body in changed("Deployment", "spec.replicas", 1)
        if body["kind"] != "HorizontalPodAutoscaler"
    ]
    assert faults(bodies) == []
    budget = next(body for body in bodies if body["kind"] == "PodDisruptionBudget")
    budget["spec"]["minAvailable"] = 1
    del budget["spec"]["maxUnavailable"]
    [(_, fault)] = faults(bodies)
    assert "no more than 1 pod(s)" in fault.reason
    next(b for b in bodies if b["kind"] == "Deployment")["spec"]["replicas"] = 2
    assert faults(bodies) == []


def test_every_rule_has_refused_something_here() -> None:
    ours = [rule for rule in rules.RULES if rule not in set_rules.RULES]  # test_kserve.py has those
    names = {rule.__name__.replace("_", "-") for rule in ours}
    assert {case[-1] for case in RULES} | {"unique-name"} == names


# Changes that are none the worse: a rule that refuses these would be in everybody's way.
@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Service", "spec.ports[0].targetPort", 3000),
        ("Service", "spec.selector", REMOVED),
        ("Deployment", f"{BOX}.image", "host:5000/detector:1.0.0"),
        ("Deployment", f"{BOX}.image", "detector@sha256:" + 64 * "0"),
        ("Deployment", f"{BOX}.livenessProbe.httpGet.port", 3000),
        ("Deployment", f"{BOX}.lifecycle", REMOVED),
        ("Deployment", f"{BOX}.resources.requests", REMOVED),
        ("Deployment", f"{BOX}.resources.requests.cpu", 1.5),
        ("Deployment", "spec.strategy", REMOVED),
        ("NetworkPolicy", "spec.ingress[0].ports[0].port", 3000),
        ("NetworkPolicy", "spec.ingress[0]", {}),
        ("NetworkPolicy", "spec.policyTypes", ["Egress"]),
        ("PodDisruptionBudget", "spec.maxUnavailable", "50%"),
        ("HorizontalPodAutoscaler", "spec.metrics", REMOVED),
        ("ServiceMonitor", "spec.namespaceSelector", {"any": True}),
        ("ServiceMonitor", f"{END}.port", REMOVED),
        ("ServiceMonitor", f"{END}.interval", "1m30s"),
        (
            "PodMonitor",
            "spec.selector",
            {"matchExpressions": [{"key": "app.kubernetes.io/name", "operator": "Exists"}]},
        ),
        ("PodMonitor", "spec.podMetricsEndpoints[0].portNumber", 3000),
    ],
)
def test_other_good_manifests_are_accepted(kind: str, path: str, value: Any) -> None:
    assert faults(changed(kind, path, value)) == []
