"""InferenceGraphs: the root, the steps, their weights and conditions.

Source: ``pkg/apis/serving/v1alpha1/inference_graph_validation.go``. What only the router
(``cmd/router/main.go``) finds makes every request fail, so that is an error too.
"""

from __future__ import annotations

from typing import Any

from services.manifests.documents import Document, mapping
from services.manifests.kserve.objects import GRAPH, ISVC, Found, Part, rule

_TARGETS = ("nodeName", "serviceName", "serviceUrl")


def _nodes(document: Document) -> dict[str, Part]:
    nodes = mapping(document.body, "spec", "nodes").items()
    return {name: Part(("spec", "nodes", name), node) for name, node in nodes}


@rule(GRAPH)
def graph_root(document: Document, _: Any) -> Found:
    """Find graphs without a node ``root``."""
    nodes = _nodes(document)
    if "root" not in nodes:
        there = f"; there is {', '.join(nodes)}" if nodes else ""
        yield "spec.nodes.root", f"is missing: every request begins at it{there}"


@rule(GRAPH)
def step_target(document: Document, _: Any) -> Found:
    """Find steps with no target or several, or to a node that the graph does not have."""
    nodes = _nodes(document)
    for step in (step for node in nodes.values() for step in node.items("steps")):
        found = [key for key in _TARGETS if step.body.get(key)]
        name = step.body.get("nodeName")
        if len(found) != 1:
            said = f"has {' and '.join(found)}" if found else "does not say what to call"
            yield step.at(), f"{said}; a step takes one of {', '.join(_TARGETS)}"
        if name and name not in nodes:
            yield step.at("nodeName"), f"there is no node {name!r}; there is {', '.join(nodes)}"


@rule(GRAPH)
def step_name(document: Document, _: Any) -> Found:
    """Find a step's name used twice in a node."""
    for name, node in _nodes(document).items():
        seen: set[str] = set()
        for step in node.items("steps"):
            given = step.body.get("name", "")
            if given and given in seen:
                yield step.at("name"), f"{given!r} appears twice in node {name}; rename one"
            seen.add(given)


@rule(GRAPH)
def splitter_weight(document: Document, _: Any) -> Found:
    """Find splitters whose weights are missing or do not add up to 100."""
    for node in _nodes(document).values():
        steps = node.items("steps") if node.body["routerType"] == "Splitter" else []
        missing = [step for step in steps if "weight" not in step.body]
        for step in missing:
            yield step.at("weight"), "is missing; a Splitter divides the requests by it"
        total = sum(step.body.get("weight", 0) for step in steps)
        if steps and not missing and total != 100:
            yield node.at("steps"), f"the weights add up to {total}; a Splitter needs 100"


@rule(GRAPH)
def no_cycle(document: Document, _: Any) -> Found:
    """Find nodes that lead back to themselves: the router would call itself until it dies."""
    nodes = _nodes(document)
    leads = {
        name: {str(step.body.get("nodeName")) for step in node.items("steps")} & nodes.keys()
        for name, node in nodes.items()
    }
    for name, node in nodes.items():
        reached, new = set[str](), leads[name]
        while new:
            reached |= new
            new = {far for near in new for far in leads[near]} - reached
        if name in reached:
            yield node.at(), "leads back to itself; remove the step that does"


@rule(GRAPH, warning=True)
def graph_service(document: Document, others: list[Document]) -> Found:
    """Find steps to services that are not among the documents; the cluster may have them."""
    near = [o for o in others if o.kind == ISVC and o.namespace == document.namespace]
    names = [other.name for other in near]
    for step in (step for node in _nodes(document).values() for step in node.items("steps")):
        name = step.body.get("serviceName")
        if name and name not in names:
            there = ", ".join(names) or "none"
            reason = f"there is no InferenceService {name!r} here; there is {there}"
            yield step.at("serviceName"), reason
