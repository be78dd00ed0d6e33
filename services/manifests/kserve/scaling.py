"""Autoscaling, the deployment mode, and canaries.

Source: ``validateAutoScalingCompExtension`` and ``validateCanarySpecs`` in
``inference_service_validation.go``. In Standard mode the annotation ``autoscalerClass`` names the
autoscaler: hpa (Kubernetes' own) or keda; without it nothing is validated. In any other mode, also
where the cluster's default decides, it is Knative's. In Knative mode a canary is the next revision
(``canaryTrafficPercent``), in Standard mode a Deployment of its own (``spec.canary``).
"""

from __future__ import annotations

from typing import Any

from services.manifests.documents import Document, mapping, sequence
from services.manifests.kserve.objects import (
    AUTOSCALER,
    CONTAINER,
    GRAPH,
    ISVC,
    KNATIVE,
    MODE,
    OLD_MODES,
    STANDARD,
    Found,
    Part,
    annotation,
    mode,
    pods,
    predictors,
    rule,
)

KPA, HPA, KEDA = "Knative's autoscaler", "the HPA", "KEDA"
_METRICS = {KPA: ("concurrency", "rps"), HPA: ("cpu", "memory")}
_KEYS = {"Resource": "resource", "External": "external", "PodMetric": "podmetric"}


def _autoscaler(document: Document) -> str:
    if mode(document) == STANDARD:
        return {"hpa": HPA, "keda": KEDA}.get(annotation(document, AUTOSCALER), "")
    knative = annotation(document, "autoscaling.knative.dev/class")
    return HPA if knative == "hpa.autoscaling.knative.dev" else KPA


@rule(ISVC)
def autoscaler_class(document: Document, _: Any) -> Found:
    """Find autoscalers that KServe does not know."""
    given = annotation(document, AUTOSCALER)
    if given not in ("", "hpa", "external", "keda", "none"):
        reason = f"{given!r} is not one of hpa, external, keda, none"
        yield f"metadata.annotations.{AUTOSCALER}", reason


@rule(ISVC)
def scale_metric(document: Document, _: Any) -> Found:
    """Find metrics, targets and strategies that are not for this autoscaler."""
    who = _autoscaler(document)
    unset = "" if mode(document) else f" ({MODE} is not set, so Knative's rules apply)"
    for part in (one for one in pods(document) if "canary" not in one.path):
        metric, target = part.body.get("scaleMetric"), part.body.get("scaleTarget", 1)
        if metric and who == KEDA:
            yield part.at("scaleMetric"), "is not for KEDA; name it under autoScaling.metrics"
        elif metric and who and metric not in _METRICS[who]:
            choice = " or ".join(_METRICS[who])
            yield part.at("scaleMetric"), f"{who} cannot read {metric!r}{unset}; write {choice}"
        if (target < 1 and (who == HPA or metric == "rps")) or (target > 100 and who == HPA):
            bounds = "a percentage from 1 to 100" if who == HPA else "1 request per second or more"
            yield part.at("scaleTarget"), f"is {target}; it must be {bounds}"
        if who == KPA and "deploymentStrategy" in part.body:
            yield part.at("deploymentStrategy"), f"is for Standard mode only{unset}; remove it"


@rule(ISVC)
def autoscaling_metrics(document: Document, _: Any) -> Found:
    """Find metrics under autoScaling that are incomplete, or not for this autoscaler."""
    who = _autoscaler(document)
    for part in pods(document) if who in (HPA, KEDA) else ():
        scaling = Part((*part.path, "autoScaling"), mapping(part.body, "autoScaling"))
        for metric in scaling.items("metrics"):
            kind = metric.body["type"]
            key = _KEYS.get(kind, "resource")
            if who == HPA and kind != "Resource":
                yield metric.at("type"), f"{kind!r} is not for the HPA; write Resource"
            elif key not in metric.body:
                yield metric.at(key), f"is missing, and type is {kind}"
            elif kind != "Resource" and "value" not in mapping(metric.body, key, "target"):
                yield metric.at(key, "target", "value"), "is missing: the threshold to scale at"
            elif not 1 <= mapping(metric.body, key, "target").get("averageUtilization", 1) <= 100:
                place = metric.at(key, "target", "averageUtilization")
                yield place, "is out of range; it must be a percentage from 1 to 100"


@rule(ISVC, GRAPH, warning=True)
def deployment_mode(document: Document, _: Any) -> Found:
    """Find a deployment mode that is missing, unknown or has an old name.

    Each mode takes different fields, so a manifest is right for one of them only. KServe silently
    replaces an unknown mode with the cluster's default.
    """
    given, place = annotation(document, MODE), f"metadata.annotations.{MODE}"
    if not given:
        yield place, f"is missing, so the cluster's default decides; set {STANDARD} or {KNATIVE}"
    elif given in OLD_MODES:
        yield place, f"{given!r} is the old name; write {OLD_MODES[given]}"
    elif given not in (STANDARD, KNATIVE, "ModelMesh"):
        yield place, f"{given!r} is not one of {STANDARD}, {KNATIVE}, ModelMesh"


@rule(ISVC, warning=True)
def canary_traffic(document: Document, _: Any) -> Found:
    """Find a canary's share of the traffic in Standard mode, where nothing reads the field."""
    for part in pods(document):
        if "canaryTrafficPercent" in part.body and mode(document) == STANDARD:
            reason = "is read in Knative mode only; in Standard mode all traffic goes to the new "
            yield part.at("canaryTrafficPercent"), f"{reason}version at once. Write spec.canary"


@rule(ISVC)
def canary_mode(document: Document, _: Any) -> Found:
    """Find ``spec.canary`` outside Standard mode, or beside a model that KServe cannot see."""
    stable, *canaries = predictors(document)
    if not canaries:
        return
    if mode(document) != STANDARD:
        given = mode(document) or "not set"
        reason = f"is for Standard mode, and {MODE} is {given}; in Knative mode, write "
        yield "spec.canary", f"{reason}spec.predictor.canaryTrafficPercent"
    boxes = [box for box in stable.items("containers") if box.body["name"] == CONTAINER]
    known = stable.framework and stable.framework.body.get("storageUri")
    if not ("model" in stable.body or known or (boxes and boxes[0].env("STORAGE_URI"))):
        reason = "takes no canary: KServe knows of no model here. Write model, or storageUri, or "
        yield "spec.predictor", f"{reason}the variable STORAGE_URI in a container of your own"


@rule(ISVC)
def canary_predictor(document: Document, _: Any) -> Found:
    """Find canaries that lack their own name, are scaled, or are larger than the predictor."""
    stable, *canaries = predictors(document)
    seen, least = {stable.body.get("name")}, stable.body.get("minReplicas", 1)
    for part in canaries:
        name, replicas = part.body.get("name"), part.body.get("minReplicas", 0)
        if not name:
            yield part.at("name"), "is required but missing: the name of the canary's Deployment"
        elif name in seen:
            yield part.at("name"), f"{name!r} is taken by the predictor or another canary"
        seen.add(name)
        for key in ("scaleTarget", "scaleMetric", "autoScaling", "workerSpec", "maxReplicas"):
            if part.body.get(key):
                yield part.at(key), "is not for a canary: its number of pods is fixed; remove it"
        if replicas > least:
            yield part.at("minReplicas"), f"is {replicas}, above the predictor's own, {least}"
    total = sum(one["trafficPercent"] for one in sequence(document.body, "spec", "canary"))
    if total > 100:
        yield "spec.canary", f"trafficPercent adds up to {total}; the maximum is 100"
