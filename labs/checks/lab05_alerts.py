"""Lab 05, exercise 5: read a rules file, try its alerts on a day, and find the likely mistake."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from labs.checks.lab05_days import ERRORS, MINUTES, REQUESTS, SECONDS, SLOW, Day
from labs.checks.lab05_promql import (
    COMPARISONS,
    Aggregation,
    BeyondError,
    Binary,
    Call,
    Node,
    Number,
    PromQLError,
    Selector,
    parse,
    seconds_of,
    walk,
)
from labs.checks.lab05_series import evaluate, labels_of, matches

HOLD = WINDOW = 300.0

FIRST_LOOK = 22


class RuleError(ValueError):
    """The text is no rules file with the wanted alert; ``mistake`` names why, if it has a name."""

    def __init__(self, message: str, mistake: str | None) -> None:
        super().__init__(message)
        self.mistake = mistake


@dataclass(frozen=True)
class Rule:
    """One alert of a rules file, its expression read."""

    name: str
    tree: Node
    summary: str


def rules_of(text: str) -> dict[str, Rule]:
    """Read a rules file; return its two alerts by name.

    Raises
    ------
    RuleError
        If it is none, if one of the alerts is missing, or not complete.
    """
    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", in line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", "") or "it cannot be read"
        raise RuleError(f"rules is no YAML: {problem}{line}.", "not_yaml") from None
    groups = loaded.get("groups") if isinstance(loaded, dict) else None
    if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
        raise RuleError("rules has no list `groups` at its top.", "not_rules")
    found: dict[str, Any] = {}
    for group in groups:
        if not isinstance(group.get("name"), str) or not isinstance(group.get("rules"), list):
            raise RuleError("A group has no name, or no list `rules`.", "not_rules")
        for rule in group["rules"]:
            if isinstance(rule, dict) and "alert" in rule:
                found[str(rule["alert"])] = rule
    missing = [name for name in (ERRORS, SLOW) if name not in found]
    if missing:
        has = ", ".join(found) or "none"
        raise RuleError(f"There is no alert {missing[0]}; there are: {has}.", "not_rules")
    return {name: _rule(name, found[name]) for name in (ERRORS, SLOW)}


def _rule(name: str, rule: Mapping[str, Any]) -> Rule:
    expression = rule.get("expr")
    if not isinstance(expression, str):
        raise RuleError(f"The expr of {name} is no text.", "not_rules")
    try:
        tree = parse(expression)
    except BeyondError as error:
        raise RuleError(f"The expr of {name}: {error}.", None) from None
    except PromQLError as error:
        raise RuleError(f"The expr of {name} is no PromQL: {error}.", "not_promql") from None
    known = {REQUESTS, *(f"{SECONDS}_{part}" for part in ("bucket", "sum", "count"))}
    for node in walk(tree):
        if isinstance(node, Selector) and (name_of := _name(node)) not in known:
            raise RuleError(f"{name} asks for {name_of!r}.", "no_such_metric")
    if "for" not in rule:
        raise RuleError(f"{name} has no `for`.", "no_for")
    held = _seconds(rule["for"])
    if held != HOLD:
        raise RuleError(f"The `for` of {name} is {rule['for']!r}; 5m was expected.", "no_for")
    annotations = rule.get("annotations")
    summary = annotations.get("summary") if isinstance(annotations, dict) else None
    return Rule(name, tree, summary if isinstance(summary, str) else "")


def names_service(rule: Rule) -> bool:
    """Say whether the summary puts in the service's name."""
    return re.search(r"\{\{[^}]*(\$l|\.L)abels\.service\b[^}]*\}\}", rule.summary) is not None


def _seconds(duration: object) -> float | None:
    try:
        return seconds_of(str(duration))
    except PromQLError:
        return None


def _name(node: Selector) -> str:
    return next((text for label, _, text in node.matchers if label == "__name__"), "{…}")


def fired(rule: Rule, day: Day) -> list[dict[str, str]]:
    """Return the labels of every alert that fires on this day: held for five minutes.

    Raises
    ------
    PromQLError
        If the expression cannot be computed.
    """
    since: dict[frozenset[tuple[str, str]], float] = {}
    found: dict[frozenset[tuple[str, str]], None] = {}
    for minute in range(FIRST_LOOK, MINUTES + 1):
        now = 60.0 * minute
        value = evaluate(rule.tree, day.series, now)
        if isinstance(value, float):
            raise PromQLError("it gives a number; an alert needs series, with labels")
        since = {key: since.get(key, now) for key in value}
        found.update({key: None for key, begin in since.items() if now - begin >= HOLD})
    return [labels_of(key) for key in found]


def mistake_of(rule: Rule) -> str | None:
    """Return the named mistake that an expression most likely makes, from its form."""
    nodes = list(walk(rule.tree))
    calls = {node.name for node in nodes if isinstance(node, Call)}
    aggregations = [node for node in nodes if isinstance(node, Aggregation)]
    if not any(_filters(node) for node in nodes):
        return "no_limit"
    if not calls & {"rate", "increase", "irate"}:
        return "raw_counter"
    found = _of_quantile(nodes, calls) if rule.name == SLOW else _of_share(nodes, aggregations)
    if found:
        return found
    if any(_keeps(one, "instance") for one in aggregations) or not aggregations:
        return "per_instance"
    if not all(_keeps(one, "service") for one in aggregations):
        return "all_together"
    return None if WINDOW in windows(rule) else "window"


def _filters(node: Node) -> bool:
    """Say whether a node is a comparison that drops series."""
    return isinstance(node, Binary) and node.sign in COMPARISONS and not node.as_bool


def _keeps(node: Aggregation, label: str) -> bool:
    return (label in node.labels) is node.by


def _limits(nodes: list[Node]) -> list[float]:
    """Return the numbers that something is compared with."""
    sides = [
        side
        for node in nodes
        if isinstance(node, Binary) and node.sign in (">", ">=", "<", "<=")
        for side in (node.left, node.right)
    ]
    return [side.value for side in sides if isinstance(side, Number)]


def _of_quantile(nodes: list[Node], calls: set[str]) -> str | None:
    if "histogram_quantile" not in calls:
        return "average"
    for node in nodes:
        if isinstance(node, Call) and node.name == "histogram_quantile":
            q, buckets = node.arguments
            inner = [one for one in walk(buckets) if isinstance(one, Aggregation)]
            if not inner and any(isinstance(one, Aggregation) for one in nodes):
                return "of_quantiles"
            if not all(_keeps(one, "le") for one in inner):
                return "no_le"
            if not (isinstance(q, Number) and q.value == 0.95):
                return "other_quantile"
    return "milliseconds" if any(limit >= 100 for limit in _limits(nodes)) else None


def _of_share(nodes: list[Node], aggregations: list[Aggregation]) -> str | None:
    shares = [node for node in nodes if isinstance(node, Binary) and node.sign == "/"]
    if not shares:
        return "no_share"
    if not aggregations:
        return "per_series"
    for node in shares:
        if any(not _counts(one, "503") for one in _selectors(node.right)):
            return "of_good"
        left = _selectors(node.left)
        good = [one for one in left if not _counts(one, "503")]
        if good and all(_counts(one, "200") for one in left):
            return "rest_of_good"
    counted = [one for one in _selectors(*nodes) if not _counts(one, "200")]
    if any(_counts(one, "422") for one in counted):
        return "counts_4xx"
    if any(not (_counts(one, "500") and _counts(one, "504")) for one in counted):
        return "one_code"
    return "percent" if any(limit >= 1 for limit in _limits(nodes)) else None


def _selectors(*nodes: Node) -> list[Selector]:
    return [one for node in nodes for one in walk(node) if isinstance(one, Selector)]


def _counts(node: Selector, code: str) -> bool:
    """Say whether a selector takes the requests with this status code."""
    return matches({"code": code}, [m for m in node.matchers if m[0] == "code"])


def windows(rule: Rule) -> list[float]:
    """Return the ranges of an expression in seconds; ``irate`` uses none of its range."""
    calls = [node for node in walk(rule.tree) if isinstance(node, Call) and node.name != "irate"]
    ranges = [one.seconds for call in calls for one in call.arguments if isinstance(one, Selector)]
    return [seconds for seconds in ranges if seconds is not None]
