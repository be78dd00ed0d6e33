"""The batch's RayJob: accepted as it is, refused after small changes, and true to the command."""

from __future__ import annotations

import copy
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.environment import ROOT
from services.id_card import batch
from services.workbench.manifests.__main__ import main
from services.workbench.manifests.check import check
from services.workbench.manifests.documents import Document
from services.workbench.notebooks.checks import locked
from tests.infra.manifests import REMOVED

FOLDER = ROOT / "infra" / "kubernetes" / "batch"
FILES = ("rayjob.yaml", "volume.yaml")
CLUSTER = ("spec", "rayClusterSpec")
HEAD = (*CLUSTER, "headGroupSpec")
WORKERS = (*CLUSTER, "workerGroupSpecs", 0)
BOX = ("template", "spec", "containers", 0)


def body() -> dict[str, Any]:
    """Return the RayJob; YAML's aliases would make one pod of two, so each is copied."""
    text = (FOLDER / "rayjob.yaml").read_text(encoding="utf-8")
    made: dict[str, Any] = yaml.safe_load(text)
    cluster = made["spec"]["rayClusterSpec"]
    cluster["workerGroupSpecs"] = copy.deepcopy(cluster["workerGroupSpecs"])
    return made


def faults(changed: dict[str, Any]) -> list[str]:
    findings, _ = check([Document("test", 1, changed)])
    return [str(fault) for _, fault in findings]


def test_it_is_accepted() -> None:
    assert main([str(FOLDER / name) for name in FILES]) == 0
    assert faults(body()) == []


def test_kustomize_builds_it() -> None:
    from services.workbench.manifests import kustomize

    try:
        text = kustomize.build(FOLDER)
    except kustomize.NotRunError as error:
        pytest.skip(f"NOT RUN HERE: {error}")
    assert "kind: RayJob" in text


@pytest.mark.parametrize(
    ("path", "value", "place", "reason"),
    [
        (("spec", "entryPoint"), "x", "spec.entryPoint", "is entrypoint meant?"),
        (("spec", "entrypoint"), REMOVED, "spec.entrypoint", "required and missing"),
        (("spec", "entrypoint"), "", "spec.entrypoint", "at least 1 character"),
        (("spec", "submissionMode"), "HttpMode", "spec.submissionMode", "HTTPMode"),
        (("spec", "backoffLimit"), "3", "spec.backoffLimit", "valid integer"),
        (("spec", "backoffLimit"), -1, "spec.backoffLimit", "greater than or equal to 0"),
        (("spec", "activeDeadlineSeconds"), 0, "spec.activeDeadlineSeconds", "or equal to 1"),
        (("spec", "shutdownAfterJobFinishes"), "yes", "spec.shutdownAfterJob", "valid boolean"),
        (("spec", "shutdownAfterJobFinishes"), False, "spec.ttlSeconds", "counts only with"),
        (CLUSTER, REMOVED, "spec.rayClusterSpec", "one of the two"),
        (("spec", "clusterSelector"), {"a": "b"}, "spec.rayClusterSpec", "one of the two"),
        ((*CLUSTER, "workerGroups"), [], "spec.rayClusterSpec.workerGroups", "workerGroupSpecs"),
        ((*HEAD, "rayStartParams"), REMOVED, "headGroupSpec.rayStartParams", "missing"),
        ((*HEAD, "rayStartParams", "num-cpus"), 0, "rayStartParams.num-cpus", "valid string"),
        ((*HEAD, *BOX, "image"), "id_card_batch", "headGroupSpec.template.spec", "no version"),
        ((*HEAD, *BOX, "imgae"), "x", "headGroupSpec.template.spec.containers[0].imgae", "image"),
        ((*WORKERS, "replicas"), 3, "workerGroupSpecs[0].replicas", "outside minReplicas 2"),
        ((*WORKERS, "groupName"), REMOVED, "workerGroupSpecs[0].groupName", "missing"),
        ((*WORKERS, "minReplica"), 1, "workerGroupSpecs[0].minReplica", "is minReplicas meant?"),
        ((*WORKERS, *BOX, "name"), REMOVED, "workerGroupSpecs[0].template.spec", "missing"),
        (
            (*WORKERS, "template", "spec", "securityContext", "runAsNonRoot"),
            False,
            "workerGroupSpecs[0].template.spec",
            "may start as root",
        ),
        (("apiVersion",), "ray.io/v1alpha1", "apiVersion", "it is in ray.io/v1"),
    ],
)
def test_a_change_is_refused(
    path: tuple[str | int, ...], value: Any, place: str, reason: str
) -> None:
    changed = body()
    node: Any = changed
    for part in path[:-1]:
        node = node[part]
    if value is REMOVED:
        del node[path[-1]]
    else:
        node[path[-1]] = value

    found = faults(changed)

    assert [fault for fault in found if place in fault and reason in fault], found


def test_two_groups_of_one_name_are_refused() -> None:
    changed = body()
    groups = changed["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    groups.append(copy.deepcopy(groups[0]))
    assert "another group's name" in faults(changed)[0]


def test_its_command_is_one_that_the_batch_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but the cluster: the arguments are read, and the paths are those of the volume."""
    python, dash_m, module, *arguments = shlex.split(body()["spec"]["entrypoint"])
    assert (python, dash_m, module) == ("python", "-m", "services.id_card.batch")
    seen = {}

    def finish(_: object, args: Any, make: object) -> int:
        seen.update(vars(args))
        return 0

    monkeypatch.setattr(batch.command, "finish", finish)
    assert batch.main(arguments) == 0
    assert seen["engine"] == "ray"
    mounts = body()["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"][0]
    mounted = {mount["mountPath"] for mount in mounts["volumeMounts"]}
    for name in ("folder", "out", "weights"):
        assert f"/{seen[name].parts[1]}" in mounted
    cores = 0
    for group in body()["spec"]["rayClusterSpec"]["workerGroupSpecs"]:
        [container] = group["template"]["spec"]["containers"]
        cores += group["replicas"] * int(container["resources"]["limits"]["cpu"])
    assert seen["workers"] == cores


def test_its_ray_is_the_locks() -> None:
    assert body()["spec"]["rayClusterSpec"]["rayVersion"] == locked()["ray"]
