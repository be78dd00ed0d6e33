"""Rules about an InferenceGraph: its root, its steps, their weights and conditions.

Source, where a rule names no other: KServe's ``pkg/apis/serving/v1alpha1/``
``inference_graph_validation.go``, refused when applied. What the webhook does not look at, and the
router (``cmd/router/main.go``) then fails at with each request, is found here too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from services.workbench.manifests.documents import Document, field, mapping, sequence
from services.workbench.manifests.kserve.components import Found

_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_TARGETS = ("nodeName", "serviceName", "serviceUrl")
ROOT = "root"


def _nodes(document: Document) -> Mapping[str, Any]:
    return mapping(document.body, "spec", "nodes")


def _steps(document: Document) -> Iterator[tuple[str, tuple[str | int, ...], Mapping[str, Any]]]:
    """Yield the node's name, the path and the body of each step."""
    for name, node in _nodes(document).items():
        for index, step in enumerate(sequence(node, "steps")):
            yield name, ("spec", "nodes", name, "steps", index), step


def graph_name(document: Document) -> Found:
    """Find names that are no DNS labels (``validateInferenceGraphName``).

    The router's Service bears the name too, so 63 characters are the most.
    """
    if not _NAME.fullmatch(document.name) or len(document.name) > 63:
        reason = f"{document.name!r} is no name for a graph: up to 63 small letters, digits and "
        yield "metadata.name", reason + "hyphens, a letter first"


def graph_root(document: Document) -> Found:
    """Find graphs without a node ``root`` (``validateInferenceGraphRouterRoot``)."""
    nodes = _nodes(document)
    if ROOT not in nodes:
        there = f"; there is {', '.join(nodes)}" if nodes else ""
        yield f"spec.nodes.{ROOT}", f"is missing: every request begins at it{there}"


def step_target(document: Document) -> Found:
    """Find steps with no target or several (``validateInferenceGraphSingleStepTargets``)."""
    for _, path, step in _steps(document):
        found = [key for key in _TARGETS if step.get(key)]
        if len(found) != 1:
            said = f"{' and '.join(found)} are there" if found else "says not whom to call"
            yield field(*path), f"{said}; a step takes one of {', '.join(_TARGETS)}"


def step_name(document: Document) -> Found:
    """Find a step's name used twice in a node (``validateInferenceGraphStepNameUniqueness``)."""
    seen = set()
    for node, path, step in _steps(document):
        if step.get("name"):
            if (node, step["name"]) in seen:
                yield field(*path, "name"), f"{step['name']!r} is there twice in node {node}"
            seen.add((node, step["name"]))


def splitter_weight(document: Document) -> Found:
    """Find splitters whose weights are not 100 (``validateInferenceGraphSplitterWeight``).

    A weight below 0 passes the webhook where the sum is right, and the router cannot draw by it.
    """
    for name, node in _nodes(document).items():
        if node.get("routerType") != "Splitter":
            continue
        steps = sequence(node, "steps")
        place = ("spec", "nodes", name, "steps")
        for index, step in enumerate(steps):
            if step.get("weight") is None:
                yield field(*place, index, "weight"), "is missing; a Splitter divides by it"
            elif step["weight"] < 0:
                yield field(*place, index, "weight"), f"is {step['weight']}; the least is 0"
        total = sum(step.get("weight") or 0 for step in steps)
        if total != 100 and all(step.get("weight") is not None for step in steps):
            yield field(*place), f"weights are {total} in sum; a Splitter needs 100"


def known_node(document: Document) -> Found:
    """Find steps to nodes that the graph has not.

    Source: ``executeStep`` in cmd/router/main.go; the webhook does not look.
    """
    nodes = _nodes(document)
    for _, path, step in _steps(document):
        if step.get("nodeName") and step["nodeName"] not in nodes:
            reason = f"there is no node {step['nodeName']!r}; there is {', '.join(nodes)}"
            yield field(*path, "nodeName"), reason


def no_circle(document: Document) -> Found:
    """Find nodes that lead back to themselves: the router would call itself until it dies."""
    nodes = _nodes(document)
    leads = {
        name: {s["nodeName"] for s in sequence(node, "steps") if s.get("nodeName") in nodes}
        for name, node in nodes.items()
    }
    for name in nodes:
        reached, new = set(), set(leads[name])
        while new:
            reached |= new
            new = {far for near in new for far in leads[near]} - reached
        if name in reached:
            yield f"spec.nodes.{name}", "leads back to itself"


def node_has_steps(document: Document) -> Found:
    """Find nodes without steps: the router would have nothing to answer with."""
    for name, node in _nodes(document).items():
        if not sequence(node, "steps"):
            yield f"spec.nodes.{name}.steps", "is empty: the node calls nobody"


def switch_condition(document: Document) -> Found:
    """Find steps of a Switch without a condition.

    Source: ``pickupRouteByCondition`` in cmd/router/main.go. An empty condition matches no
    request, so that such a step is never taken.
    """
    for node, path, step in _steps(document):
        if _nodes(document)[node].get("routerType") == "Switch" and not step.get("condition"):
            yield field(*path, "condition"), "is missing: a Switch would never take this step"


def graph_replicas(document: Document) -> Found:
    """Find replicas below 0, and a least number above the greatest.

    The webhook does not look; the autoscaler that is made from them is refused.
    """
    spec = mapping(document.body, "spec")
    least, most = spec.get("minReplicas"), spec.get("maxReplicas") or 0
    for key in ("minReplicas", "maxReplicas"):
        if (spec.get(key) or 0) < 0:
            yield f"spec.{key}", f"is {spec[key]}; the least is 0"
    if least is not None and 0 < most < least:
        yield "spec.minReplicas", f"is {least}, above maxReplicas, {most}"


def reachable_node(document: Document) -> Found:
    """Find nodes to which no step leads."""
    nodes = _nodes(document)
    called = {step.get("nodeName") for _, _, step in _steps(document)}
    for name in nodes:
        if name != ROOT and name not in called:
            yield f"spec.nodes.{name}", "is never called: no step names it"


def field_for_router(document: Document) -> Found:
    """Find weights outside of Splitters, and conditions where none is read."""
    for node, path, step in _steps(document):
        router = _nodes(document)[node].get("routerType")
        if step.get("weight") is not None and router != "Splitter":
            yield field(*path, "weight"), f"is read by a Splitter; this node is a {router}"
        if step.get("condition") and router not in ("Switch", "Sequence"):
            place = field(*path, "condition")
            yield place, f"is read by a Switch or a Sequence; this node is a {router}"


RULES = (
    graph_name,
    graph_root,
    step_target,
    step_name,
    splitter_weight,
    known_node,
    no_circle,
    node_has_steps,
    switch_condition,
    graph_replicas,
)
ADVICE = (reachable_node, field_for_router)
