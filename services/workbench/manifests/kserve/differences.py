"""Where KServe's custom resource definitions say other than its Python SDK. The one place for it.

Compared field by field: ``kserve.models`` of release 0.21.0 with ``config/crd/full`` of the public
repository ``kserve/kserve`` at commit aaac4e29 (21 August 2026, shortly before that release),
and ``kubernetes.client.models`` of release 36 with what those definitions embed. No field of the
definitions is missing in the SDK. What is different:

- the SDK names no value of an enumeration, no pattern, no bound: :data:`LIMITS`;
- it has no class for some types that it names: :data:`SAME_AS`, :data:`MISSING`;
- it takes some names for optional that are required, and the other way round: :data:`REQUIRED`;
- it writes quantities as ``str`` in some places: :data:`TYPES`;
- it does not know which lists are keyed, so that no two items may be alike: :data:`KEYS`;
- it has fields that a component of that kind does not: :data:`DROPPED`.

It is also ahead in a few fields, which an older cluster drops: ``spec.tracing``,
``schedulingGroup``, ``userAnnotations``.
"""

from __future__ import annotations

from dataclasses import dataclass

SAME_AS: dict[str, str] = {
    "K8sIoApiAppsV1DeploymentStrategy": "V1DeploymentStrategy",
    "K8sIoApiAutoscalingV2HorizontalPodAutoscalerBehavior": "V2HorizontalPodAutoscalerBehavior",
}
"""A name without a class to the class of the package ``kubernetes`` that it means."""

QUANTITY = "quantity"
"""Our name for a type: a number or a text such as ``768Mi``."""

QUANTITIES = ("ResourceQuantity", "V1beta1MetricQuantity", QUANTITY)
INT_OR_TEXT = "int-or-text"

MISSING: dict[str, tuple[str, dict[str, tuple[str, bool]]]] = {
    # pkg/apis/serving/v1alpha1/servingruntime_types.go, WorkerSpec
    "V1alpha1WorkerSpec": (
        "V1alpha1ServingRuntimePodSpec",
        {"pipelineParallelSize": ("int", False), "tensorParallelSize": ("int", False)},
    ),
    # pkg/apis/serving/v1alpha1/local_model_node_types.go, LocalModelInfo
    "V1alpha1LocalModelInfo": (
        "",
        {
            "sourceModelUri": ("str", True),
            "modelName": ("str", True),
            "namespace": ("str", False),
            "serviceAccountName": ("str", False),
            "storage": ("V1alpha1LocalModelStorageSpec", False),
            "nodeGroup": ("str", False),
        },
    ),
}
"""A name without a class anywhere to the class it extends, and its fields: type, required."""

REQUIRED: dict[tuple[str, str], bool] = {
    ("V1alpha1SupportedModelFormat", "name"): True,
    ("V1beta1ModelFormat", "name"): True,
    ("V1beta1AuthenticationRef", "name"): True,
    ("V1beta1ARTExplainerSpec", "name"): False,
    ("V1beta1ARTExplainerSpec", "type"): False,
    # Not required in most places; where they are, the rule probe-port says so.
    ("V1HTTPGetAction", "port"): False,
    ("V1TCPSocketAction", "port"): False,
    ("V1PodOS", "name"): False,
}

TYPES: dict[tuple[str, str], str] = {
    ("V1ResourceRequirements", "limits"): f"dict(str, {QUANTITY})",
    ("V1ResourceRequirements", "requests"): f"dict(str, {QUANTITY})",
    ("V1VolumeResourceRequirements", "limits"): f"dict(str, {QUANTITY})",
    ("V1VolumeResourceRequirements", "requests"): f"dict(str, {QUANTITY})",
    ("V1PersistentVolumeSpec", "capacity"): f"dict(str, {QUANTITY})",
    ("V1ResourceFieldSelector", "divisor"): QUANTITY,
    ("V1EmptyDirVolumeSource", "sizeLimit"): QUANTITY,
    ("V2HPAScalingRules", "tolerance"): QUANTITY,
    ("V1HTTPGetAction", "port"): INT_OR_TEXT,
    ("V1TCPSocketAction", "port"): INT_OR_TEXT,
    ("V1RollingUpdateDeployment", "maxSurge"): INT_OR_TEXT,
    ("V1RollingUpdateDeployment", "maxUnavailable"): INT_OR_TEXT,
}

DROPPED: frozenset[tuple[str, str]] = frozenset(
    {
        ("V1beta1TransformerSpec", "ephemeralContainers"),
        ("V1beta1ExplainerSpec", "ephemeralContainers"),
    }
)


@dataclass(frozen=True)
class Limits:
    """What a value must keep to beyond its type; None and empty stand for no limit."""

    values: tuple[str, ...] = ()
    pattern: str = ""
    form: str = ""
    least: int | None = None
    most: int | None = None
    longest: int | None = None
    fewest: int = 0


_SCALE_METRIC = Limits(("cpu", "memory", "concurrency", "rps"))
_TARGET_TYPE = Limits(("Utilization", "Value", "AverageValue"))
_NOT_EMPTY = Limits(fewest=1)

LIMITS: dict[tuple[str, str], Limits] = {
    **{
        (f"V1beta1{component}Spec", field): limits
        for component in ("Predictor", "Transformer", "Explainer")
        for field, limits in (
            ("scaleMetric", _SCALE_METRIC),
            ("scaleMetricType", _TARGET_TYPE),
            ("storageUris", _NOT_EMPTY),
        )
    },
    ("V1beta1PredictorSpec", "name"): Limits(
        pattern=r"[a-z]([-a-z0-9]*[a-z0-9])?",
        form="small letters, digits and hyphens, a letter first",
    ),
    ("V1beta1StorageUri", "uri"): Limits(pattern=r"(?s).+", form="not empty"),
    ("V1beta1StorageUri", "mountPath"): Limits(
        pattern=r"(?s)/.*", form="an absolute path", longest=255
    ),
    ("V1beta1CanarySpec", "trafficPercent"): Limits(least=0, most=100),
    ("V1beta1LoggerSpec", "mode"): Limits(("all", "request", "response")),
    ("V1beta1MetricsSpec", "type"): Limits(("Resource", "External", "PodMetric")),
    ("V1beta1MetricTarget", "type"): _TARGET_TYPE,
    ("V1beta1ResourceMetricSource", "name"): Limits(("cpu", "memory")),
    ("V1beta1ExternalMetrics", "backend"): Limits(("prometheus", "graphite")),
    ("V1beta1PodMetrics", "backend"): Limits(("opentelemetry",)),
    ("V1alpha1InferenceRouter", "routerType"): Limits(
        ("Sequence", "Splitter", "Ensemble", "Switch")
    ),
    ("V1alpha1InferenceStep", "dependency"): Limits(("Soft", "Hard")),
    ("V1alpha1InferenceGraphSpec", "scaleMetric"): _SCALE_METRIC,
    ("V1alpha1SupportedModelFormat", "priority"): Limits(least=1),
    ("V1alpha1LocalModelCacheSpec", "nodeGroups"): _NOT_EMPTY,
    ("V1alpha1LocalModelNamespaceCacheSpec", "nodeGroups"): _NOT_EMPTY,
}
"""Class and field to what the definition says of it. An enumeration's values come first."""

KEYS: dict[str, tuple[str, ...]] = {
    "env": ("name",),
    "ports": ("containerPort", "protocol"),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "claims": ("name",),
    "resourceClaims": ("name",),
    "schedulingGates": ("name",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}
"""The lists that are maps (``x-kubernetes-list-type``) to what no two items may have in common."""

KEY_DEFAULTS: dict[str, str] = {"protocol": "TCP"}

LONG = frozenset(
    {
        *("activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerationSeconds"),
        *("expirationSeconds", "seconds", "timeout", "canaryTrafficPercent", "weight"),
        *("containerConcurrency", "runAsUser", "runAsGroup", "fsGroup", "supplementalGroups"),
        *("serverRead", "serverWrite", "serverIdle", "serviceClient", "memBufferBytes"),
        *("maxBatchSize", "maxLatency", "batchSize", "modelLoadingTimeoutMillis", "generation"),
        *("deletionGracePeriodSeconds", "runtimeManagementPort"),
    }
)
"""The whole numbers of 64 bits; all others have 32."""
