"""lab09.ex4: Fix a broken InferenceService."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

from kubernetes.utils.quantity import parse_quantity

from labs.checks.lab09.checker import findings
from labs.checks.lab09.service import FAULTS, FAULTY, MISSPELT, NAME, lookup, service
from labs.engine import Context
from labs.engine.plain import same


def check(context: Context, answer: Any) -> None:
    """Compare the service with the broken one, then let the checker read it."""
    body = context.plain(answer, what="service")
    if not isinstance(body, dict) or not body:
        kind = type(body).__name__
        context.fail(f"service is of type {kind}; a manifest was expected.", layer="schema")
    context.is_attempted(not same(body, service()), "the service is as it was")
    lost = next(_lost(service(), _faults_put_back(body), ""), "")
    if lost:
        said = "Correct what is faulty, remove nothing, and leave everything else as it is."
        context.fail(f"{lost}. {said}", mistake=_mistake(lost))
    found = context.call(findings, body, where="the checker of notebook 09")
    if found:
        lines = "; ".join(f"{one.path}: {one.reason[:90]} [{one.rule}]" for one in found[:3])
        many = "one finding" if len(found) == 1 else f"{len(found)} findings"
        context.fail(
            f"The checker still reports {many}: {lines}{' …' if len(found) > 3 else ''}",
            mistake="still_faulty",
        )
    replicas = [body["spec"]["predictor"].get(f"{one}Replicas") for one in ("min", "max")]
    if not same(replicas, [2, 4]):
        said = f"minReplicas and maxReplicas are {replicas}; [2, 4] was expected."
        context.fail(said, mistake="replicas")
    context.note(fixed=f"{FAULTS} faults")


def _mistake(lost: str) -> str | None:
    """Return the mistake that the loss of a field means."""
    if re.search(r"Probe(\.httpGet)? is missing", lost):
        return "probe_gone"
    return "limits" if ".limits" in lost else None


def _faults_put_back(body: dict[str, Any]) -> dict[str, Any]:
    """Put the old values where a right answer has others, so that all else can be compared.

    What is missing stays missing: a fault is put right, not removed.
    """
    old, new = service(), copy.deepcopy(body)
    containers = lookup(new, ["spec", "predictor", "containers"])
    if isinstance(containers, list) and containers and isinstance(containers[0], dict):
        right = containers[0].pop("readinessProbe", None)
        containers[0].setdefault(MISSPELT, right)
    for path in FAULTY:
        *above, key = path
        mine, theirs = lookup(new, above), lookup(old, above)
        here = mine.get(key) if isinstance(mine, dict) else None
        if here is not None and _is_the_same(key, here, theirs[key]):
            mine[key] = theirs[key]
    return new


def _is_the_same(key: str, mine: Any, theirs: Any) -> bool:
    """Say whether a value may stand for the faulty one: another image or service may not."""
    if key == "image":
        return re.split(r"[:@]", str(mine))[0] == re.split(r"[:@]", theirs)[0]
    if key == "name" and theirs == NAME:
        return re.sub(r"[-_.]", "", str(mine)).lower() == re.sub(r"[-_.]", "", NAME)
    return True


def _lost(old: Any, new: Any, path: str) -> Iterator[str]:
    """Yield what *old* has and *new* has not; *new* may have more."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key, value in old.items():
            below = f"{path}.{key}".lstrip(".").replace(MISSPELT, "readinessProbe")
            if new.get(key) is None:
                yield f"{below} is missing"
            else:
                yield from _lost(value, new[key], below)
    elif isinstance(old, list) and isinstance(new, list) and isinstance(old[0], dict):
        for n, value in enumerate(old):
            below = f"{path}[{n}]"
            yield from _lost(value, new[n], below) if n < len(new) else [f"{below} is missing"]
    elif not same(old, new) and not (".resources." in path and _quantity(old) == _quantity(new)):
        yield f"{path} is {new!r}; in the manifest it is {old!r}"


def _quantity(value: Any) -> Any:
    """Return an amount of processor or memory as a number: 1 for "1000m"."""
    try:
        return parse_quantity(value)
    except ValueError:
        return value
