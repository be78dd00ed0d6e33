"""The InferenceService of lab 09, with eight planted faults."""

from __future__ import annotations

from typing import Any

import yaml

NAME, NAMESPACE, IMAGE = "id-card", "cards", "serving_labs_kserve"
READY = "/v2/models/id_card/ready"
PLANTED = 8

BROKEN = f"""
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: id_card
  namespace: {NAMESPACE}
  annotations:
    serving.kserve.io/deploymentMode: Standard
spec:
  predictor:
    minReplicas: 4
    maxReplicas: 2
    containers:
      - name: detector
        image: {IMAGE}:latest
        command: [python, -m, services.id_card.kserve_predictor]
        args: [--model_name=id_card, --http_port=8080]
        env:
          - name: SERVING_LABS_HOST
            value: 0.0.0.0
        ports:
          - containerPort: 8080
        resources:
          requests: {{cpu: "1", memory: 4Gi}}
          limits: {{cpu: "2", memory: 2Gi}}
        readynessProbe:
          httpGet: {{path: {READY}, port: 8080}}
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


def service() -> dict[str, Any]:
    """Return the broken service, anew each time."""
    read: dict[str, Any] = yaml.safe_load(BROKEN)
    return read
