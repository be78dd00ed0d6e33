"""The batch's RayJob: its pods are valid and hardened, its command is one that the batch takes."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

import pytest

from services.environment import ROOT
from services.id_card import batch
from services.manifests import Document, check, check_paths, parse
from services.workbench.notebooks.checks import locked
from tests.infra.manifests import hardened

FOLDER = ROOT / "infra" / "kubernetes" / "batch"


@pytest.fixture(scope="module")
def job() -> dict[str, Any]:
    [document] = parse((FOLDER / "rayjob.yaml").read_text("utf-8"), "rayjob.yaml")
    return dict(document.body["spec"])


def test_kustomize_builds_it(needs: Callable[[str], None]) -> None:
    needs("kubectl")
    report = check_paths([str(FOLDER)])
    assert (report.errors, report.unread) == ([], [])
    # The types of KubeRay's own kind are not checked here; its operator would.
    assert [(one.document.kind, one.rule) for one in report.findings] == [("RayJob", "not-checked")]
    assert {document.namespace for document in report.documents} == {"serving-labs"}


def test_its_pods_are_valid(job: dict[str, Any]) -> None:
    cluster = job["rayClusterSpec"]
    claim = check_paths([str(FOLDER / "volume.yaml")]).documents[0].name
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        pod = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "pod"}}
        assert check([Document("test", 1, {**pod, "template": group["template"]})]) == []
        hardened(group["template"]["spec"])
        claims = [v.get("persistentVolumeClaim") for v in group["template"]["spec"]["volumes"]]
        assert {"claimName": claim} in claims
        # KubeRay takes text only: "0" is a value, 0 is an error.
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())


def test_it_ends(job: dict[str, Any]) -> None:
    # ttlSecondsAfterFinished counts only together with shutdownAfterJobFinishes.
    assert job["shutdownAfterJobFinishes"] is True
    assert job["ttlSecondsAfterFinished"] > 0
    assert job["submissionMode"] == "HTTPMode", "a Job's pod would be refused by the namespace"
    for group in job["rayClusterSpec"]["workerGroupSpecs"]:
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]


def test_its_command_is_one_that_the_batch_takes(
    job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but the cluster: the arguments are read, and the paths are those of the volume."""
    python, dash_m, module, *arguments = shlex.split(job["entrypoint"])
    assert (python, dash_m, module) == ("python", "-m", "services.id_card.batch")
    seen = {}

    def finish(_: object, args: Any, make: object) -> int:
        seen.update(vars(args))
        return 0

    monkeypatch.setattr(batch.command, "finish", finish)
    assert batch.main(arguments) == 0
    assert seen["engine"] == "ray"
    mounts = job["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"][0]
    mounted = {mount["mountPath"] for mount in mounts["volumeMounts"]}
    for name in ("folder", "out", "weights"):
        assert f"/{seen[name].parts[1]}" in mounted
    cores = 0
    for group in job["rayClusterSpec"]["workerGroupSpecs"]:
        [container] = group["template"]["spec"]["containers"]
        cores += group["replicas"] * int(container["resources"]["limits"]["cpu"])
    assert seen["workers"] == cores


def test_its_ray_is_the_locks(job: dict[str, Any]) -> None:
    assert job["rayClusterSpec"]["rayVersion"] == locked()["ray"]
