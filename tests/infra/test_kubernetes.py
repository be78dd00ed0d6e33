"""The detector's manifests: valid, built by Kustomize, and right about one another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.manifests import Document, check, check_paths
from services.manifests.kserve.pods import PROBES, quantity
from tests.infra.manifests import FOLDER, OVERLAYS, everything, hardened

NAME = {"app.kubernetes.io/name": "id_card_detector"}


@pytest.fixture(scope="module")
def objects() -> dict[str, dict[str, Any]]:
    """Return the objects of base and monitoring by their kinds."""
    return {body["kind"]: body for body in everything()}


@pytest.fixture(scope="module")
def pod(objects: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = objects["Deployment"]["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize("version", ["1.31", "1.35", "1.37"])
def test_they_are_valid_in_older_and_newer_releases(version: str) -> None:
    found = check([Document("test", 1, body) for body in everything()], version)
    # The Prometheus operator's kind is not checked here.
    assert [(one.document.kind, one.rule) for one in found] == [("ServiceMonitor", "not-checked")]


@pytest.mark.parametrize("folder", OVERLAYS, ids=lambda path: path.name)
def test_kustomize_builds_each_overlay(folder: Path, needs: Callable[[str], None]) -> None:
    needs("kubectl")
    report = check_paths([str(folder)])
    assert (report.errors, report.unread) == ([], [])
    built = {document.kind: document.body for document in report.documents}
    assert built.keys() >= {"Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"}
    with_operator = {"HorizontalPodAutoscaler", "ServiceMonitor"}
    assert built.keys() & with_operator == (with_operator if folder.name == "production" else set())
    [container] = built["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["image"].rpartition("/")[2] == "id_card_detector:0.2.0"


def test_all_selectors_find_the_pods_and_no_others(objects: dict[str, Any]) -> None:
    template = objects["Deployment"]["spec"]["template"]
    assert template["metadata"]["labels"] == NAME
    assert objects["Deployment"]["spec"]["selector"]["matchLabels"] == NAME
    assert objects["Service"]["spec"]["selector"] == NAME
    assert objects["Service"]["metadata"]["labels"] == NAME
    assert objects["ServiceMonitor"]["spec"]["selector"]["matchLabels"] == NAME
    assert objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == NAME
    assert objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == NAME
    for constraint in template["spec"]["topologySpreadConstraints"]:
        assert constraint["labelSelector"]["matchLabels"] == NAME


def test_the_ports_agree(objects: dict[str, Any], pod: dict[str, Any]) -> None:
    [container] = pod["containers"]
    [port] = container["ports"]
    assert {container[probe]["httpGet"]["port"] for probe in PROBES} == {port["name"]}
    [served] = objects["Service"]["spec"]["ports"]
    assert served["targetPort"] == port["name"]
    [endpoint] = objects["ServiceMonitor"]["spec"]["endpoints"]
    assert endpoint["port"] == served["name"]
    assert int(endpoint["scrapeTimeout"].rstrip("s")) < int(endpoint["interval"].rstrip("s"))
    policy = objects["NetworkPolicy"]["spec"]
    assert [entry["port"] for rule in policy["ingress"] for entry in rule["ports"]] == [
        port["name"]
    ]
    assert (policy["policyTypes"], policy["egress"]) == (["Ingress", "Egress"], [])


def test_the_pods_may_do_no_more_than_they_need(
    objects: dict[str, Any], pod: dict[str, Any]
) -> None:
    # The API server refuses other pods in this namespace.
    labels = objects["Namespace"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    hardened(pod)
    assert pod["automountServiceAccountToken"] is False


def test_the_autoscaler_has_something_to_scale_and_to_measure(
    objects: dict[str, Any], pod: dict[str, Any]
) -> None:
    deployment, scaler = objects["Deployment"], objects["HorizontalPodAutoscaler"]["spec"]
    target = scaler["scaleTargetRef"]
    assert (target["apiVersion"], target["kind"]) == (deployment["apiVersion"], deployment["kind"])
    assert target["name"] == deployment["metadata"]["name"]
    assert 1 < scaler["minReplicas"] < scaler["maxReplicas"]
    assert "replicas" not in deployment["spec"], "each kubectl apply would set it back"
    [metric] = scaler["metrics"]
    [container] = pod["containers"]
    assert metric["containerResource"]["container"] == container["name"]
    assert metric["containerResource"]["name"] in container["resources"]["requests"]


def test_a_node_can_be_drained_and_an_update_can_move(objects: dict[str, Any]) -> None:
    budget = objects["PodDisruptionBudget"]["spec"]
    assert (budget["maxUnavailable"], "minAvailable" in budget) == (1, False)
    rolling = objects["Deployment"]["spec"]["strategy"]["rollingUpdate"]
    assert rolling == {"maxUnavailable": 0, "maxSurge": 1}


def test_quantities() -> None:
    values = {
        "250m": 0.25,
        2: 2,
        "768Mi": 768 * 2**20,
        "1k": 1000,
        "1e3": 1000,
        "1E": 1e18,
        ".5": 0.5,
    }
    assert [float(quantity(text)) for text in values] == list(values.values())


def test_the_readme_names_every_manifest() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for file in (*FOLDER.glob("base/*.yaml"), *FOLDER.glob("batch/*.yaml")):
        assert (
            file.stem == "kustomization" or file.name in readme or f"{file.parent.name}/" in readme
        )
