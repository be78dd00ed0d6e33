"""What lab 05 computes of PromQL, held to Prometheus's own program."""

from __future__ import annotations

import math
import random
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from labs.checks.lab05.alerts import RuleError, fired, rules_of
from labs.checks.lab05.days import MINUTES, Day, days
from labs.checks.lab05.promql import PromQLError, Series, evaluate, labels_of, parse
from tests.labs.lab_answers import answers_of, edited, solved

SEED = 2026
NOW = 27 * 60 + 10.0
"""No sample is at the edge of a window, where versions of Prometheus differ."""

EXPRESSIONS = [
    "cards_requests_total",
    '{__name__=~"cards_requests.*", code!~"2..", instance!="detector-1"}',
    "rate(cards_requests_total[5m])",
    "increase(cards_requests_total[90s])",
    "irate(cards_requests_total[5m])",
    "delta(cards_requests_total[5m])",
    "rate(cards_requests_total[5m] offset 6m30s)",
    "cards_requests_total - cards_requests_total offset 5m",
    'sum by (service) (rate(cards_requests_total{code=~"5.."}[5m]))',
    "sum(rate(cards_requests_total[5m])) without (instance, code)",
    "avg by (code) (cards_requests_total) + max(cards_requests_total) by (code)",
    "count(cards_requests_total) - min(cards_requests_total) * 2 ^ -1 % 3",
    "histogram_quantile(0.95, rate(cards_request_duration_seconds_bucket[5m]))",
    "histogram_quantile(0.5, sum by (le) (rate(cards_request_duration_seconds_bucket[5m])))",
    "histogram_quantile(0.999, sum without (job) (cards_request_duration_seconds_bucket))",
    "histogram_quantile(0.95, sum by (service) (rate(cards_request_duration_seconds_bucket[5m])))",
    'rate(cards_requests_total{code="500"}[5m]) / ignoring (code) group_left '
    "rate(cards_request_duration_seconds_count[5m])",
    "sum by (service, code) (cards_requests_total) / on (service) group_left () "
    "sum by (service) (cards_requests_total)",
    "sum by (service) (rate(cards_requests_total[5m])) > 5 and on (service) cards_requests_total",
    'cards_requests_total{code="200"} unless on (instance) cards_requests_total{code="500"} > 100',
    'cards_requests_total{code="200"} or cards_requests_total{code="422"}',
    "0.5 < bool sum by (service) (rate(cards_requests_total[5m])) / 20",
    "-clamp_max(sum by (service) (cards_requests_total), 3) + vector(-2) or vector(1) # comment",
    "sum by (service) (rate(cards_requests_total[5m])) / 0",
]


def notation(series: Series) -> str:
    labels = dict(series.labels)
    name = labels.pop("__name__")
    return name + "{" + ", ".join(f'{key}="{value}"' for key, value in labels.items()) + "}"


def promtool(folder: Path, day: Day, expressions: list[str], at: float, rules: str = "") -> Any:
    """Return each expression's value as promtool computes it: pairs of labels and a number."""
    (folder / "rules.yml").write_text(rules)
    inputs = [
        {"series": notation(one), "values": " ".join(map(repr, one.values))} for one in day.series
    ]
    # What is expected never comes, so promtool says what it got instead.
    never = [{"labels": 'never{a="b"}', "value": -1}]
    asked = [{"expr": e, "eval_time": f"{at:.0f}s", "exp_samples": never} for e in expressions]
    one = {"interval": "30s", "input_series": inputs, "promql_expr_test": asked}
    tests = {"evaluation_interval": "1m", "tests": [one]}
    if rules:
        tests["rule_files"] = ["rules.yml"]
    (folder / "tests.yml").write_text(yaml.safe_dump(tests))
    command = ["promtool", "test", "rules", str(folder / "tests.yml")]
    said = subprocess.run(command, capture_output=True, text=True).stderr
    found = re.findall(r"^\s+got:(.*)$", said, re.M)
    assert len(found) == len(expressions), said
    return [_samples(text) for text in found]


def _samples(text: str) -> dict[frozenset[tuple[str, str]], float]:
    found = {}
    for labels, value in re.findall(r"(?:[\w:]*)\{([^}]*)\} (\S+?)(?:,|$)", text):
        pairs = re.findall(r'(\w+)="([^"]*)"', labels)
        found[frozenset(pair for pair in pairs if pair[0] != "__name__")] = float(value)
    return found


@pytest.fixture
def day() -> Day:
    """A day with two services, of which one fails."""
    return days(random.Random(SEED))[4]


def value(expression: str, day: Day) -> dict[frozenset[tuple[str, str]], float]:
    computed = evaluate(parse(expression), day.series, NOW)
    assert isinstance(computed, dict)
    return {frozenset(labels_of(key).items()): number for key, number in computed.items()}


@pytest.mark.system
def test_it_computes_what_prometheus_computes(
    tmp_path: Path, day: Day, needs: Callable[[str], None]
) -> None:
    needs("prometheus")
    theirs = promtool(tmp_path, day, EXPRESSIONS, NOW)
    for expression, wanted in zip(EXPRESSIONS, theirs, strict=True):
        ours = value(expression, day)
        assert ours.keys() == wanted.keys(), expression
        for key, number in ours.items():
            assert math.isclose(number, wanted[key], rel_tol=1e-9), (expression, key)


@pytest.mark.parametrize(
    "text", ["sum(", "rate(a)", "rate(sum(a)[5m])", 'a{code=~"5("}', "1 and a"]
)
def test_what_prometheus_refuses_is_refused(text: str) -> None:
    with pytest.raises(PromQLError):
        parse(text)


@pytest.mark.parametrize("text", ["max_over_time(a[5m:1m])", "topk(3, a)", "a @ 5", "deriv(a[5m])"])
def test_what_it_cannot_compute_is_named(text: str) -> None:
    with pytest.raises(PromQLError, match="this check cannot compute"):
        evaluate(parse(text), [], NOW)


def _rule_files() -> list[Any]:
    """Return every answer to exercise 5 that is a complete rules file, and the solution."""
    solution = solved("lab05")["lab05.ex5"].solution
    answers = [a for a in answers_of("lab05") if a.exercise == "lab05.ex5"]
    codes = {str(answer): edited(solution, answer.code) for answer in answers}
    codes["the solution"] = solution
    found = []
    for name, code in codes.items():
        names: dict[str, Any] = {}
        exec(code, names)
        try:
            found.append(pytest.param(names["rules"], rules_of(names["rules"]), id=name))
        except RuleError:
            continue
    return found


@pytest.mark.system
@pytest.mark.parametrize(("text", "rules"), _rule_files())
def test_alerts_fire_as_prometheus_fires_them(
    text: str, rules: dict[str, Any], tmp_path: Path, needs: Callable[[str], None]
) -> None:
    needs("prometheus")
    for one in days(random.Random(SEED)):
        asked = [f'ALERTS{{alertstate="firing", alertname="{name}"}}' for name in rules]
        theirs = promtool(tmp_path, one, asked, 40 * 60, text)
        for rule, wanted in zip(rules.values(), theirs, strict=True):
            ours = {frozenset(labels.items()) for labels in fired(rule, one)[MINUTES]}
            found = {frozenset(pair for pair in key if "alert" not in pair[0]) for key in wanted}
            assert ours == found, (one.title, rule.name)


def test_a_constant_series_has_no_rate_and_a_reset_is_no_loss() -> None:
    times = [0.0, 30.0, 60.0, 90.0, 120.0]
    flat = Series({"__name__": "flat"}, times, [7.0] * 5)
    reset = Series({"__name__": "reset"}, times, [6.0, 12.0, 3.0, 9.0, 15.0])
    [none] = evaluate(parse("rate(flat[2m])"), [flat, reset], 120.0).values()  # type: ignore[union-attr]
    [gained] = evaluate(parse("increase(reset[2m])"), [flat, reset], 120.0).values()  # type: ignore[union-attr]
    assert none == 0
    assert gained == pytest.approx(6 + 3 + 6 + 6)
