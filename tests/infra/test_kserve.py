"""KServe's manifests: accepted as they are, refused after any of many small changes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.environment import ROOT
from services.workbench.manifests import kserve
from services.workbench.manifests.__main__ import main
from services.workbench.manifests.check import verdicts
from services.workbench.manifests.kserve import sdk, set_rules
from services.workbench.manifests.rules import ADVICE_FOR_KSERVE
from tests.infra.kserve_manifests import (
    FILES,
    FOLDER,
    OVERLAYS,
    changed,
    everything,
    findings,
    named,
)
from tests.infra.manifests import REMOVED, set_field

MODE = 'metadata.annotations."serving.kserve.io/deploymentMode"'
CLASS = 'metadata.annotations."serving.kserve.io/autoscalerClass"'
AT_MODE = "metadata.annotations.serving.kserve.io/deploymentMode"
AT_CLASS = "metadata.annotations.serving.kserve.io/autoscalerClass"
BOX = "spec.predictor.containers[0]"
METRIC = "spec.predictor.autoScaling.metrics[0]"
CANARY = "spec.canary[0]"
SDK = sdk.source()

# The object's name, the field that is changed, its new value; then the field that is named, words
# of the message, and who says so.
Case = tuple[str, str, Any, str, str, str]

TYPES: list[Case] = [
    ("id-card", "apiVersion", "serving.kserve.io/v1", "apiVersion", "v1beta1", "api-version"),
    (
        "id-card",
        "apiVersion",
        "serving.kubeflow.org/v1beta1",
        "apiVersion",
        "v1beta1",
        "api-version",
    ),
    ("id-card", "kind", "InferenceServices", "kind", "no types of our own", "Kubernetes 1.35"),
    ("id-card", "spec.predictor", REMOVED, "spec.predictor", "required and missing", SDK),
    ("id-card", "spec.predictr", {}, "spec.predictr", "is predictor meant?", SDK),
    ("id-card", "spec.predictor.minReplica", 1, "spec.predictor.minReplica", "minReplicas", SDK),
    (
        "id-card",
        "spec.predictor.minReplicas",
        "1",
        "spec.predictor.minReplicas",
        "whole number",
        SDK,
    ),
    ("id-card", "spec.predictor.minReplicas", 2**31, "spec.predictor.minReplicas", "32 bits", SDK),
    ("id-card", "spec.predictor.minReplicas", 1.5, "spec.predictor.minReplicas", "got 1.5", SDK),
    ("id-card", "spec.predictor.minReplicas", True, "spec.predictor.minReplicas", "got True", SDK),
    ("id-card", "spec.predictor.containers", {}, "spec.predictor.containers", "be a list", SDK),
    ("id-card", BOX, "image", BOX, "a mapping of fields; got 'image'", SDK),
    ("id-card", f"{BOX}.name", REMOVED, f"{BOX}.name", "required and missing", SDK),
    ("id-card", f"{BOX}.image", 3, f"{BOX}.image", "a text; put it in quotes; got 3", SDK),
    ("id-card", f"{BOX}.argz", [], f"{BOX}.argz", "is args meant?", SDK),
    ("id-card", f"{BOX}.args[0]", 8080, f"{BOX}.args[0]", "put it in quotes; got 8080", SDK),
    (
        "id-card",
        f"{BOX}.env[1].value",
        True,
        f"{BOX}.env[1].value",
        "put it in quotes; got True",
        SDK,
    ),
    (
        "id-card",
        f"{BOX}.env[1].name",
        "SERVING_LABS_HOST",
        f"{BOX}.env[1].name",
        "is there twice",
        SDK,
    ),
    (
        "id-card",
        f"{BOX}.ports[1]",
        {"containerPort": 8080},
        f"{BOX}.ports[1].containerPort",
        "is there twice",
        SDK,
    ),
    (
        "id-card",
        f"{BOX}.ports[0].containerPort",
        "8080",
        f"{BOX}.ports[0].containerPort",
        "leave the quotes out",
        SDK,
    ),
    (
        "id-card",
        f"{BOX}.resources.limits.memory",
        "2GB",
        f"{BOX}.resources.limits.memory",
        "'2GB' is no quantity",
        SDK,
    ),
    (
        "id-card",
        f"{BOX}.resources.requests.cpu",
        0.5,
        f"{BOX}.resources.requests.cpu",
        "put it in quotes",
        SDK,
    ),
    (
        "id-card",
        f"{BOX}.livenessProbe.httpget",
        {},
        f"{BOX}.livenessProbe.httpget",
        "is httpGet meant?",
        SDK,
    ),
    (
        "id-card",
        f"{BOX}.livenessProbe.periodSeconds",
        "10s",
        f"{BOX}.livenessProbe.periodSeconds",
        "a whole number; got '10s'",
        SDK,
    ),
    (
        "id-card",
        f"{BOX}.securityContext.runAsNonRoot",
        "true",
        f"{BOX}.securityContext.runAsNonRoot",
        "true or false; got 'true'",
        SDK,
    ),
    (
        "id-card",
        "spec.predictor.scaleMetric",
        "gpu",
        "spec.predictor.scaleMetric",
        "'gpu' is not one of cpu, memory, concurrency, rps",
        SDK,
    ),
    (
        "id-card",
        "spec.predictor.logger",
        {"mode": "none"},
        "spec.predictor.logger.mode",
        "not one of all, request, response",
        SDK,
    ),
    (
        "id-card",
        "spec.predictor.storageUris",
        [],
        "spec.predictor.storageUris",
        "has 0 items; the least is 1",
        SDK,
    ),
    (
        "id-card",
        "spec.transformer",
        {"custom": {"container": {}}},
        "spec.transformer.custom",
        "unknown field",
        SDK,
    ),
    ("id-card", "spec.default", {}, "spec.default", "unknown field", SDK),
    (
        "id-card",
        "metadata.annotations.version",
        2,
        "metadata.annotations.version",
        "put it in quotes; got 2",
        SDK,
    ),
    (
        "recommender",
        "spec.predictor.model.modelFormat",
        "mlflow",
        "spec.predictor.model.modelFormat",
        "a mapping of fields; got 'mlflow'",
        SDK,
    ),
    (
        "recommender",
        "spec.predictor.model.modelFormat.name",
        REMOVED,
        "spec.predictor.model.modelFormat.name",
        "required and missing",
        SDK,
    ),
    (
        "recommender",
        "spec.predictor.model.modelFormat.version",
        3,
        "spec.predictor.model.modelFormat.version",
        "put it in quotes; got 3",
        SDK,
    ),
    (
        "recommender",
        "spec.predictor.model.storageURI",
        "s3://a/b",
        "spec.predictor.model.storageURI",
        "is storageUri meant?",
        SDK,
    ),
    (
        "recommender-canary",
        f"{CANARY}.trafficPercent",
        101,
        f"{CANARY}.trafficPercent",
        "is 101; the most is 100",
        SDK,
    ),
    (
        "recommender-canary",
        f"{CANARY}.trafficPercent",
        REMOVED,
        f"{CANARY}.trafficPercent",
        "required and missing",
        SDK,
    ),
    (
        "recommender-canary",
        f"{CANARY}.predictor.name",
        "New",
        f"{CANARY}.predictor.name",
        "small letters",
        SDK,
    ),
    ("id-card-keda", f"{METRIC}.type", "Pods", f"{METRIC}.type", "not one of Resource", SDK),
    (
        "id-card-keda",
        f"{METRIC}.external.metric.backend",
        "datadog",
        f"{METRIC}.external.metric.backend",
        "not one of prometheus, graphite",
        SDK,
    ),
    (
        "id-card-keda",
        f"{METRIC}.external.target.value",
        "five",
        f"{METRIC}.external.target.value",
        "is no quantity",
        SDK,
    ),
    (
        "id-card-hpa",
        "spec.predictor.deploymentStrategy.rollingUpdate.maxSurge",
        [1],
        "spec.predictor.deploymentStrategy.rollingUpdate.maxSurge",
        "a whole number or a text; got a list",
        SDK,
    ),
    (
        "recommender-runtime",
        "spec.containers",
        REMOVED,
        "spec.containers",
        "required and missing",
        SDK,
    ),
    (
        "recommender-runtime",
        "spec.supportedModelFormats[0].priority",
        0,
        "spec.supportedModelFormats[0].priority",
        "the least is 1",
        SDK,
    ),
    (
        "recommender-runtime",
        "spec.protocolVersions",
        "v2",
        "spec.protocolVersions",
        "a list; got 'v2'",
        SDK,
    ),
    ("id-card-split", "spec.nodes", REMOVED, "spec.nodes", "required and missing", SDK),
    (
        "id-card-split",
        "spec.nodes.root.routerType",
        "Random",
        "spec.nodes.root.routerType",
        "not one of Sequence, Splitter, Ensemble, Switch",
        SDK,
    ),
    (
        "id-card-split",
        "spec.nodes.root.routes",
        [],
        "spec.nodes.root.routes",
        "unknown field",
        SDK,
    ),
    (
        "id-card-split",
        "spec.nodes.root.steps[0].weight",
        "90",
        "spec.nodes.root.steps[0].weight",
        "leave the quotes out",
        SDK,
    ),
    (
        "id-card-ensemble",
        "spec.nodes.detectors.steps[0].dependency",
        "Firm",
        "spec.nodes.detectors.steps[0].dependency",
        "not one of Soft, Hard",
        SDK,
    ),
]

MULTI = {"containers": [{"name": "worker-container", "image": "a:1"}]}

RULES: list[Case] = [
    ("id-card", "metadata.name", "id.card", "metadata.name", "no name for an", "service-name"),
    ("id-card", "metadata.name", "1-card", "metadata.name", "a letter first", "service-name"),
    (
        "id-card",
        "metadata.name",
        "a" * 54,
        "metadata.name",
        "would have 64 characters of 63",
        "component-name-length",
    ),
    (
        "id-card",
        "spec.predictor.sklearn",
        {"storageUri": "s3://a/b"},
        "spec.predictor",
        "sklearn and containers[0] are there; a predictor takes exactly one",
        "one-implementation",
    ),
    (
        "recommender",
        "spec.predictor.pytorch",
        {},
        "spec.predictor",
        "pytorch and model are there",
        "one-implementation",
    ),
    (
        "id-card",
        "spec.predictor.containers",
        REMOVED,
        "spec.predictor",
        "nothing says what serves",
        "one-implementation",
    ),
    (
        "id-card-grey",
        "spec.transformer.containers",
        [],
        "spec.transformer",
        "nothing says what serves",
        "one-implementation",
    ),
    (
        "recommender",
        "spec.predictor.model.name",
        "mine",
        "spec.predictor.model.name",
        "KServe names the container itself",
        "no-container-name",
    ),
    (
        "recommender-canary",
        f"{CANARY}.predictor.model.name",
        REMOVED,
        f"{CANARY}.predictor.model.name",
        "required and missing",
        "canary-container-name",
    ),
    (
        "id-card",
        f"{BOX}.env[1].name",
        "PYTHONPATH",
        f"{BOX}.env[1].name",
        "may not be set",
        "blocked-environment",
    ),
    (
        "id-card-grey",
        "spec.transformer.containers[0].env[1].name",
        "PYTHONPATH",
        "spec.transformer.containers[0].env[1].name",
        "may not be set",
        "blocked-environment",
    ),
    (
        "id-card",
        f"{BOX}.env[1]",
        {"name": "PROTOCOL", "value": "grpc-v2"},
        f"{BOX}.env[1].value",
        "not one of v1, v2",
        "custom-protocol",
    ),
    (
        "id-card",
        "spec.predictor.containers[1]",
        {
            "name": "transformer-container",
            "image": "a:1",
            "env": [{"name": "STORAGE_URI", "value": "s3://a/b"}],
        },
        "spec.predictor.containers[1].env[0].value",
        "goes to the predictor's container",
        "collocated-storage",
    ),
    (
        "id-card",
        "spec.predictor.minReplicas",
        3,
        "spec.predictor.minReplicas",
        "is 3, above maxReplicas",
        "replica-bounds",
    ),
    (
        "id-card-grey",
        "spec.transformer.minReplicas",
        -1,
        "spec.transformer.minReplicas",
        "the least is 0",
        "replica-bounds",
    ),
    (
        "id-card",
        "spec.predictor.maxReplicas",
        -1,
        "spec.predictor.maxReplicas",
        "the least is 0",
        "replica-bounds",
    ),
    (
        "id-card",
        "spec.predictor.containerConcurrency",
        -1,
        "spec.predictor.containerConcurrency",
        "the least is 0",
        "concurrency-bound",
    ),
    (
        "id-card",
        "spec.predictor.logger",
        {"url": "http://log"},
        "spec.predictor.logger.mode",
        "one of all, request, response",
        "logger-mode",
    ),
    (
        "id-card",
        "spec.predictor.logger",
        {"mode": "all", "storage": {"path": "a"}},
        "spec.predictor.logger.storage.parameters",
        "is missing",
        "logger-mode",
    ),
    (
        "id-card",
        "spec.explainer",
        {"art": {"type": "SquareAttack", "storageUri": "gs://a/b", "storage": {"key": "k"}}},
        "spec.explainer.art.storageUri",
        "must begin with s3://",
        "explainer-storage",
    ),
    ("id-card-hpa", CLASS, "kpa", AT_CLASS, "not one of hpa, external", "autoscaler-class"),
    (
        "recommender",
        "metadata.annotations",
        {
            "serving.kserve.io/deploymentMode": "Standard",
            "serving.kserve.io/gpu-resource-types": "example.com/gpu",
        },
        "metadata.annotations.serving.kserve.io/gpu-resource-types",
        "no JSON array",
        "gpu-list",
    ),
    (
        "id-card-concurrency",
        "spec.predictor.scaleMetric",
        "cpu",
        "spec.predictor.scaleMetric",
        "no metric of Knative's autoscaler: concurrency or rps",
        "scale-metric",
    ),
    (
        "id-card-hpa",
        "spec.predictor.scaleMetric",
        "rps",
        "spec.predictor.scaleMetric",
        "no metric of HPA: cpu or memory",
        "scale-metric",
    ),
    (
        "id-card-keda",
        "spec.predictor.scaleMetric",
        "cpu",
        "spec.predictor.scaleMetric",
        "name the metric under autoScaling.metrics",
        "scale-metric",
    ),
    ("id-card-hpa", MODE, REMOVED, "spec.predictor.scaleMetric", "is not set", "scale-metric"),
    (
        "id-card-hpa",
        "spec.predictor.scaleTarget",
        101,
        "spec.predictor.scaleTarget",
        "1 to 100",
        "scale-target",
    ),
    (
        "recommender-rps",
        "spec.predictor.scaleTarget",
        0,
        "spec.predictor.scaleTarget",
        "the least is 1 request a second",
        "scale-target",
    ),
    (
        "id-card-concurrency",
        "spec.predictor.deploymentStrategy",
        {"type": "Recreate"},
        "spec.predictor.deploymentStrategy",
        "for Standard mode only",
        "rollout-strategy",
    ),
    (
        "id-card-hpa",
        "spec.predictor.autoScaling",
        {"metrics": [{"type": "External"}]},
        f"{METRIC}.type",
        "the HPA, which takes Resource",
        "autoscaling-metrics",
    ),
    (
        "id-card-keda",
        f"{METRIC}.external.metric.query",
        REMOVED,
        f"{METRIC}.external.metric.query",
        "what is to be asked",
        "autoscaling-metrics",
    ),
    (
        "id-card-keda",
        f"{METRIC}.external.target.value",
        REMOVED,
        f"{METRIC}.external.target.value",
        "the threshold to scale at",
        "autoscaling-metrics",
    ),
    (
        "id-card-keda",
        METRIC,
        {
            "type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Value", "value": "1"}},
        },
        f"{METRIC}.resource.target.type",
        "'Value' is not for cpu: Utilization",
        "autoscaling-metrics",
    ),
    (
        "id-card-keda",
        METRIC,
        {
            "type": "Resource",
            "resource": {
                "name": "memory",
                "target": {"type": "AverageValue", "averageValue": "1Ki"},
            },
        },
        f"{METRIC}.resource.target.averageValue",
        "less than 1Mi",
        "autoscaling-metrics",
    ),
    (
        "id-card",
        "spec.predictor.scaleMetric",
        "concurrency",
        "spec.predictor.scaleMetric",
        "in Standard mode there is none",
        "unread-metric",
    ),
    ("id-card-keda", CLASS, "none", "spec.predictor.autoScaling", "no autosc", "unread-metric"),
    ("id-card", MODE, "Kubernetes", AT_MODE, "not one of Standard, Knative", "known-mode"),
    ("id-card-split", MODE, "standard", AT_MODE, "not one of Standard", "known-mode"),
    (
        "id-card",
        "spec.predictor.canaryTrafficPercent",
        10,
        "spec.predictor.canaryTrafficPercent",
        "is read in Knative mode only",
        "canary-traffic",
    ),
    (
        "id-card-concurrency",
        "spec.predictor.canaryTrafficPercent",
        110,
        "spec.predictor.canaryTrafficPercent",
        "per cent, 0 to 100",
        "canary-traffic",
    ),
    ("recommender-canary", MODE, "Knative", "spec.canary", "canaryTraffic", "canary-mode"),
    ("recommender-canary", MODE, REMOVED, "spec.canary", "is not set", "canary-mode"),
    (
        "id-card",
        "spec.canary",
        [
            {
                "trafficPercent": 10,
                "predictor": {
                    "name": "new",
                    "containers": [{"name": "kserve-container", "image": "a:2"}],
                },
            }
        ],
        "spec.predictor",
        "takes no canary beside it",
        "canary-stable",
    ),
    (
        "recommender-canary",
        f"{CANARY}.predictor.name",
        REMOVED,
        f"{CANARY}.predictor.name",
        "is missing",
        "canary-name",
    ),
    (
        "recommender-canary",
        f"{CANARY}.predictor.name",
        "stable",
        f"{CANARY}.predictor.name",
        "is taken",
        "canary-name",
    ),
    (
        "recommender-canary",
        f"{CANARY}.predictor.scaleMetric",
        "cpu",
        f"{CANARY}.predictor.scaleMetric",
        "it has no autoscaler",
        "canary-replicas",
    ),
    (
        "recommender-canary",
        f"{CANARY}.predictor.maxReplicas",
        3,
        f"{CANARY}.predictor.maxReplicas",
        "its number of pods is fixed",
        "canary-replicas",
    ),
    (
        "recommender-canary",
        f"{CANARY}.predictor.minReplicas",
        3,
        f"{CANARY}.predictor.minReplicas",
        "above the predictor's own, 2",
        "canary-replicas",
    ),
    (
        "id-card",
        "spec.predictor.containers",
        [{"name": "first", "image": "a:1"}, {"name": "second", "image": "b:1"}],
        "spec.predictor.containers",
        "none is called kserve-container: first, second",
        "serving-container",
    ),
    (
        "recommender",
        "spec.predictor.storageUris",
        [{"uri": "s3://a/b"}],
        "spec.predictor.storageUris",
        "one of the two",
        "one-storage",
    ),
    (
        "id-card",
        "spec.predictor.storageUris",
        [{"uri": "s3://a", "mountPath": "/mnt/a"}, {"uri": "s3://b", "mountPath": "/opt/b"}],
        "spec.predictor.storageUris",
        "no common folder",
        "storage-mounts",
    ),
    (
        "id-card",
        "spec.predictor.storageUris",
        [{"uri": "s3://a/b", "mountPath": "/mnt/../etc"}],
        "spec.predictor.storageUris[0].mountPath",
        "has .. in it",
        "storage-mounts",
    ),
    (
        "recommender",
        "spec.predictor.model.confidential",
        {"enabled": True, "resourceId": "key"},
        "spec.predictor.model.confidential.resourceId",
        "is not kbs:///",
        "confidential-model",
    ),
    (
        "recommender",
        "spec.predictor.workerSpec",
        {**MULTI, "tensorParallelSize": 0},
        "spec.predictor.workerSpec.tensorParallelSize",
        "the least is 1",
        "several-nodes",
    ),
    (
        "recommender",
        "spec.predictor.workerSpec",
        MULTI,
        "spec.predictor.model.storageUri",
        "pvc:// or oci://",
        "several-nodes",
    ),
    (
        "id-card-concurrency",
        "spec.predictor.terminationGracePeriodSeconds",
        30,
        "spec.predictor.terminationGracePeriodSeconds",
        "refused by Knative",
        "knative-field",
    ),
    (
        "id-card-concurrency",
        f"{BOX}.lifecycle",
        {"preStop": {"sleep": {"seconds": 5}}},
        f"{BOX}.lifecycle",
        "refused by Knative",
        "knative-field",
    ),
    (
        "id-card-concurrency",
        f"{BOX}.ports[0].name",
        "http",
        f"{BOX}.ports[0].name",
        "not one of http1, h2c",
        "knative-port",
    ),
    (
        "id-card-concurrency",
        f"{BOX}.ports[1]",
        {"containerPort": 8081},
        f"{BOX}.ports[1]",
        "Knative takes one",
        "knative-port",
    ),
    (
        "id-card-concurrency",
        f"{BOX}.env[1].name",
        "PORT",
        f"{BOX}.env[1].name",
        "is set by Knative",
        "knative-environment",
    ),
    (
        "id-card-concurrency",
        "spec.predictor.containers[1]",
        {"name": "queue-proxy", "image": "a:1"},
        "spec.predictor.containers[1].name",
        "Knative's own container",
        "knative-reserved",
    ),
    (
        "id-card",
        f"{BOX}.readinessProbe.httpGet.port",
        REMOVED,
        f"{BOX}.readinessProbe.httpGet.port",
        "required and missing",
        "probe-port",
    ),
    (
        "recommender-runtime",
        "spec.containers[0].livenessProbe.httpGet.port",
        REMOVED,
        "spec.containers[0].livenessProbe.httpGet.port",
        "required and missing",
        "probe-port",
    ),
    (
        "recommender-runtime",
        "spec.containers[0].name",
        "server",
        "spec.containers",
        "none is called kserve-container: server",
        "runtime-container",
    ),
    (
        "recommender-runtime",
        "spec.containers[0].env[1].name",
        "PYTHONPATH",
        "spec.containers[0].env[1].name",
        "may not be set",
        "runtime-environment",
    ),
    (
        "recommender-runtime",
        "spec.protocolVersions[0]",
        "v3",
        "spec.protocolVersions[0]",
        "not one of v1, v2, grpc-v1, grpc-v2",
        "known-protocol",
    ),
    (
        "recommender-runtime",
        "spec.supportedModelFormats",
        [
            {"name": "mlflow", "version": "3", "autoSelect": True, "priority": 1},
            {"name": "mlflow", "version": "2", "autoSelect": True, "priority": 2},
        ],
        "spec.supportedModelFormats[1].priority",
        "is 2, and 1 for mlflow before",
        "format-priority",
    ),
    (
        "recommender-runtime",
        "spec.workerSpec",
        {**MULTI, "pipelineParallelSize": 0},
        "spec.workerSpec.pipelineParallelSize",
        "the least is 1",
        "runtime-nodes",
    ),
    (
        "recommender-runtime",
        "spec.disabled",
        True,
        "spec.predictor.model.runtime",
        "is disabled",
        "runtime-fits",
    ),
    (
        "recommender",
        "spec.predictor.model.modelFormat.name",
        "sklearn",
        "spec.predictor.model.modelFormat",
        "does not serve sklearn 3; it serves mlflow 3",
        "runtime-fits",
    ),
    (
        "recommender",
        "spec.predictor.model.protocolVersion",
        "grpc-v1",
        "spec.predictor.model.protocolVersion",
        "does not speak grpc-v1",
        "runtime-fits",
    ),
    (
        "recommender",
        "spec.predictor.model.protocolVersion",
        "V2",
        "spec.predictor.model.protocolVersion",
        "'V2' is not one of v1, v2",
        "known-protocol",
    ),
    (
        "recommender",
        "spec.predictor.model.storageUri",
        "models:/recommender_production@prod",
        "spec.predictor.model.storageUri",
        "a name in MLflow's registry",
        "storage-scheme",
    ),
    (
        "recommender",
        "spec.predictor.model.storageUri",
        "s4://serving-labs/model",
        "spec.predictor.model.storageUri",
        "has no scheme that KServe fetches from",
        "storage-scheme",
    ),
    (
        "recommender",
        "spec.predictor.model.storageUri",
        "s3://",
        "spec.predictor.model.storageUri",
        "names no place after",
        "storage-scheme",
    ),
    (
        "recommender",
        "spec.predictor.model",
        {"modelFormat": {"name": "sklearn"}, "storageUri": "gs://models/yolov8/1"},
        "spec.predictor.model.modelFormat.name",
        "is sklearn, and storageUri speaks of 'yolo'",
        "format-fits-model",
    ),
    ("id-card-split", "metadata.name", "Split", "metadata.name", "no name for a", "graph-name"),
    (
        "id-card-split",
        "spec.nodes",
        {"start": {"routerType": "Sequence", "steps": [{"serviceName": "id-card"}]}},
        "spec.nodes.root",
        "every request begins at it; there is start",
        "graph-root",
    ),
    (
        "id-card-split",
        "spec.nodes.root.steps[0].serviceName",
        REMOVED,
        "spec.nodes.root.steps[0]",
        "says not whom to call",
        "step-target",
    ),
    (
        "id-card-split",
        "spec.nodes.root.steps[0].serviceUrl",
        "http://id-card",
        "spec.nodes.root.steps[0]",
        "serviceName and serviceUrl are there",
        "step-target",
    ),
    (
        "id-card-split",
        "spec.nodes.root.steps[1].name",
        "large",
        "spec.nodes.root.steps[1].name",
        "is there twice in node root",
        "step-name",
    ),
    (
        "id-card-split",
        "spec.nodes.root.steps[1].weight",
        20,
        "spec.nodes.root.steps",
        "weights are 110 in sum",
        "splitter-weight",
    ),
    (
        "id-card-split",
        "spec.nodes.root.steps[1].weight",
        REMOVED,
        "spec.nodes.root.steps[1].weight",
        "a Splitter divides by it",
        "splitter-weight",
    ),
    (
        "id-card-ensemble",
        "spec.nodes.root.steps[1].nodeName",
        "detector",
        "spec.nodes.root.steps[1].nodeName",
        "no node 'detector'; there is root, detectors",
        "known-node",
    ),
    (
        "id-card-ensemble",
        "spec.nodes.detectors.steps[0]",
        {"nodeName": "root"},
        "spec.nodes.root",
        "leads back to itself",
        "no-circle",
    ),
    (
        "id-card-ensemble",
        "spec.nodes.detectors.steps",
        [],
        "spec.nodes.detectors.steps",
        "the node calls nobody",
        "node-has-steps",
    ),
    (
        "id-card-switch",
        "spec.nodes.root.steps[1].condition",
        REMOVED,
        "spec.nodes.root.steps[1].condition",
        "would never take this step",
        "switch-condition",
    ),
    (
        "id-card-switch",
        "spec.minReplicas",
        2,
        "spec.minReplicas",
        "above maxReplicas, 1",
        "graph-replicas",
    ),
    # Rules for any pod, here for KServe's.
    (
        "id-card",
        f"{BOX}.resources.requests.memory",
        "8Gi",
        f"{BOX}.resources.requests.memory",
        "above the limit, 2Gi",
        "valid-resources",
    ),
    (
        "id-card",
        f"{BOX}.volumeMounts[0].name",
        "temp",
        f"{BOX}.volumeMounts[0].name",
        "no volume 'temp'; there is tmp",
        "known-volume",
    ),
    (
        "id-card",
        f"{BOX}.ports[0].containerPort",
        80800,
        f"{BOX}.ports[0].containerPort",
        "1 to 65535",
        "valid-port",
    ),
    (
        "id-card-grey",
        "spec.transformer.containers[0].imagePullPolicy",
        "Allways",
        "spec.transformer.containers[0].imagePullPolicy",
        "not one of Always",
        "known-value",
    ),
]

WARNINGS: list[Case] = [
    ("id-card", MODE, REMOVED, AT_MODE, "the cluster's default would count", "mode-is-set"),
    ("id-card", MODE, "RawDeployment", AT_MODE, "the old name of Standard", "present-mode"),
    (
        "id-card",
        f"{BOX}.name",
        "detector",
        f"{BOX}.name",
        "becomes kserve-container",
        "container-name",
    ),
    (
        "id-card",
        "spec.predictor.minReplicas",
        0,
        "spec.predictor.minReplicas",
        "one pod",
        "idle-at-zero",
    ),
    (
        "id-card-concurrency",
        "spec.predictor.nodeSelector",
        {"disk": "ssd"},
        "spec.predictor.nodeSelector",
        "kubernetes.podspec-nodeselector",
        "knative-feature",
    ),
    (
        "id-card",
        f"{BOX}.livenessProbe.httpGet.path",
        "/livez",
        f"{BOX}.livenessProbe.httpGet.path",
        "KServe's model server answers nothing at /livez",
        "probe-path",
    ),
    (
        "id-card-bento",
        f"{BOX}.readinessProbe.httpGet.path",
        "/v2/health/ready",
        f"{BOX}.readinessProbe.httpGet.path",
        "a Bento answers nothing at",
        "probe-path",
    ),
    (
        "id-card-bento",
        f"{BOX}.readinessProbe.httpGet.port",
        8080,
        f"{BOX}.readinessProbe.httpGet.port",
        "declares no port 8080; it has 3000",
        "declared-probe-port",
    ),
    (
        "id-card",
        f"{BOX}.image",
        "serving_labs_kserve:latest",
        f"{BOX}.image",
        "names no version",
        "pinned-image",
    ),
    (
        "id-card",
        f"{BOX}.securityContext.runAsNonRoot",
        REMOVED,
        f"{BOX}.securityContext.runAsNonRoot",
        "may start as root",
        "runs-as-non-root",
    ),
    (
        "recommender",
        "spec.predictor.model.runtime",
        "another-runtime",
        "spec.predictor.model.runtime",
        "there is recommender-runtime",
        "runtime-fits",
    ),
    (
        "id-card-split",
        "spec.nodes.root.steps[0].serviceName",
        "id-cards",
        "spec.nodes.root.steps[0].serviceName",
        "no InferenceService 'id-cards' here",
        "graph-service",
    ),
    (
        "id-card-ensemble",
        "spec.nodes.root.steps[1]",
        {"serviceName": "id-card"},
        "spec.nodes.detectors",
        "is never called",
        "reachable-node",
    ),
    (
        "id-card-switch",
        "spec.nodes.root.steps[0].weight",
        50,
        "spec.nodes.root.steps[0].weight",
        "is read by a Splitter; this node is a Switch",
        "field-for-router",
    ),
]


def ids(cases: list[Case]) -> list[Any]:
    return [
        pytest.param(*case, id=f"{case[0]}-{case[1].rpartition('.')[2]}-{case[5][:24]}-{i}")
        for i, case in enumerate(cases)
    ]


def test_our_manifests_are_accepted_without_a_warning() -> None:
    assert findings(everything()) == []


@pytest.mark.parametrize("folder", OVERLAYS, ids=lambda path: path.name)
def test_kustomize_builds_each_overlay(folder: Path, needs: Callable[[str], None]) -> None:
    needs("kubectl")
    [verdict] = verdicts([str(folder)])
    assert verdict.rules_ran
    assert (verdict.faults, verdict.warnings) == (0, 0)
    names = {document.name for document in verdict.documents}
    assert names >= {"id-card", "id-card-bento", "recommender", "id-card-ensemble"}
    in_cloud = {"id-card-concurrency", "recommender-rps", "id-card-keda"}
    assert names & in_cloud == (in_cloud if folder.name == "cloud" else set())


def test_what_the_issue_asks_of_every_service() -> None:
    for body in everything():
        if body["kind"] not in ("InferenceService", "InferenceGraph"):
            continue
        assert body["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] in (
            "Standard",
            "Knative",
        )
        for part in body["spec"].values():
            for container in part.get("containers", ()) if isinstance(part, dict) else ():
                assert container["name"] == "kserve-container"
                assert not container["image"].endswith(":latest")
                assert container["resources"].keys() == {"requests", "limits"}
                assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()
                context = container["securityContext"]
                assert (context["runAsNonRoot"], context["readOnlyRootFilesystem"]) == (True, True)


@pytest.mark.parametrize(("name", "path", "value", "where", "words", "rule"), ids([*TYPES, *RULES]))
def test_a_changed_manifest_is_refused(
    name: str, path: str, value: Any, where: str, words: str, rule: str
) -> None:
    bodies = changed(name, path, value)
    if rule == "gpu-list":
        set_field(named(bodies, name), "spec.predictor.workerSpec", MULTI)
    found = [(str(fault), fault.warning) for _, fault in findings(bodies)]
    expected = [line for line, warning in found if line.startswith(f"{where}: ") and not warning]
    expected = [line for line in expected if words in line and line.endswith(f"[{rule}]")]
    assert expected, found


@pytest.mark.parametrize(("name", "path", "value", "where", "words", "rule"), ids(WARNINGS))
def test_what_would_run_and_is_unwise_is_warned_of(
    name: str, path: str, value: Any, where: str, words: str, rule: str
) -> None:
    found = [(str(fault), fault.warning) for _, fault in findings(changed(name, path, value))]
    assert any(
        line.startswith(f"{where}: ") and words in line and line.endswith(f"[{rule}]") and warning
        for line, warning in found
    ), found


OTHERS = """
apiVersion: serving.kserve.io/v1alpha1
kind: TrainedModel
metadata: {name: one}
spec:
  inferenceService: id-card
  model: {framework: sklearn, storageUri: s3://models/a, memory: 1Gi}
---
apiVersion: serving.kserve.io/v1alpha1
kind: ClusterStorageContainer
metadata: {name: registry}
spec:
  container: {name: storage-initializer, image: "a:1"}
  supportedUriFormats: [{prefix: "registry://"}]
---
apiVersion: serving.kserve.io/v1alpha1
kind: LocalModelCache
metadata: {name: cache}
spec: {sourceModelUri: s3://models/a, modelSize: 1Gi, nodeGroups: [gpu]}
---
apiVersion: serving.kserve.io/v1alpha1
kind: LocalModelNodeGroup
metadata: {name: gpu}
spec:
  storageLimit: 10Gi
  persistentVolumeSpec: {capacity: {storage: 10Gi}, hostPath: {path: /models}}
  persistentVolumeClaimSpec: {resources: {requests: {storage: 10Gi}}}
---
apiVersion: serving.kserve.io/v1alpha1
kind: ClusterServingRuntime
metadata: {name: shared}
spec:
  protocolVersions: [v2]
  supportedModelFormats: [{name: onnx, version: "1", autoSelect: true, priority: 2}]
  containers: [{name: kserve-container, image: "a:1", securityContext: {runAsNonRoot: true}}]
"""


def others() -> list[dict[str, Any]]:
    bodies = list(yaml.safe_load_all(OTHERS))
    return [
        *everything(),
        *({**b, "metadata": {**b["metadata"], "namespace": "serving-labs-kserve"}} for b in bodies),
    ]


def test_kserves_other_kinds_are_known() -> None:
    assert findings(others()) == []


@pytest.mark.parametrize(
    ("name", "path", "value", "where", "words", "rule"),
    ids(
        [
            ("one", "metadata.name", "a.b", "metadata.name", "letters, digits", "trained-name"),
            (
                "one",
                "spec.model.storageUri",
                "pvc://a/b",
                "spec.model.storageUri",
                "does not begin with s3://",
                "trained-storage",
            ),
            ("one", "spec.model.memory", REMOVED, "spec.model.memory", "missing", SDK),
            (
                "registry",
                "spec.supportedUriFormats",
                [{}],
                "spec.supportedUriFormats[0]",
                "neither prefix nor regex",
                "fetcher-format",
            ),
            (
                "registry",
                "spec.supportedUriFormats",
                [{"regex": "("}],
                "spec.supportedUriFormats[0].regex",
                "no regular expression",
                "fetcher-format",
            ),
            (
                "registry",
                "spec.workloadType",
                "job",
                "spec.workloadType",
                "not one of initContainer",
                "fetcher-workload",
            ),
            (
                "cache",
                "spec.sourceModelUri",
                "models:/a@prod",
                "spec.sourceModelUri",
                "MLflow's registry",
                "cached-storage",
            ),
            ("cache", "spec.nodeGroups", [], "spec.nodeGroups", "the least is 1", SDK),
            ("gpu", "spec.storageLimit", "10 GB", "spec.storageLimit", "no quantity", SDK),
            (
                "gpu",
                "spec.persistentVolumeSpec.capacity.storage",
                "many",
                "spec.persistentVolumeSpec.capacity.storage",
                "no quantity",
                SDK,
            ),
        ]
    ),
)
def test_kserves_other_kinds_are_refused_when_wrong(
    name: str, path: str, value: Any, where: str, words: str, rule: str
) -> None:
    bodies = others()
    set_field(named(bodies, name), path, value)
    found = [str(fault) for _, fault in findings(bodies)]
    assert any(
        line.startswith(f"{where}: ") and words in line and line.endswith(f"[{rule}]")
        for line in found
    ), found


def test_rules_between_two_documents() -> None:
    bodies = others()
    twin = {**named(bodies, "cache"), "metadata": {"name": "second"}}
    runtime = {**named(bodies, "shared"), "metadata": {"name": "third"}}
    found = {fault.rule: (name, fault.path) for name, fault in findings([*bodies, twin, runtime])}
    assert found == {
        "one-cache": ("second", "spec.sourceModelUri"),
        "runtime-priority": ("third", "spec.supportedModelFormats[0].priority"),
    }
    set_field(named(bodies, "one"), "spec.inferenceService", "nobody")
    [(name, fault)] = findings(bodies)
    assert (name, fault.rule, fault.warning) == ("one", "trained-model-service", True)


def test_a_storage_container_makes_its_scheme_known() -> None:
    bodies = others()
    set_field(named(bodies, "recommender"), "spec.predictor.model.storageUri", "registry://a/b")
    assert findings(bodies) == []


def test_two_canaries_take_no_more_than_all_of_the_traffic() -> None:
    bodies = everything()
    canary = named(bodies, "recommender-canary")["spec"]["canary"]
    second = yaml.safe_load(yaml.safe_dump(canary[0]))
    second["trafficPercent"] = 95
    second["predictor"]["name"] = "other"
    canary.append(second)
    [(_, fault)] = findings(bodies)
    assert (fault.path, fault.rule) == ("spec.canary", "canary-share")
    assert "is 105 in sum" in fault.reason


def test_every_rule_has_refused_something_here() -> None:
    known = {
        rule.__name__.replace("_", "-")
        for rules in (*kserve.RULES.values(), *kserve.ADVICE.values(), set_rules.RULES)
        for rule in rules
    }
    seen = {case[5] for case in (*TYPES, *RULES, *WARNINGS)}
    elsewhere = {
        *("trained-name", "trained-storage", "fetcher-format", "fetcher-workload"),
        *("cached-storage", "one-cache", "runtime-priority", "trained-model-service"),
        *("canary-share", "transformer-has-predictor", "knative-probe"),
    }
    assert known - seen == elsewhere
    assert seen >= ADVICE_FOR_KSERVE


def test_all_faults_of_a_service_are_told_at_once() -> None:
    # Types that are right let the rules run, also where a field is unknown.
    bodies = everything()
    service = named(bodies, "id-card")
    for path, value in {
        "apiVersion": "serving.kserve.io/v1",
        "spec.predictor.sklearn": {},
        "spec.predictor.minReplicas": 5,
        "spec.predictor.canaryTrafficPercent": 10,
        "spec.predictor.replicas": 2,
        f"{BOX}.image": "serving_labs_kserve:latest",
        f"{BOX}.env[1].name": "PYTHONPATH",
        f"{BOX}.livenessProbe.httpGet.path": "/healthy",
    }.items():
        set_field(service, path, value)
    rules = {fault.rule for name, fault in findings(bodies) if name == "id-card"}
    assert rules >= {
        *("api-version", "one-implementation", "replica-bounds", "canary-traffic", SDK),
        *("blocked-environment", "probe-path"),
    }


# Changes that are none the worse: a rule that refuses these would be in everybody's way.
@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("id-card", "spec.predictor.minReplicas", REMOVED),
        ("id-card", "spec.predictor.maxReplicas", 0),
        ("id-card", f"{BOX}.ports", REMOVED),
        ("id-card", f"{BOX}.resources.requests.cpu", 1),
        ("id-card", f"{BOX}.env[1].value", None),
        ("id-card", "spec.predictor.logger", {"mode": "all", "url": "http://sink"}),
        ("id-card", "spec.predictor.batcher", {"maxBatchSize": 8, "maxLatency": 50}),
        ("id-card", "status", {"anything": ["goes"]}),
        ("id-card-hpa", "spec.predictor.scaleMetric", "memory"),
        ("id-card-hpa", "spec.predictor.deploymentStrategy.rollingUpdate.maxSurge", "25%"),
        ("id-card-concurrency", "spec.predictor.canaryTrafficPercent", 0),
        ("id-card-concurrency", f"{BOX}.ports[0].name", "http1"),
        ("id-card-concurrency", f"{BOX}.readinessProbe.httpGet.port", REMOVED),
        ("recommender", "spec.predictor.model.storageUri", "pvc://models/recommender"),
        ("recommender", "spec.predictor.model.storageUri", "hf://owner/model"),
        ("recommender", "spec.predictor.model.storageUri", "/mnt/models"),
        ("recommender", "spec.predictor.model.runtime", "kserve-mlserver"),
        ("recommender", "spec.predictor.model.modelFormat.version", REMOVED),
        ("id-card-split", "spec.nodes.root.steps[0].weight", 90.0),
        ("id-card-ensemble", "spec.nodes.root.steps[0].name", REMOVED),
    ],
)
def test_other_good_manifests_are_accepted(name: str, path: str, value: Any) -> None:
    assert findings(changed(name, path, value)) == []


def test_the_chapters_manifest_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "chapter.yaml"
    file.write_text(
        "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\n"
        "metadata: {name: yolo}\nspec:\n  predictor:\n    model:\n"
        "      modelFormat: {name: sklearn}\n      storageUri: gs://bucket/yolo/1\n",
        encoding="utf-8",
    )
    assert main([str(file)]) == 1
    out = capsys.readouterr().out
    assert "modelFormat.name: is sklearn, and storageUri speaks of 'yolo'" in out
    assert "warning: metadata.annotations.serving.kserve.io/deploymentMode: is missing" in out
    assert "1 fault(s), 1 warning(s)" in out


def test_a_warning_fails_only_when_asked_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = named(everything(), "id-card-split")
    del graph["metadata"]["annotations"]
    for step in graph["spec"]["nodes"]["root"]["steps"]:
        step["serviceUrl"] = f"http://{step.pop('serviceName')}"
    file = tmp_path / "graph.yaml"
    file.write_text(yaml.safe_dump(graph), encoding="utf-8")
    assert main([str(file)]) == 0
    assert main(["--strict", str(file)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("  warn   serving.kserve.io/v1alpha1 InferenceGraph id-card-split")
    assert lines[3].endswith("no fault(s), 1 warning(s)")


def test_what_the_sdk_has_no_types_for_is_not_passed_silently(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "llm.yaml"
    file.write_text(
        "apiVersion: serving.kserve.io/v1alpha2\nkind: LLMInferenceService\n"
        "metadata: {name: llm}\nspec: {model: {uri: 'hf://a/b'}}\n",
        encoding="utf-8",
    )
    assert main([str(file)]) == 0
    assert "warning: spec: the SDK has no types for it" in capsys.readouterr().out


def test_the_command_line_stays_ours() -> None:
    # "import kserve" parses the arguments of the program, by their beginnings.
    file = FILES[0].with_name("id-card.yaml")
    command = [sys.executable, "-m", "services.workbench.manifests", "--strict", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_kserve_is_imported_for_its_own_kinds_only() -> None:
    code = (
        "import sys; from services.workbench.manifests.__main__ import main;"
        f"main([{str(ROOT / 'infra/kubernetes/base/service.yaml')!r}]);"
        "print('kserve' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_the_script_and_the_workflow_can_be_read() -> None:
    script = FOLDER / "try-on-kind.sh"
    subprocess.run(["sh", "-n", str(script)], check=True)
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "kserve.yml").read_text("utf-8"))
    steps = [step.get("run", "") for step in workflow["jobs"]["kind"]["steps"]]
    assert "infra/kserve/try-on-kind.sh" in steps
    default = workflow[True]["workflow_dispatch"]["inputs"]["kserve-version"]["default"]  # "on:"
    assert f"KSERVE_VERSION:={default}" in script.read_text(encoding="utf-8")
    # The types that we check by are those of the release that would be installed.
    assert default == f"v{version('kserve')}"


def test_the_readme_names_every_manifest() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for file in FILES:
        named_there = file.name in readme or f"`{file.parent.name}/`" in readme
        assert named_there, file.name
