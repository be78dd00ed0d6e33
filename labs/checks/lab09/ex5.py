"""lab09.ex5: Design it: an InferenceGraph."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import yaml

from labs.checks.lab09.checker import findings
from labs.checks.lab09.router import Answer, Router, Service
from labs.checks.lab09.service import lookup
from labs.engine import Context
from labs.engine.plain import same

_SERVICE = """
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
        image: serving_labs_kserve:0.2.0
        securityContext: {{runAsNonRoot: true}}
"""
_FAILURE = {"error": {"code": "image_damaged"}}


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Check two graphs' manifests, then send requests through them, with stub services."""
    made: list[tuple[Any, Any]] = []
    for count in (2, context.random.randint(3, 4)):
        tail = context.random.randint(100, 999)
        first = f"grey-{tail}"
        least, *letters = sorted(context.random.sample("abcdefgh", count))
        detectors = [f"detector-{n}-{tail}" for n in [*letters, least]]  # never in ascending order
        given = list(detectors)
        where = f"the first step {first} and {count} detectors"
        got = context.call(answer, f"cards-{tail}", first, given, where=where)
        if given != detectors:
            context.fail("graph_of(…) changed the caller's list of detectors.", where=where)
        body = context.plain(got, what="graph_of(…)", where=where)
        if not isinstance(body, dict) or body.get("kind") != "InferenceGraph":
            context.fail("graph_of(…) is not the manifest of an InferenceGraph.", where=where)
        name = lookup(body, ["metadata", "name"])
        context.expect(name == f"cards-{tail}", f"Its name is {name!r}.", where=where)
        _is_valid(context, body, [first, *detectors], where)
        _routes(context, body, first, detectors, where)
        _stops(context, body, first, detectors, where)
        made.append((got, copy.deepcopy(body)))
    if not same(context.plain(made[0][0]), made[0][1]):
        context.fail("The second call changed the graph that the first call had returned.")
    context.note(graphs=2, requests="one that succeeds, one whose first step fails")


def _is_valid(context: Context, body: dict[str, Any], services: list[str], where: str) -> None:
    """Check the graph beside the services that are in the cluster; of advice take no notice."""
    namespace = lookup(body, ["metadata", "namespace"]) or "default"
    others = [yaml.safe_load(_SERVICE.format(name=n, namespace=namespace)) for n in services]
    found = context.call(findings, body, *others, where="the checker of notebook 09")
    faults = [one for one in found if not one.warning]
    unknown = [one for one in found if one.rule == "graph-service"]
    for one in [*faults, *unknown][:1]:
        mistake = "fixed_names" if one in unknown else None
        context.fail(f"{one.path}: {one.reason} [{one.rule}]", where=where, mistake=mistake)


def _services(first: str, detectors: list[str], *, fails: bool = False) -> dict[str, Service]:
    """Return stubs: the first one marks images as grey, the detectors put their names."""

    def grey(body: dict[str, Any]) -> Answer:
        if fails:
            return 422, _FAILURE
        return 200, {"predictions": [{"grey": one} for one in body.get("instances", [])]}

    def detector(name: str) -> Service:
        def detect(body: dict[str, Any]) -> Answer:
            if "instances" not in body:
                return 422, {"error": {"code": "instances_missing"}}
            return 200, {"predictions": [{name: one} for one in body["instances"]]}

        return detect

    return {first: grey, **{name: detector(name) for name in detectors}}


def _routes(
    context: Context, body: dict[str, Any], first: str, detectors: list[str], where: str
) -> None:
    """Send a request through the graph that succeeds."""
    images = [f"image-{context.random.randint(10, 99)}" for _ in range(2)]
    router = Router(body["spec"]["nodes"], _services(first, detectors))
    status, answer = context.call(router.ask, {"instances": images}, where=where)
    kinds = {node.get("routerType") for node in router.nodes.values()}
    asked = [name for name in detectors if name in router.seen]
    if len(asked) != len(detectors):
        context.fail(
            f"{len(asked)} of {len(detectors)} detectors were called.",
            where=where,
            mistake="splitter" if "Splitter" in kinds else None,
        )
    for name in detectors:
        sent = router.seen[name]
        if "predictions" in sent:
            said = f"{name} got {{'predictions': …}}; {{'instances': …}} was expected."
            context.fail(said, where=where, mistake="no_mapping")
        if same(sent, {"instances": images}):
            said = f"{name} got the client's images, not those of {first}."
            mistake = "no_response" if "Sequence" in kinds else None
            context.fail(said, where=where, mistake=mistake)
    grey = [{"grey": image} for image in images]
    want = {name: {"predictions": [{name: one} for one in grey]} for name in detectors}
    context.same(
        answer,
        want,
        what=f"The graph's answer, {status},",
        where=where,
        mistakes=[
            ("in_a_row", want[detectors[-1]]),
            *[("in_a_row", answer)] * (kinds == {"Sequence"}),
            ("step_names", {str(n): want[name] for n, name in enumerate(detectors)}),
        ],
    )


def _stops(
    context: Context, body: dict[str, Any], first: str, detectors: list[str], where: str
) -> None:
    """Send a request through the graph whose first step fails."""
    router = Router(body["spec"]["nodes"], _services(first, detectors, fails=True))
    status, answer = context.call(router.ask, {"instances": ["image"]}, where=where)
    called = [name for name in detectors if name in router.seen]
    if called:
        said = f"{first} answered 422, and then {len(called)} detectors were called."
        context.fail(f"{said} None was expected.", where=where, mistake="soft")
    if status == 200 or not same(answer, _FAILURE):
        context.fail(f"{first} failed, and the graph answered {status}, {answer}.", where=where)
