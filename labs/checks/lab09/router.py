"""KServe's router for InferenceGraphs in small: the four kinds of nodes, for V1's JSON.

It follows ``cmd/router/main.go`` of KServe's repository, but for a Splitter, which it decides by
the largest weight.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Answer = tuple[int, dict[str, Any]]
"""A status and a body."""

Service = Callable[[dict[str, Any]], Answer]


class Router:
    """Send requests through a graph.

    Parameters
    ----------
    nodes : mapping
        The graph's ``spec.nodes``, valid.
    services : mapping of str to callable
        The services by name; each takes a body and returns a status and a body.

    Attributes
    ----------
    seen : dict of str to dict
        The body that each service got last.
    """

    def __init__(self, nodes: Mapping[str, Any], services: Mapping[str, Service]) -> None:
        self.nodes, self.services = nodes, services
        self.seen: dict[str, dict[str, Any]] = {}

    def ask(self, request: dict[str, Any], node: str = "root") -> Answer:
        """Return a node's answer to *request*."""
        kind, steps = self.nodes[node].get("routerType"), self.nodes[node].get("steps") or []
        if kind == "Sequence":
            return self._sequence(steps, request)
        if kind == "Ensemble":
            return self._ensemble(steps, request)
        if kind == "Switch":
            steps = [one for one in steps if _exists(request, one.get("condition") or "")]
        if not steps:
            return 404, {"error": "no route matches"}
        return self._step(max(steps, key=lambda one: one.get("weight") or 0), request)

    def _sequence(self, steps: Sequence[Any], request: dict[str, Any]) -> Answer:
        status, answer = 200, request
        for place, step in enumerate(steps):
            if place and step.get("condition") and not _exists(answer, step["condition"]):
                return 500, answer
            sent = answer if place and step.get("data") == "$response" else request
            if place and step.get("mapPredictionsToInstances"):
                sent = {"instances" if k == "predictions" else k: v for k, v in sent.items()}
            status, answer = self._step(step, sent)
            if status != 200 and step.get("dependency") == "Hard":
                break
        return status, answer

    def _ensemble(self, steps: Sequence[Any], request: dict[str, Any]) -> Answer:
        answers = [(step, self._step(step, request)) for step in steps]
        for step, answer in answers:
            if answer[0] != 200 and step.get("dependency") == "Hard":
                return answer
        return 200, {step.get("name") or str(n): a[1] for n, (step, a) in enumerate(answers)}

    def _step(self, step: Mapping[str, Any], request: dict[str, Any]) -> Answer:
        if step.get("nodeName"):
            return self.ask(request, step["nodeName"])
        name = str(step.get("serviceName"))
        self.seen[name] = request
        return self.services[name](request)


def _exists(body: Any, path: str) -> bool:
    """Say whether a body has a value under a path such as ``predictions.0``."""
    for key in path.split("."):
        if isinstance(body, dict) and key in body:
            body = body[key]
        elif isinstance(body, list) and key.isdigit() and int(key) < len(body):
            body = body[int(key)]
        else:
            return isinstance(body, list) and key == "#"
    return True
