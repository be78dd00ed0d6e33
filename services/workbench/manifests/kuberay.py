"""RayJob, KubeRay's kind for a job that gets a Ray cluster for as long as it runs.

Source: the KubeRay operator's Go types, group ``ray.io/v1`` (``rayjob_types.go`` and
``raycluster_types.go``), and the operator's own validation of a RayJob. ``status`` is left out: the
operator writes it. Pods within are held against Kubernetes' own types and our rules for pods.
"""

# ruff: noqa: N815 - the fields bear the API's names
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from services.workbench.manifests import core_kinds, pod_rules
from services.workbench.manifests.bundle import Bundle, Finding
from services.workbench.manifests.documents import Document, Fault, field, mapping, sequence
from services.workbench.manifests.typed import ObjectMeta, Strict, checker

SOURCE = "KubeRay, ray-operator/apis/ray/v1"
VALIDATION = "KubeRay, validation of a RayJob"

Count = Annotated[int, Field(ge=0)]
Name = Annotated[str, StringConstraints(min_length=1)]
PodTemplate = dict[str, Any]
"""Checked apart, against Kubernetes' own types."""


class AutoscalerOptions(Strict):
    """Ray's own autoscaler, in a container beside the head."""

    resources: dict[str, Any] | None = None
    image: str | None = None
    imagePullPolicy: Literal["Always", "IfNotPresent", "Never"] | None = None
    env: list[dict[str, Any]] | None = None
    envFrom: list[dict[str, Any]] | None = None
    volumeMounts: list[dict[str, Any]] | None = None
    securityContext: dict[str, Any] | None = None
    idleTimeoutSeconds: Count | None = None
    upscalingMode: Literal["Default", "Aggressive", "Conservative"] | None = None


class HeadGroup(Strict):
    """The pod that leads the cluster."""

    rayStartParams: dict[str, str]
    template: PodTemplate
    serviceType: Literal["ClusterIP", "NodePort", "LoadBalancer"] | None = None
    headService: dict[str, Any] | None = None
    enableIngress: bool | None = None


class ScaleStrategy(Strict):
    """Which workers are to go first."""

    workersToDelete: list[str] | None = None
    multihostReplicasToDelete: list[str] | None = None


class WorkerGroup(Strict):
    """Pods of one kind that compute."""

    groupName: Name
    rayStartParams: dict[str, str]
    template: PodTemplate
    replicas: Count | None = None
    minReplicas: Count | None = None
    maxReplicas: Count | None = None
    numOfHosts: Annotated[int, Field(ge=1)] | None = None
    scaleStrategy: ScaleStrategy | None = None


class RayClusterSpec(Strict):
    """The cluster that the job gets."""

    headGroupSpec: HeadGroup
    workerGroupSpecs: list[WorkerGroup] | None = None
    rayVersion: str | None = None
    enableInTreeAutoscaling: bool | None = None
    autoscalerOptions: AutoscalerOptions | None = None
    headServiceAnnotations: dict[str, str] | None = None
    suspend: bool | None = None


class DeletionPolicy(Strict):
    """What goes when the job has ended."""

    policy: Literal["DeleteCluster", "DeleteWorkers", "DeleteSelf", "DeleteNone"]


class DeletionStrategy(Strict):
    """The same, by how it ended."""

    onSuccess: DeletionPolicy
    onFailure: DeletionPolicy


class SubmitterConfig(Strict):
    """The Kubernetes Job that hands the job in."""

    backoffLimit: Count | None = None


class RayJobSpec(Strict):
    """A command, and the cluster for it."""

    entrypoint: Name
    rayClusterSpec: RayClusterSpec | None = None
    clusterSelector: dict[str, str] | None = None
    submissionMode: Literal["K8sJobMode", "HTTPMode", "InteractiveMode"] | None = None
    submitterPodTemplate: PodTemplate | None = None
    submitterConfig: SubmitterConfig | None = None
    activeDeadlineSeconds: Annotated[int, Field(ge=1)] | None = None
    backoffLimit: Count | None = None
    shutdownAfterJobFinishes: bool | None = None
    ttlSecondsAfterFinished: Count | None = None
    deletionStrategy: DeletionStrategy | None = None
    entrypointNumCpus: int | float | None = None
    entrypointNumGpus: int | float | None = None
    entrypointResources: str | None = None
    runtimeEnvYAML: str | None = None
    jobId: str | None = None
    metadata: dict[str, str] | None = None
    managedBy: Literal["ray.io/kuberay-operator", "kueue.x-k8s.io/multikueue"] | None = None
    suspend: bool | None = None


class RayJob(Strict):
    """A command that runs on a Ray cluster of its own."""

    apiVersion: Literal["ray.io/v1"]
    kind: Literal["RayJob"]
    metadata: ObjectMeta
    spec: RayJobSpec


_types = checker(RayJob, SOURCE)
_POD_RULES: tuple[Callable[[Bundle], Iterator[Finding]], ...] = (
    pod_rules.pinned_image,
    pod_rules.runs_as_non_root,
)


def check(document: Document) -> Iterator[Fault]:
    """Yield the faults of a RayJob: its types first, then what only the whole can tell."""
    faults = list(_types(document))
    yield from faults or (*_validation(document.body["spec"]), *_pods(document))


def _validation(spec: Any) -> Iterator[Fault]:
    """Yield what the operator would refuse although each type is right."""
    if bool(spec.get("rayClusterSpec")) == bool(spec.get("clusterSelector")):
        reason = "give it, or a clusterSelector to an existing cluster; one of the two"
        yield Fault("spec.rayClusterSpec", reason, VALIDATION)
    if spec.get("ttlSecondsAfterFinished") and not spec.get("shutdownAfterJobFinishes"):
        reason = "counts only with shutdownAfterJobFinishes: true"
        yield Fault("spec.ttlSecondsAfterFinished", reason, VALIDATION)
    seen = set()
    for place, group in _groups(spec):
        if group["groupName"] in seen:
            reason = f"{group['groupName']!r} is another group's name"
            yield Fault(field(*place, "groupName"), reason, VALIDATION)
        seen.add(group["groupName"])
        low, high = group.get("minReplicas", 0), group.get("maxReplicas", 2**31 - 1)
        if not low <= group.get("replicas", low) <= high:
            reason = f"lies outside minReplicas {low} to maxReplicas {high}"
            yield Fault(field(*place, "replicas"), reason, VALIDATION)


def _groups(spec: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    for index, group in enumerate(sequence(spec, "rayClusterSpec", "workerGroupSpecs")):
        yield ("spec", "rayClusterSpec", "workerGroupSpecs", index), group


def _pods(document: Document) -> Iterator[Fault]:
    spec = document.body["spec"]
    head = ("spec", "rayClusterSpec", "headGroupSpec")
    places: list[tuple[tuple[str | int, ...], Any]] = [
        ((*head, "template"), mapping(spec, *head[1:], "template")),
        *(((*place, "template"), group["template"]) for place, group in _groups(spec)),
        (("spec", "submitterPodTemplate"), mapping(spec, "submitterPodTemplate")),
    ]
    for place, template in places:
        if template:
            yield from _pod(document, place, template)


def _pod(document: Document, place: tuple[str | int, ...], template: Any) -> Iterator[Fault]:
    """Check one pod as if it stood alone, and name its fields where they do stand."""
    name = {"metadata": {"name": "pod"}}
    alone = {"apiVersion": "v1", "kind": "PodTemplate", **name, "template": template}
    faults = list(core_kinds.check(Document(document.origin, document.line, alone)))
    if not faults:
        pod = {"apiVersion": "v1", "kind": "Pod", **name, "spec": template.get("spec", {})}
        bundle = Bundle([Document(document.origin, document.line, pod)])
        faults = [fault for rule in _POD_RULES for _, fault in rule(bundle)]
    for fault in faults:
        path = fault.path.removeprefix("template.")
        yield Fault(f"{field(*place)}.{path}", fault.reason, fault.rule)


KINDS: dict[tuple[str, str], Any] = {("ray.io/v1", "RayJob"): check}
"""API version and kind to the function that checks a document of it."""
