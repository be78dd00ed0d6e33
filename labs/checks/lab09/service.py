"""The InferenceService of lab 09, with eight faults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

NAME = "id_card"
FAULTS = 8
MISSPELT = "readynessProbe"

BROKEN = f"""
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {NAME}
  namespace: cards
  annotations:
    serving.kserve.io/deploymentMode: Standard
spec:
  predictor:
    minReplicas: 4
    maxReplicas: 2
    containers:
      - name: detector
        image: serving_labs_kserve:latest
        command: [python, -m, services.id_card.kserve.predictor]
        args: [--model_name=id_card, --http_port=8080]
        env:
          - name: SERVING_LABS_HOST
            value: 0.0.0.0
        ports:
          - containerPort: 8080
        resources:
          requests: {{cpu: "1", memory: 4Gi}}
          limits: {{cpu: "2", memory: 2Gi}}
        {MISSPELT}:
          httpGet: {{path: /v2/models/id_card/ready, port: 8080}}
        livenessProbe:
          httpGet: {{path: /v2/health/live, port: 8000}}
        securityContext:
          runAsNonRoot: true
          runAsUser: 1000
        volumeMounts:
          - name: temp
            mountPath: /tmp
    volumes:
      - name: tmp
        emptyDir: {{sizeLimit: 1Gi}}
"""


_POD = ("spec", "predictor")
_CONTAINER = (*_POD, "containers", 0)
FAULTY: tuple[tuple[Any, ...], ...] = (
    ("metadata", "name"),
    (*_POD, "minReplicas"),
    (*_POD, "maxReplicas"),
    (*_CONTAINER, "name"),
    (*_CONTAINER, "image"),
    (*_CONTAINER, "resources", "requests", "memory"),
    (*_CONTAINER, MISSPELT, "httpGet", "port"),
    (*_CONTAINER, "livenessProbe", "httpGet", "port"),
    (*_CONTAINER, "volumeMounts", 0, "name"),
    (*_POD, "volumes", 0, "name"),
)
"""The fields that a right answer may change."""


def service() -> dict[str, Any]:
    """Return the broken service, a new object each time."""
    read: dict[str, Any] = yaml.safe_load(BROKEN)
    return read


def lookup(node: Any, path: Sequence[Any]) -> Any:
    """Return the value under *path*, keys and places; None if one of them is missing."""
    for key in path:
        inside = isinstance(node, list) and isinstance(key, int) and key < len(node)
        if not inside and not (isinstance(node, dict) and key in node):
            return None
        node = node[key]
    return node
