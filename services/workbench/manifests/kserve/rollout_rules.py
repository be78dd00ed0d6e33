"""Rules about the deployment mode and about canaries, of which each mode has its own kind.

In Knative mode a canary is the next revision of the same predictor: ``canaryTrafficPercent`` of
``spec.predictor`` says how much of the traffic it gets. In Standard mode there are no revisions. A
canary there is a Deployment of its own, described in ``spec.canary``, new in KServe 0.21.
"""

from __future__ import annotations

from services.workbench.manifests.documents import Document, mapping, sequence
from services.workbench.manifests.kserve.components import (
    KNATIVE,
    MODE,
    MODEL_MESH,
    OLD_MODES,
    STANDARD,
    Found,
    annotations_of,
    canaries,
    components,
    env,
    mode,
    predictor,
)

_MODES = (STANDARD, KNATIVE, MODEL_MESH)


def known_mode(document: Document) -> Found:
    """Find deployment modes that there are not.

    Source: ``GetDeploymentMode`` in pkg/controller/v1beta1/inferenceservice/utils/utils.go, which
    silently takes the cluster's default instead.
    """
    given = annotations_of(document).get(MODE)
    if given is not None and mode(document) not in _MODES:
        reason = f"{given!r} is not one of {', '.join(_MODES)}; the cluster's default would count"
        yield f"metadata.annotations.{MODE}", reason


def canary_traffic(document: Document) -> Found:
    """Find shares of the traffic that are no per cent, or that nobody reads.

    Source: ``createKnativeService`` in reconcilers/knative/ksvc_reconciler.go, the only reader of
    the field; Knative takes no share below 0 or above 100. In Standard mode the new pods simply
    replace the old ones, with all of the traffic.
    """
    for part in components(document):
        share = part.body.get("canaryTrafficPercent")
        if share is None:
            continue
        if not 0 <= share <= 100:
            yield part.at("canaryTrafficPercent"), f"is {share}; it is per cent, 0 to 100"
        if mode(document) == STANDARD:
            yield (
                part.at("canaryTrafficPercent"),
                "is read in Knative mode only: in Standard mode all traffic would go to the new "
                "version at once. Use spec.canary",
            )


def canary_mode(document: Document) -> Found:
    """Find ``spec.canary`` in another mode than Standard. Refused when applied.

    Source: ``validateCanarySpecs`` in v1beta1/inference_service_validation.go, as are the other
    rules here whose names begin so.
    """
    if sequence(document.body, "spec", "canary") and mode(document) != STANDARD:
        given = mode(document) or "not set"
        yield (
            "spec.canary",
            f"is for Standard mode only, and {MODE} is {given}. In Knative mode, use "
            "spec.predictor.canaryTrafficPercent",
        )


def canary_stable(document: Document) -> Found:
    """Find canaries beside a predictor whose model KServe does not know. Refused when applied."""
    part = predictor(document)
    if not sequence(document.body, "spec", "canary") or part.body.get("model") is not None:
        return
    container = part.framework
    uri = container.body.get("storageUri") if container else None
    if uri is None and container is None:
        found = [env(c, "STORAGE_URI") for c in part.containers if c.name == "kserve-container"]
        uri = found[0] if found else None
    if uri is None:
        yield (
            "spec.predictor",
            "takes no canary beside it: it has neither model nor storageUri (a container of your "
            "own: the variable STORAGE_URI)",
        )


def canary_name(document: Document) -> Found:
    """Find canaries without a name, or with one that is taken. Refused when applied."""
    seen = {predictor(document).body.get("name")}
    for part in canaries(document):
        name = part.body.get("name")
        if not name:
            yield part.at("name"), "is missing; the canary's Deployment bears it"
        elif name in seen:
            yield part.at("name"), f"{name!r} is taken, by the predictor or another canary"
        seen.add(name)


def canary_share(document: Document) -> Found:
    """Find canaries that take more than 100 per cent together. Refused when applied."""
    shares = [c.get("trafficPercent") or 0 for c in sequence(document.body, "spec", "canary")]
    if sum(shares) > 100:
        yield "spec.canary", f"trafficPercent is {sum(shares)} in sum; the most is 100"


def canary_replicas(document: Document) -> Found:
    """Find canaries that are scaled, or that are more pods than the predictor's least number.

    Refused when applied: a canary has a fixed number of pods.
    """
    least = predictor(document).body.get("minReplicas")
    least = 1 if least is None else least
    for part in canaries(document):
        for key in ("scaleTarget", "scaleMetric", "autoScaling", "workerSpec"):
            if part.body.get(key) is not None:
                what = "pods on several nodes" if key == "workerSpec" else "autoscaler"
                yield part.at(key), f"is not for a canary: it has no {what}"
        if (part.body.get("maxReplicas") or 0) > 0:
            yield part.at("maxReplicas"), "is not for a canary: its number of pods is fixed"
        replicas = part.body.get("minReplicas")
        if replicas is not None and replicas > least:
            reason = f"is {replicas}, above the predictor's own, {least}"
            yield part.at("minReplicas"), reason


def transformer_has_predictor(document: Document) -> Found:
    """Find transformers and explainers without a predictor to ask. Refused when applied."""
    spec = mapping(document.body, "spec")
    for kind in ("transformer", "explainer"):
        if spec.get(kind) is not None and spec.get("predictor") is None:
            yield f"spec.{kind}", "has no predictor to call; spec.predictor is missing"


def mode_is_set(document: Document) -> Found:
    """Find services that leave the deployment mode to the cluster.

    The two modes take other fields for canaries, other metrics, and other pods, so a manifest is
    right for one of them. See ``defaultDeploymentMode`` in config/configmap/inferenceservice.yaml.
    """
    if annotations_of(document).get(MODE) is None:
        reason = f"is missing: the cluster's default would count. Set {STANDARD} or {KNATIVE}"
        yield f"metadata.annotations.{MODE}", reason


def present_mode(document: Document) -> Found:
    """Find the deployment modes' old names, which the webhook writes anew.

    Source: ``DefaultInferenceService`` in v1beta1/inference_service_defaults.go.
    """
    given = annotations_of(document).get(MODE)
    if given in OLD_MODES:
        reason = f"{given!r} is the old name of {OLD_MODES[given]}"
        yield f"metadata.annotations.{MODE}", reason


def container_name(document: Document) -> Found:
    """Find a component's only container under another name, which KServe replaces.

    Source: ``Default`` in v1beta1/predictor_custom.go, transformer_custom.go and
    explainer_custom.go. A patch or ``kubectl logs -c`` by the given name would find nothing.
    """
    for part in (*components(document), *canaries(document)):
        for container in part.containers[:1]:
            alone = len(part.containers) == 1 or part.kind != "predictor"
            if alone and part.framework is None and container.name != "kserve-container":
                reason = f"{container.name!r} becomes kserve-container; call it that"
                yield container.at("name"), reason


def serving_container(document: Document) -> Found:
    """Find several containers of which none is the one that serves.

    Source: ``GetContainer`` in v1beta1/predictor_custom.go looks for it by its name. The webhook
    takes such a service, and the controller finds no container to run.
    """
    for part in (predictor(document), *canaries(document)):
        names = [container.name for container in part.containers]
        if part.framework is None and len(names) > 1 and "kserve-container" not in names:
            yield part.at("containers"), f"none is called kserve-container: {', '.join(names)}"


def component_name_length(document: Document) -> Found:
    """Find names with which those of the Services that KServe makes are too long.

    Source: ``PredictorServiceName`` and its kin in pkg/constants/constants.go add the component's
    kind; a Service's name is a DNS label of 63 characters at most.
    """
    for part in (*components(document), *canaries(document)):
        variant = part.body.get("name")
        name = f"{document.name}-{variant}-{part.kind}" if variant else ""
        name = name or f"{document.name}-{part.kind}"
        if len(name) > 63:
            reason = f"is too long: the Service {name} would have {len(name)} characters of 63"
            yield "metadata.name", reason
            return


RULES = (
    known_mode,
    canary_traffic,
    canary_mode,
    canary_stable,
    canary_name,
    canary_share,
    canary_replicas,
    transformer_has_predictor,
    serving_container,
    component_name_length,
)
ADVICE = (mode_is_set, present_mode, container_name)
