"""The webhook's rules about the number of pods: which autoscaler, by which metric, to which value.

Source: ``validateAutoScalingCompExtension`` and what it calls, in KServe's
``pkg/apis/serving/v1beta1/inference_service_validation.go``. Each is refused when applied.

Which rules count follows from two annotations. In Standard mode ``autoscalerClass`` says it: hpa
(Kubernetes' autoscaler) or keda, and without it nothing is looked at. In any other mode, also where
the mode is left to the cluster, it is Knative's autoscaler, unless Knative's own annotation
``autoscaling.knative.dev/class`` asks for the HPA.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.workbench.manifests import quantities
from services.workbench.manifests.documents import Document, field, mapping, sequence
from services.workbench.manifests.kserve.components import (
    AUTOSCALER,
    KNATIVE_CLASS,
    MODE,
    STANDARD,
    Component,
    Found,
    annotations_of,
    components,
    mode,
)

KPA, HPA, KEDA = "Knative's autoscaler", "HPA", "KEDA"
_KPA_METRICS, _HPA_METRICS = ("concurrency", "rps"), ("cpu", "memory")
_MEBIBYTE = 2**20


def autoscaler(document: Document) -> str | None:
    """Return the autoscaler whose rules the webhook applies; None if it applies none."""
    given = annotations_of(document)
    if mode(document) == STANDARD:
        return {"hpa": HPA, "keda": KEDA}.get(given.get(AUTOSCALER, ""))
    return HPA if given.get(KNATIVE_CLASS) == "hpa.autoscaling.knative.dev" else KPA


def _where(document: Document) -> str:
    return f" ({MODE} is not set; Knative's rules count)" if mode(document) is None else ""


def scale_metric(document: Document) -> Found:
    """Find metrics that this autoscaler cannot read.

    ``validateKPAMetrics``, ``validateHPAMetrics``, ``validateScalingKedaCompExtension``.
    """
    who = autoscaler(document)
    for part in components(document):
        given = part.body.get("scaleMetric")
        if given is None or who is None:
            continue
        if who == KEDA:
            hint = "is not for KEDA: name the metric under autoScaling.metrics"
            yield part.at("scaleMetric"), hint
        allowed = {KPA: _KPA_METRICS, HPA: _HPA_METRICS}.get(who)
        if allowed and given not in allowed:
            reason = f"{given!r} is no metric of {who}{_where(document)}: {' or '.join(allowed)}"
            yield part.at("scaleMetric"), reason


def scale_target(document: Document) -> Found:
    """Find targets out of range.

    ``validateScalingHPACompExtension`` takes per cent, 1 to 100, of the CPU and no more than 100
    of memory either; ``validateScalingKPACompExtension`` at least 1 request a second.
    """
    who = autoscaler(document)
    for part in components(document):
        target = part.body.get("scaleTarget")
        if target is None:
            continue
        if who == HPA and not (target <= 100 and target >= 1):
            yield part.at("scaleTarget"), f"is {target}; it is per cent, 1 to 100"
        if who == KPA and part.body.get("scaleMetric") == "rps" and target < 1:
            yield part.at("scaleTarget"), f"is {target}; the least is 1 request a second"


def rollout_strategy(document: Document) -> Found:
    """Find a deploymentStrategy without a Deployment: Knative makes revisions instead.

    ``validateScalingKPACompExtension``.
    """
    if autoscaler(document) == KPA:
        for part in components(document):
            if part.body.get("deploymentStrategy") is not None:
                reason = f"is for Standard mode only{_where(document)}"
                yield part.at("deploymentStrategy"), reason


def autoscaling_metrics(document: Document) -> Found:
    """Find metrics under autoScaling that are not whole, or not for this autoscaler.

    ``validateScalingHPACompExtension`` takes resources only;
    ``validateScalingKedaCompExtension`` resources, queries to a backend and pods' metrics.
    """
    who = autoscaler(document)
    for part in components(document):
        for index, metric in enumerate(sequence(part.body, "autoScaling", "metrics")):
            path = (*part.path, "autoScaling", "metrics", index)
            if who == HPA:
                yield from _hpa_metric(metric, path)
            if who == KEDA:
                yield from _keda_metric(metric, path)


def _hpa_metric(metric: Mapping[str, Any], path: tuple[str | int, ...]) -> Found:
    if metric["type"] != "Resource":
        yield field(*path, "type"), f"{metric['type']!r} is not for the HPA, which takes Resource"
    elif metric.get("resource") is None:
        yield field(*path, "resource"), "is missing, and type is Resource"


def _keda_metric(metric: Mapping[str, Any], path: tuple[str | int, ...]) -> Found:
    keys = {"Resource": "resource", "External": "external", "PodMetric": "podmetric"}
    key = keys.get(metric["type"])
    if key is None:
        return  # the types tell of that
    body = metric.get(key)
    if body is None:
        yield field(*path, key), f"is missing, and type is {metric['type']}"
        return
    target, place = mapping(body, "target"), (*path, key, "target")
    if key == "resource":
        yield from _resource_target(str(body.get("name")), target, place)
    else:
        if not mapping(body, "metric").get("query"):
            yield field(*path, key, "metric", "query"), "is missing: what is to be asked"
        if target.get("value") is None:
            yield field(*place, "value"), "is missing: the threshold to scale at"
    yield from _whole_target(target, place)


def _resource_target(name: str, target: Mapping[str, Any], path: tuple[str | int, ...]) -> Found:
    kind = target.get("type")
    allowed = {"cpu": ("Utilization",), "memory": ("AverageValue", "Utilization")}.get(name, ())
    if allowed and kind not in allowed:
        yield field(*path, "type"), f"{kind!r} is not for {name}: {' or '.join(allowed)}"
    amount = target.get("averageValue")
    if (name, kind) == ("memory", "AverageValue") and amount is not None and _small(amount):
        yield field(*path, "averageValue"), f"is {amount}, less than 1Mi"


def _small(amount: str | int) -> bool:
    return quantities.parse(amount) < _MEBIBYTE


def _whole_target(target: Mapping[str, Any], path: tuple[str | int, ...]) -> Found:
    """Find targets whose type names a value that is not there (``validateScaleTarget``)."""
    key = {
        "Utilization": "averageUtilization",
        "AverageValue": "averageValue",
        "Value": "value",
    }.get(str(target.get("type")))
    if key is None or (key == "value" and target.get("value") is None):
        return  # the types, or the rule about the threshold, tell of that
    value = target.get(key)
    if value is None:
        yield field(*path, key), f"is missing, and type is {target['type']}"
    elif key == "averageUtilization" and not 1 <= value <= 100:
        yield field(*path, key), f"is {value}; it is per cent, 1 to 100"


def idle_at_zero(document: Document) -> Found:
    """Find a least number of 0 pods where nobody would wake the first.

    Source: pkg/controller/v1beta1/inferenceservice/reconcilers/hpa/hpa_reconciler.go, which makes
    1 of it. Only Knative holds a request until a pod is there.
    """
    if mode(document) == STANDARD and autoscaler(document) != KEDA:
        for part in components(document):
            if part.body.get("minReplicas") == 0:
                yield part.at("minReplicas"), "is 0; in Standard mode the HPA keeps one pod"


def unread_metric(document: Document) -> Found:
    """Find metrics that an autoscaler reads which is not there.

    In Standard mode without autoscalerClass the webhook looks at nothing and takes it. KServe then
    makes an HPA (``DefaultAutoscalerClass`` in pkg/constants/constants.go), which reads CPU and
    memory only, and leaves the rest out (``getHPAMetrics`` in reconcilers/hpa/hpa_reconciler.go).
    """
    given = annotations_of(document).get(AUTOSCALER)
    if mode(document) != STANDARD or given in ("hpa", "keda"):
        return
    for part in components(document):
        metric = part.body.get("scaleMetric")
        if metric in _KPA_METRICS:
            reason = f"{metric!r} is read by Knative's autoscaler; in Standard mode there is none"
            yield part.at("scaleMetric"), reason
        if _has_unread(part, given):
            reason = f"no autoscaler reads it: {AUTOSCALER} is {given or 'not set'}"
            yield part.at("autoScaling"), reason


def _has_unread(part: Component, given: str | None) -> bool:
    kinds = {metric.get("type") for metric in sequence(part.body, "autoScaling", "metrics")}
    return bool(kinds - {"Resource"}) or (bool(kinds) and given in ("none", "external"))


RULES = (scale_metric, scale_target, rollout_strategy, autoscaling_metrics, unread_metric)
ADVICE = (idle_at_zero,)
