"""Rules about probes: whether they name a port, and a path where the server that is meant answers.

Which server runs in a container is guessed: from the arguments of KServe's own servers, or from
BentoML's port. So the paths give warnings.
"""

from __future__ import annotations

import re

from services.workbench.manifests.bundle import Container
from services.workbench.manifests.documents import Document, lookup, sequence
from services.workbench.manifests.kserve.components import (
    STANDARD,
    Found,
    canaries,
    components,
    mode,
    runtime_pods_of,
)

_PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
_MODEL_SERVER = re.compile(
    r"/|/metrics|/v2|/v2/health/(live|ready)|/v2/models/[^/]+(/ready)?|/v1/models(/[^/]+)?"
)
_BENTO = re.compile(r"/livez|/readyz|/healthz|/metrics|/docs\.json|/")
_BENTO_PORT = 3000


def probe_port(document: Document) -> Found:
    """Find probes that name no port, where one is needed.

    Source: config/crd/full, where ``port`` is not required in liveness and readiness probes of an
    InferenceService. Knative then asks at the container's port. A Deployment, in Standard mode,
    has no such default: it is refused, and so is a startup probe, and any probe in a runtime.
    """
    for container in _containers(document):
        for probe in _PROBES:
            for action in ("httpGet", "tcpSocket"):
                body = lookup(container.body, probe, action)
                if body is None or body.get("port") is not None:
                    continue
                optional = document.kind == "InferenceService" and probe != "startupProbe"
                optional = optional and (action == "httpGet" or container.partial)
                if not optional or "canary" in container.path or mode(document) == STANDARD:
                    yield container.at(probe, action, "port"), "is required and missing"


def _containers(document: Document) -> list[Container]:
    if document.kind != "InferenceService":
        return [c for pod in runtime_pods_of(document) for c in pod.all_containers]
    parts = (*components(document), *canaries(document))
    return [container for part in parts for container in part.all_containers]


def probe_path(document: Document) -> Found:
    """Find probes of a path that the server has not: it would never be ready, or be restarted.

    KServe's server: ``_add_model_endpoints`` and its kin in python/kserve/kserve/protocol/rest.
    BentoML: ``/livez``, ``/readyz``, ``/healthz``.
    """
    for container in _containers(document):
        server, known = _server(container)
        for probe in _PROBES:
            path = lookup(container.body, probe, "httpGet", "path")
            if known is not None and path is not None and not known.fullmatch(path):
                yield container.at(probe, "httpGet", "path"), f"{server} answers nothing at {path}"


def _server(container: Container) -> tuple[str, re.Pattern[str] | None]:
    arguments = [str(a) for key in ("command", "args") for a in sequence(container.body, key)]
    if any(argument.startswith(("--model_name", "--http_port")) for argument in arguments):
        return "KServe's model server", _MODEL_SERVER
    if _BENTO_PORT in container.ports.values():
        return "a Bento", _BENTO
    return "", None


RULES = (probe_port,)
ADVICE = (probe_path,)
