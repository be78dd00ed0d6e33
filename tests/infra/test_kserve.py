"""KServe's manifests: valid without a warning, built by Kustomize, and right about one another."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.environment import ROOT
from services.manifests import Document, check, check_paths
from services.manifests.kserve.pods import PROBES
from tests.infra.kserve_manifests import FILES, FOLDER, OVERLAYS, everything, named
from tests.infra.manifests import hardened

MODE = "serving.kserve.io/deploymentMode"


def components() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each service and each runtime with what becomes a pod in it."""
    for body in everything():
        if body["kind"] == "ServingRuntime":
            yield body, body["spec"]
        if body["kind"] == "InferenceService":
            parts = [body["spec"][k] for k in ("predictor", "transformer") if k in body["spec"]]
            yield from ((body, part) for part in parts if "containers" in part)


def test_they_are_accepted_without_a_warning() -> None:
    assert check([Document("test", 1, body) for body in everything()]) == []


@pytest.mark.parametrize("folder", OVERLAYS, ids=lambda path: path.name)
def test_kustomize_builds_each_overlay(folder: Path, needs: Callable[[str], None]) -> None:
    needs("kubectl")
    report = check_paths([str(folder)])
    assert (report.findings, report.unread) == ([], [])
    names = {document.name for document in report.documents}
    assert names >= {"id-card", "id-card-bento", "recommender", "id-card-ensemble", "serving"}
    in_cloud = {"id-card-concurrency", "recommender-rps", "id-card-keda", "model-storage"}
    assert names & in_cloud == (in_cloud if folder.name == "cloud" else set())
    assert {document.namespace for document in report.documents} == {
        "default",
        "serving-labs-kserve",
    }


def test_each_says_its_mode_and_its_pods_may_do_no_more_than_they_need() -> None:
    for body in everything():
        if body["kind"] in ("InferenceService", "InferenceGraph"):
            assert body["metadata"]["annotations"][MODE] in ("Standard", "Knative")
    for body, part in components():
        hardened(part)
        [container] = part["containers"]
        assert container["name"] == "kserve-container"
        assert container["image"].endswith(":0.2.0")
        assert container.keys() >= set(PROBES), body["metadata"]["name"]


def test_the_ports_agree() -> None:
    for body, part in components():
        [container] = part["containers"]
        [port] = container["ports"]
        assert {container[probe]["httpGet"]["port"] for probe in PROBES} == {port["containerPort"]}
        served = [one for one in container.get("args", ()) if one.startswith("--http_port=")]
        assert served in ([], [f"--http_port={port['containerPort']}"]), body["metadata"]["name"]


def test_knative_would_take_its_services() -> None:
    """Its webhook (k8s_validation.go) refuses these fields, and ports with names of their own."""
    for body, part in components():
        if body["metadata"].get("annotations", {}).get(MODE) != "Knative":
            continue
        assert (
            not {"terminationGracePeriodSeconds", "securityContext", "nodeSelector"} & part.keys()
        )
        [container] = part["containers"]
        assert not {"lifecycle", "stdin", "tty"} & container.keys()
        assert not any("valueFrom" in variable for variable in container["env"])
        assert "name" not in container["ports"][0]


def test_the_recommender_has_its_runtime() -> None:
    bodies = everything()
    [runtime] = [body for body in bodies if body["kind"] == "ServingRuntime"]
    spec = runtime["spec"]
    for name in ("recommender", "recommender-rps", "recommender-canary"):
        model = named(bodies, name)["spec"]["predictor"]["model"]
        assert model["runtime"] == runtime["metadata"]["name"]
        assert model["protocolVersion"] in spec["protocolVersions"]
        assert model["modelFormat"].items() <= spec["supportedModelFormats"][0].items()


def test_the_network_is_closed_but_for_what_is_needed() -> None:
    policies = {
        body["metadata"]["name"]: body["spec"]
        for body in everything()
        if body["kind"] == "NetworkPolicy"
    }
    assert policies.keys() == {"serving", "model-storage", "knative"}
    serving = policies["serving"]
    assert (serving["podSelector"], serving["policyTypes"]) == ({}, ["Ingress", "Egress"])
    [into] = serving["ingress"]
    open_ports = {entry["port"] for entry in into["ports"]}
    ports = {part["containers"][0]["ports"][0]["containerPort"] for _, part in components()}
    assert ports <= open_ports == {8080, 8081, 3000}
    # Out: to pods of this namespace at the same ports, and to the cluster's DNS. Nothing else.
    within, dns = serving["egress"]
    assert within == {"to": [{"podSelector": {}}], "ports": into["ports"]}
    assert {(entry["port"], entry["protocol"]) for entry in dns["ports"]} == {
        (53, "UDP"),
        (53, "TCP"),
    }
    # A bucket is asked for by services that have a storageUri in it, and by no others.
    [selector] = policies["model-storage"]["podSelector"]["matchExpressions"]
    fetching = {
        body["metadata"]["name"]
        for body in everything()
        if body["kind"] == "InferenceService"
        and "s3://" in str(body["spec"]["predictor"].get("model", ""))
    }
    assert set(selector["values"]) == fetching
    assert [
        entry["port"] for rule in policies["model-storage"]["egress"] for entry in rule["ports"]
    ] == [443]


def test_the_script_and_the_workflow_can_be_read() -> None:
    script = FOLDER / "try-on-kind.sh"
    subprocess.run(["sh", "-n", str(script)], check=True)
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "kserve.yml").read_text("utf-8"))
    steps = workflow["jobs"]["kind"]["steps"]
    assert "infra/kserve/try-on-kind.sh" in [step.get("run") for step in steps]
    for action in (step["uses"] for step in steps if "uses" in step):
        assert len(action.partition("@")[2]) == 40, f"{action}: a tag can be moved, a commit cannot"
    default = workflow[True]["workflow_dispatch"]["inputs"]["kserve-version"]["default"]  # "on:"
    assert f"KSERVE_VERSION:={default}" in script.read_text(encoding="utf-8")
    # The types that we check by are those of the release that would be installed.
    assert default == f"v{version('kserve')}"


def test_the_readme_names_every_manifest() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for file in FILES:
        assert file.name in readme or f"`{file.parent.name}/`" in readme, file.name
