"""Rules about how many pods there are: autoscalers, disruption budgets, rolling updates."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from services.workbench.manifests.bundle import Bundle, Finding, Pod, listed, names_of
from services.workbench.manifests.documents import Document, Fault, field, lookup, mapping, sequence

_REPLICATED = ("Deployment", "StatefulSet", "ReplicaSet")


def autoscaler_target(bundle: Bundle) -> Iterator[Finding]:
    """Find autoscalers without a target: they scale nothing, and only their status tells."""
    for autoscaler in bundle.of("HorizontalPodAutoscaler"):
        if _target(bundle, autoscaler) is None:
            wanted = mapping(autoscaler.body, "spec", "scaleTargetRef")
            there = listed([f"{d.api_version} {d.kind} {d.name}" for d in bundle.of(*_REPLICATED)])
            reason = (
                f"there is no {wanted.get('apiVersion', '')} {wanted['kind']} {wanted['name']} in "
                f"namespace {autoscaler.namespace}; there is {there}"
            )
            key = "name" if wanted["kind"] in {d.kind for d in bundle.documents} else "kind"
            yield autoscaler, Fault(f"spec.scaleTargetRef.{key}", reason, "autoscaler-target")


def autoscaler_bounds(bundle: Bundle) -> Iterator[Finding]:
    """Find a least number of pods above the greatest, or below 1. Refused when applied."""
    for autoscaler in bundle.of("HorizontalPodAutoscaler"):
        least, most = _least(autoscaler), autoscaler.body["spec"]["maxReplicas"]
        if least > most:
            reason = f"{least} is above maxReplicas, {most}"
            yield autoscaler, Fault("spec.minReplicas", reason, "autoscaler-bounds")
        if least < 1:
            reason = f"is {least}; 0 takes a feature gate and a metric from outside"
            yield autoscaler, Fault("spec.minReplicas", reason, "autoscaler-bounds")


def autoscaler_owns_replicas(bundle: Bundle) -> Iterator[Finding]:
    """Find replicas that an autoscaler sets, too: each ``kubectl apply`` would set them back.

    See Kubernetes, "Horizontal Pod Autoscaling: Migrating Deployments and StatefulSets to
    horizontal autoscaling".
    """
    for autoscaler in bundle.of("HorizontalPodAutoscaler"):
        pod = _target(bundle, autoscaler)
        if pod is not None and lookup(pod.owner.body, "spec", "replicas") is not None:
            reason = (
                f"HorizontalPodAutoscaler {autoscaler.name} sets it; each apply would set it back. "
                "Leave it out"
            )
            yield pod.owner, Fault("spec.replicas", reason, "autoscaler-owns-replicas")


def autoscaler_metric(bundle: Bundle) -> Iterator[Finding]:
    """Find metrics in per cent of a request that nobody makes: nothing could be computed.

    See Kubernetes, "Horizontal Pod Autoscaling: How does a HorizontalPodAutoscaler work?".
    """
    rule = "autoscaler-metric"
    for autoscaler in bundle.of("HorizontalPodAutoscaler"):
        pod = _target(bundle, autoscaler)
        for path, resource, only in _metrics(autoscaler) if pod is not None else ():
            assert pod is not None
            measured = [c for c in pod.containers if only in (None, c.name)]
            if not measured:
                names = listed([c.name for c in pod.containers])
                reason = f"{names_of([pod])} has no container {only!r}; it has {names}"
                yield autoscaler, Fault(field(*path, "container"), reason, rule)
            for container in measured:
                resources = mapping(container.body, "resources")
                # A limit without a request is taken for the request, too.
                if resource not in {
                    *mapping(resources, "requests"),
                    *mapping(resources, "limits"),
                }:
                    reason = (
                        f"is a share of what is requested, and container {container.name} of "
                        f"{names_of([pod])} requests no {resource} "
                        f"({container.at('resources', 'requests', resource)} is missing)"
                    )
                    path_ = field(*path, "target", "averageUtilization")
                    yield autoscaler, Fault(path_, reason, rule)


def _metrics(
    autoscaler: Document,
) -> Iterator[tuple[tuple[str | int, ...], str, str | None]]:
    """Yield path, resource and container (None for all) of each metric in per cent."""
    spec = mapping(autoscaler.body, "spec")
    if autoscaler.api_version == "autoscaling/v1":
        yield ("spec",), "cpu", None
        return
    for index, metric in enumerate(sequence(spec, "metrics")):
        for key in ("resource", "containerResource"):
            if lookup(metric, key, "target", "type") == "Utilization":
                path = ("spec", "metrics", index, key)
                yield path, metric[key]["name"], metric[key].get("container")
    if not sequence(spec, "metrics"):
        yield ("spec", "metrics"), "cpu", None  # the API's default: 80 % of the CPU


def metric_is_whole(bundle: Bundle) -> Iterator[Finding]:
    """Find metrics whose type and body, or target and value, disagree. Refused when applied."""
    bodies = {
        "Resource": "resource",
        "ContainerResource": "containerResource",
        "Pods": "pods",
        "Object": "object",
        "External": "external",
    }
    values = {"Utilization": "averageUtilization", "AverageValue": "averageValue", "Value": "value"}
    for autoscaler in bundle.of("HorizontalPodAutoscaler"):
        for index, metric in enumerate(sequence(autoscaler.body, "spec", "metrics")):
            path = ("spec", "metrics", index)
            key = bodies.get(metric["type"])
            if key is None or not metric.get(key):
                reason = f"is {metric['type']!r}, and there is no {key or 'such type'}"
                yield autoscaler, Fault(field(*path, "type"), reason, "metric-is-whole")
                continue
            target = metric[key]["target"]
            wanted = values.get(target["type"])
            if wanted is None or target.get(wanted) is None:
                reason = f"is {target['type']!r}, and there is no {wanted or 'such type'}"
                where = field(*path, key, "target", "type")
                yield autoscaler, Fault(where, reason, "metric-is-whole")


def budget_lets_go(bundle: Bundle) -> Iterator[Finding]:
    """Find budgets that never let a pod go: they stop every drain of a node, every upgrade.

    See Kubernetes, "Specifying a Disruption Budget for your Application".
    """
    for budget in bundle.of("PodDisruptionBudget"):
        spec = mapping(budget.body, "spec")
        pods = bundle.selected_pods(budget, mapping(spec, "selector"))
        if not pods or not mapping(spec, "selector"):
            reason = "no pod has these labels; the budget protects nothing"
            yield budget, Fault("spec.selector", reason, "budget-lets-go")
        least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
        if least is not None and most is not None:
            reason = "is there beside minAvailable; the API takes one of the two"
            yield budget, Fault("spec.maxUnavailable", reason, "budget-lets-go")
        for key in ("minAvailable", "maxUnavailable"):
            if spec.get(key) is not None and _amount(spec[key], 1) is None:
                reason = f"{spec[key]!r} is neither a number nor a percentage"
                yield budget, Fault(f"spec.{key}", reason, "budget-lets-go")
        if most is not None and _amount(most, 1) == 0:
            reason = f"is {most}: no pod may ever be evicted, and no node drained"
            yield budget, Fault("spec.maxUnavailable", reason, "budget-lets-go")
        for pod in pods if least is not None else ():
            count = _count(bundle, pod)
            if count is not None and (_amount(least, count) or 0) >= count:
                reason = (
                    f"is {least}, and {names_of([pod])} may have no more than {count} pod(s): none "
                    "could be evicted, and no node drained. Use maxUnavailable: 1"
                )
                yield budget, Fault("spec.minAvailable", reason, "budget-lets-go")


def update_can_move(bundle: Bundle) -> Iterator[Finding]:
    """Find rolling updates that may take no pod away and add none. Refused when applied."""
    for deployment in bundle.of("Deployment"):
        rolling = mapping(deployment.body, "spec", "strategy", "rollingUpdate")
        amounts = {key: rolling.get(key, "25%") for key in ("maxUnavailable", "maxSurge")}
        path = "spec.strategy.rollingUpdate"
        for key, amount in amounts.items():
            if _amount(amount, 1) is None:
                reason = f"{amount!r} is neither a number nor a percentage"
                yield deployment, Fault(f"{path}.{key}", reason, "update-can-move")
        if all(_amount(amount, 1) == 0 for amount in amounts.values()):
            reason = "may not be 0 when maxSurge is 0"
            yield deployment, Fault(f"{path}.maxUnavailable", reason, "update-can-move")


def _amount(value: Any, count: int) -> int | None:
    """Return a number of pods, given as such or as a percentage (rounded up); None for neither."""
    if isinstance(value, int):
        return value
    share = re.fullmatch(r"(\d+)%", str(value), re.ASCII)
    return math.ceil(int(share[1]) * count / 100) if share else None


def _least(autoscaler: Document) -> int:
    least = lookup(autoscaler.body, "spec", "minReplicas")
    return 1 if least is None else int(least)


def _target(bundle: Bundle, autoscaler: Document) -> Pod | None:
    wanted = mapping(autoscaler.body, "spec", "scaleTargetRef")
    for pod in bundle.pods:
        owner = pod.owner
        if (owner.kind, owner.name, owner.namespace) == (
            wanted.get("kind"),
            wanted.get("name"),
            autoscaler.namespace,
        ) and owner.api_version == wanted.get("apiVersion", owner.api_version):
            return pod
    return None


def _count(bundle: Bundle, pod: Pod) -> int | None:
    """Return how many pods there are at least; None where the kind does not say."""
    if pod.owner.kind not in _REPLICATED:
        return None
    for autoscaler in bundle.of("HorizontalPodAutoscaler"):
        if _target(bundle, autoscaler) is pod:
            return _least(autoscaler)
    replicas = lookup(pod.owner.body, "spec", "replicas")
    return 1 if replicas is None else int(replicas)


RULES = (
    autoscaler_target,
    autoscaler_bounds,
    autoscaler_owns_replicas,
    autoscaler_metric,
    metric_is_whole,
    budget_lets_go,
    update_can_move,
)
