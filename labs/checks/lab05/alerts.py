"""Lab 05, exercise 5: read a rules file and try its alerts on a day."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import promql_parser as ast
import yaml

from labs.checks.lab05.days import ERRORS, MINUTES, REQUESTS, SECONDS, SLOW, Day
from labs.checks.lab05.promql import (
    OF_RANGES,
    PromQLError,
    evaluate,
    filters,
    keeps,
    labels_of,
    matches,
    nodes,
    parse,
)

HOLD = WINDOW = 300.0
_FIRST, _SURE = 22, 27
"""Minutes: where a day is first looked at, and from where a problem must be reported."""
_METRICS = {REQUESTS, *(f"{SECONDS}_{part}" for part in ("bucket", "sum", "count"))}


_SERVICE = re.compile(r"\{\{[^}]*(\$l|\.L)abels\.service\b[^}]*\}\}")
_PERCENTILE = parse(f"histogram_quantile(0.95, sum by (service, le) (rate({SECONDS}_bucket[5m])))")


class RuleError(ValueError):
    """The text is not a rules file with the two alerts; ``mistake`` names why, if it has a name."""

    def __init__(self, message: str, mistake: str | None = None) -> None:
        super().__init__(message)
        self.mistake = mistake


@dataclass(frozen=True)
class Rule:
    """One alert of a rules file, its expression parsed."""

    name: str
    tree: Any
    summary: str
    labels: Mapping[str, str]


def rules_of(text: str) -> dict[str, Rule]:
    """Read a rules file; return its two alerts by name.

    Raises
    ------
    RuleError
        If it is not one, or if one of the alerts is missing or incomplete.
    """
    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", in line {mark.line + 1}" if mark else ""
        raise RuleError(f"rules is not YAML: {getattr(error, 'problem', '')}{line}.") from None
    groups = loaded.get("groups") if isinstance(loaded, dict) else None
    if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
        raise RuleError("rules has no list `groups` at its top.")
    found: dict[str, Any] = {}
    for group in groups:
        if not isinstance(group.get("name"), str) or not isinstance(group.get("rules"), list):
            raise RuleError("A group has no name, or no list `rules`.")
        alerts = [rule for rule in group["rules"] if isinstance(rule, dict) and "alert" in rule]
        found |= {str(rule["alert"]): rule for rule in alerts}
    missing = [name for name in (ERRORS, SLOW) if name not in found]
    if missing:
        has = ", ".join(found) or "none"
        raise RuleError(f"There is no alert {missing[0]}; there are: {has}.")
    others = sorted(found.keys() - {ERRORS, SLOW})
    if others:
        raise RuleError(f"There are also the alerts {', '.join(others)}; two were expected.")
    return {name: _rule(name, found[name]) for name in (ERRORS, SLOW)}


def _rule(name: str, rule: Mapping[str, Any]) -> Rule:
    if not isinstance(rule.get("expr"), str):
        raise RuleError(f"The expr of {name} is not text.")
    try:
        tree = parse(rule["expr"])
    except PromQLError as error:
        raise RuleError(f"The expr of {name} is not PromQL: {error}.") from None
    for node in nodes(tree):
        if isinstance(node, ast.VectorSelector) and not any(
            matches({"__name__": metric}, node) or node.name == metric for metric in _METRICS
        ):
            raise RuleError(f"{name} uses {str(node)[:60]}, which no service here exports.")
    try:
        held = ast.parse_duration(str(rule.get("for", "0s"))).total_seconds()
    except ValueError:
        held = 0.0
    if held != HOLD:
        said = f"The `for` of {name} is {rule.get('for', 'missing')}; 5m was expected."
        raise RuleError(said, "no_for")
    labels = rule.get("labels") or {}
    if not isinstance(labels, dict):
        raise RuleError(f"The labels of {name} are not a mapping of names to texts.")
    if "service" in labels and not _SERVICE.search(str(labels["service"])):
        raise RuleError(f"The label service of {name} is always {labels['service']!r}.")
    for label, value in labels.items():
        if re.search(r"\$value\b|\.Value\b", str(value)):
            raise RuleError(
                f"The label {label} of {name} holds the alert's value. With each new value it is "
                "another alert, which has not lasted for five minutes."
            )
    annotations = rule.get("annotations")
    summary = annotations.get("summary") if isinstance(annotations, dict) else None
    return Rule(name, tree, summary if isinstance(summary, str) else "", labels)


def names_service(rule: Rule) -> bool:
    """Say whether the summary puts in the service's name."""
    return _SERVICE.search(rule.summary) is not None


def fired(rule: Rule, day: Day) -> dict[int, list[dict[str, str]]]:
    """Return the labels of the alerts that fire, by the minute of the day.

    Raises
    ------
    PromQLError
        If the expression cannot be computed.
    """
    since: dict[frozenset[tuple[str, str]], float] = {}
    found = {}
    for minute in range(_FIRST - 5, MINUTES + 1):
        now = 60.0 * minute
        value = evaluate(rule.tree, day.series, now)
        if isinstance(value, float):
            raise PromQLError("it gives a number; an alert needs series, with labels")
        since = {key: since.get(key, now) for key in value}
        if minute >= _FIRST:
            held = [key for key, begin in since.items() if now - begin >= HOLD]
            found[minute] = [labels_of(key) | _added(rule, key) for key in held]
    return found


def _added(rule: Rule, key: frozenset[tuple[str, str]]) -> dict[str, str]:
    """Return the labels that a rule adds to those of its expression."""
    service = labels_of(key).get("service", "")
    return {name: _SERVICE.sub(service, str(text)) for name, text in rule.labels.items()}


def other_value(rule: Rule, day: Day) -> str:
    """Say which value other than the percentile an alert has at a day's end; empty if none has."""
    right = evaluate(_PERCENTILE, day.series, 60.0 * MINUTES)
    value = evaluate(rule.tree, day.series, 60.0 * MINUTES)
    assert isinstance(right, dict)
    percentiles = {labels_of(key)["service"]: one for key, one in right.items()}
    for key, one in value.items() if isinstance(value, dict) else ():
        want = percentiles.get(labels_of(key).get("service", ""), 0.0)
        if abs(one - want) > 0.01 * want:
            return f"The value of {rule.name} is {one:g}; the percentile is {want:.3f} s."
    return ""


def difference(rule: Rule, day: Day) -> str:
    """Say how an alert's behaviour on a day differs from what it should be; empty if it does not.

    Raises
    ------
    PromQLError
        If the expression cannot be computed.
    """
    want = day.expected.get(rule.name, [])
    for minute, alerts in fired(rule, day).items():
        kept = [labels for labels in alerts if {"instance", "code", "le"} & labels.keys()]
        services = sorted(labels.get("service", "") for labels in alerts)
        early = minute < _SURE and not services  # it may take a while to be sure
        rounding = day.exact and not _includes_the_limit(rule)
        if (services == want or early or rounding) and not kept:
            continue
        said = "; ".join(", ".join(f"{k}={v}" for k, v in labels.items()) for labels in alerts)
        said = f"fires for {said or 'something without labels'}" if alerts else "does not fire"
        wanted = (
            f"an alert for service={want[0]} alone was expected" if want else "it must not fire"
        )
        return f"{rule.name} {said[:200]} in minute {minute}; {wanted}."
    return ""


def _includes_the_limit(rule: Rule) -> bool:
    """Say whether a comparison is true at its limit; without it, firing there is float noise."""
    signs = {str(node.op) for node in nodes(rule.tree) if isinstance(node, ast.BinaryExpr)}
    return bool(signs & {">=", "<="})


def mistake_of(rule: Rule) -> str | None:
    """Return the named mistake that the form of an expression shows for certain."""
    found = nodes(rule.tree)
    calls = {node.func.name for node in found if isinstance(node, ast.Call)}
    sums = [node for node in found if isinstance(node, ast.AggregateExpr)]
    selectors = [node for node in found if isinstance(node, ast.VectorSelector)]
    if not calls & {*OF_RANGES}:
        return "raw_counter"
    if rule.name == SLOW and "histogram_quantile" not in calls:
        names = {selector.name for selector in selectors}
        return "average" if f"{SECONDS}_sum" in names else None
    quantiles = [
        node for node in found if isinstance(node, ast.Call) and "quantile" in node.func.name
    ]
    inner = [one for call in quantiles for one in nodes(call.args[1])]
    inner = [one for one in inner if isinstance(one, ast.AggregateExpr)]
    if any(not keeps(one, "le") for one in inner):
        return "no_le"
    if rule.name == ERRORS and any(_takes(s, "422") and not _takes(s, "200") for s in selectors):
        return "counts_4xx"
    if sums and all(keeps(one, "instance") for one in sums):
        return "per_instance"
    if sums and not any(keeps(one, "service") for one in sums):
        return "all_together"
    return None


def _takes(selector: ast.VectorSelector, code: str) -> bool:
    return selector.name == REQUESTS and matches({"__name__": REQUESTS, "code": code}, selector)


def windows(rule: Rule) -> list[float]:
    """Return the ranges of an expression in seconds; ``irate`` uses none of its range."""
    found = [node for node in nodes(rule.tree) if isinstance(node, ast.Call)]
    ranges = [(call.func.name, one) for call in found for one in call.args]
    return [
        0.0 if name == "irate" else one.range.total_seconds()
        for name, one in ranges
        if isinstance(one, ast.MatrixSelector)
    ]


def compares(rule: Rule) -> bool:
    """Say whether a comparison drops series."""
    return any(isinstance(node, ast.BinaryExpr) and filters(node) for node in nodes(rule.tree))
