"""lab05.ex5: Design it: two alerts."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import promql_parser as ast

from labs.checks.lab05 import alerts
from labs.checks.lab05.days import SLOW, Day, days
from labs.checks.lab05.promql import PromQLError, nodes
from labs.engine import Context
from services.environment import build_dir


def check(context: Context, rules: Any) -> None:
    """Read the rules, and try both alerts on days on which they have to fire, or must not."""
    text = context.plain(rules, what="rules")
    if not isinstance(text, str):
        context.fail(f"rules is of type {type(text).__name__}; str was expected.", layer="schema")
    try:
        read = alerts.rules_of(text)
    except alerts.RuleError as error:
        context.fail(str(error), mistake=error.mistake, layer="schema")
    tried = days(context.random)
    for rule in read.values():
        for day in tried:
            _try(context, rule, day)
        _look(context, rule, tried)
    _promtool(context, text)
    context.note(alerts=2, days=len(tried))


def _try(context: Context, rule: alerts.Rule, day: Day) -> None:
    try:
        differs = alerts.difference(rule, day)
    except PromQLError as error:
        context.fail(f"{rule.name}: {error}.", where=day.title)
    drops = alerts.compares(rule)
    context.expect(
        not differs,
        differs,
        where=day.title,
        mistake=alerts.mistake_of(rule) if drops else None,
        cause="" if drops else "No comparison in it drops series, so it fires for all of them.",
    )


def _look(context: Context, rule: alerts.Rule, tried: list[Day]) -> None:
    """Look at what days do not show: the window, the quantile and the summary."""
    windows = alerts.windows(rule)
    context.expect(
        {*windows} == {alerts.WINDOW},
        f"{rule.name} looks at {[f'{one:g} s' for one in windows]}; five minutes were expected.",
        cause="Write [5m] after each metric. irate uses the last two samples only.",
    )
    calls = {node.func.name for node in nodes(rule.tree) if isinstance(node, ast.Call)}
    context.expect(
        rule.name != SLOW or "histogram_quantile" in calls,
        f"{rule.name} does not use histogram_quantile, so its value is not a time in seconds.",
    )
    for day in tried if rule.name == SLOW else ():
        other = alerts.other_value(rule, day)
        context.expect(not other, other, where=day.title)
    context.expect(
        alerts.names_service(rule),
        f"The summary of {rule.name} is {rule.summary!r}; {{{{ $labels.service }}}} is not in it.",
    )


def _promtool(context: Context, text: str) -> None:
    """Let Prometheus's own checker read the file too, where it is installed."""
    program = shutil.which("promtool")
    if program is None:
        return
    build_dir().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build_dir()) as folder:
        file = Path(folder) / "rules.yml"
        file.write_text(text, encoding="utf-8")
        command = [program, "check", "rules", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    if done.returncode:
        said = " ".join(done.stderr.partition("FAILED:")[2].split()).replace(str(file), "rules")
        context.fail(f"promtool: {said[:300]}", layer="schema")
