"""Lab 09, the graph: its manifest, and a request's way through it.

The router is KServe's, in small: ``cmd/router/main.go`` of its repository, for V1's JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from labs.engine import Context
from labs.engine.plain import same
from services.workbench.manifests.check import check
from services.workbench.manifests.documents import Document, lookup, mapping, sequence

Answer = tuple[int, dict[str, Any]]
"""A status and a body."""

SERVICE = """
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {name}
  namespace: {namespace}
  annotations:
    serving.kserve.io/deploymentMode: Standard
spec:
  predictor:
    containers:
      - name: kserve-container
        image: serving_labs_kserve:0.1.0
        securityContext: {{runAsNonRoot: true}}
"""


def manifest(context: Context, body: dict[str, Any], services: list[str], where: str) -> None:
    """Hold the graph to the checker, beside the services that are in the cluster."""
    graph = Document("graph", 1, body)
    others = [
        Document("service", 1, yaml.safe_load(SERVICE.format(name=name, namespace=graph.namespace)))
        for name in services
    ]
    findings = context.call(check, [graph, *others], where="the checker of notebook 09")[0]
    # Other warnings are advice: a cluster takes the graph, and it works.
    faults = [
        fault
        for document, fault in findings
        if document is graph and (not fault.warning or fault.rule == "graph-service")
    ]
    if not faults:
        return
    fault = next((one for one in faults if not one.warning), faults[0])
    mistake = "fixed_names" if fault.rule == "graph-service" else "faulty"
    context.fail(f"{fault.path}: {fault.reason} [{fault.rule}]", where=where, mistake=mistake)


class Router:
    """Send requests through a graph.

    Parameters
    ----------
    body : dict
        The graph, without faults.
    first : str
        The service that makes pictures grey.
    fails : bool
        Whether that one refuses.
    """

    def __init__(self, body: dict[str, Any], first: str, *, fails: bool = False) -> None:
        self.nodes = mapping(body, "spec", "nodes")
        self.first, self.fails = first, fails
        self.seen: dict[str, dict[str, Any]] = {}

    def ask(self, node: str, request: dict[str, Any]) -> Answer:
        """Return what a node answers to *request*."""
        kind, steps = self.nodes[node].get("routerType"), sequence(self.nodes[node], "steps")
        if kind == "Sequence":
            return self._sequence(steps, request)
        if kind == "Ensemble":
            answers = [(step, self._step(step, request)) for step in steps]
            failed = [a for step, a in answers if a[0] != 200 and step.get("dependency") == "Hard"]
            bodies = {step.get("name") or str(n): a[1] for n, (step, a) in enumerate(answers)}
            return failed[0] if failed else (200, bodies)
        step = (
            max(steps, key=lambda one: one.get("weight") or 0) if kind == "Splitter" else steps[0]
        )
        return self._step(step, request)

    def _sequence(self, steps: Any, request: dict[str, Any]) -> Answer:
        status, answer = 200, request
        for place, step in enumerate(steps):
            sent = request
            if place and step.get("data") == "$response":
                sent = answer
            if place and step.get("mapPredictionsToInstances"):
                sent = {"instances" if k == "predictions" else k: v for k, v in sent.items()}
            status, answer = self._step(step, sent)
            if status != 200 and step.get("dependency") == "Hard":
                break
        return status, answer

    def _step(self, step: Mapping[str, Any], request: dict[str, Any]) -> Answer:
        if step.get("nodeName"):
            return self.ask(step["nodeName"], request)
        name = str(step.get("serviceName"))
        self.seen[name] = request
        if name == self.first:
            if self.fails:
                return 422, {"error": {"code": "image_damaged"}}
            return 200, {"predictions": [{"grey": one} for one in request.get("instances", [])]}
        if "instances" not in request:
            return 422, {"error": {"code": "instances_missing"}}
        return 200, {"predictions": [{name: one} for one in request["instances"]]}


def routing(
    context: Context, body: dict[str, Any], first: str, detectors: list[str], where: str
) -> None:
    """Send a request through the graph that goes well, and one whose first step fails."""
    pictures = [f"picture-{context.random.randint(10, 99)}" for _ in range(2)]
    router = Router(body, first)
    status, answer = router.ask("root", {"instances": pictures})
    grey = [{"grey": picture} for picture in pictures]
    asked = [name for name in detectors if name in router.seen]
    kinds = {lookup(node, "routerType") for node in router.nodes.values()}
    if len(asked) != len(detectors):
        context.fail(
            f"{len(asked)} of {len(detectors)} detectors were asked.",
            where=where,
            mistake="splitter" if kinds & {"Splitter", "Switch"} else None,
        )
    for name in detectors:
        sent = router.seen[name]
        if "predictions" in sent:
            context.fail(
                f"{name} got {{'predictions': …}}; {{'instances': …}} was expected.",
                where=where,
                mistake="no_mapping",
            )
        if same(sent, {"instances": pictures}):
            context.fail(f"{name} got coloured pictures.", where=where, mistake="no_response")
    want = {name: {"predictions": [{name: one} for one in grey]} for name in detectors}
    mistakes = [("in_a_row", want[detectors[-1]])]
    if kinds == {"Sequence"}:
        mistakes.append(("in_a_row", answer))
    unnamed = {str(n): want[name] for n, name in enumerate(detectors)}
    context.same(
        answer,
        want,
        what=f"The graph's answer, {status},",
        where=where,
        mistakes=[*mistakes, ("step_names", unnamed)],
    )
    broken = Router(body, first, fails=True)
    status, _ = broken.ask("root", {"instances": pictures})
    called = [name for name in detectors if name in broken.seen]
    if called or status == 200:
        context.fail(
            f"The first step answered 422, and then {len(called)} detectors were asked; none was "
            "expected.",
            where=where,
            mistake="soft",
        )
