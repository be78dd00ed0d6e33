"""Check of lab 08, exercise 3: candidates that each differ in one respect."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from labs.checks.unchanged import unchanged
from labs.engine import Context
from labs.engine.plain import shown

Metrics = dict[str, float]


@dataclass(frozen=True)
class Case:
    """A candidate, in words and in numbers, and the metrics that are a reason to reject it.

    ``accepted`` is the named mistake that an empty list means;
    ``rejected`` is the one that a needless reason means.
    """

    where: str
    candidate: Metrics
    current: Metrics | None
    rule: Metrics
    reasons: tuple[str, ...] = ()
    accepted: str | None = None
    rejected: str | None = None


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Compare the metrics that the learner's reasons name with those of each case."""
    cases = list(_cases(context))
    for case in cases:
        where, given = case.where, {"candidate": case.candidate, "rule": case.rule}
        if case.current is not None:
            given["current"] = case.current
        with unchanged(context, where, **given):
            got = context.call(
                answer, case.candidate, case.current, case.rule, where=where, because=_cause
            )
        reasons = context.plain(got, what="reasons_against(…)", where=where)
        if not isinstance(reasons, list) or not all(isinstance(text, str) for text in reasons):
            context.fail(
                f"reasons_against(…) is {shown(reasons, 80)}; a list of texts was expected.",
                where=where,
                layer="schema",
            )
        _compare(context, reasons, case)
    context.note(candidates=len(cases), rejected=sum(bool(case.reasons) for case in cases))


def _cause(error: BaseException) -> str | None:
    return "missing_raises" if isinstance(error, KeyError) else None


def _compare(context: Context, reasons: list[str], case: Case) -> None:
    """Fail unless there is one reason for each metric, which names this metric alone."""
    named = [[m for m in case.rule if re.search(rf"(?<!\w){m}(?!\w)", text)] for text in reasons]
    for text, metrics in zip(reasons, named, strict=True):
        context.expect(
            len(metrics) == 1,
            f"The reason {text[:90]!r} names {metrics or 'no metric of the rule'}; exactly one "
            "was expected.",
            where=case.where,
        )
    found = sorted(metrics[0] for metrics in named)
    if found == sorted(case.reasons):
        return
    mistake = case.rejected if not case.reasons else case.accepted if not found else None
    if len(case.reasons) > 1 and len(found) == 1:
        mistake = "first_only"
    want = ", ".join(sorted(case.reasons)) or "no metric"
    context.fail(
        f"The reasons are about {', '.join(found) or 'no metric'}; {want} was expected.",
        where=case.where,
        mistake=mistake,
    )


def _cases(context: Context) -> Iterator[Case]:
    """Yield fresh cases, the simplest first. Metrics and gains have four decimals at most."""
    dice = context.random
    k = dice.randint(3, 20)
    ndcg, hr, coverage = names = [f"ndcg_at_{k}", f"hr_at_{k}", f"coverage_at_{k}"]
    gains = {ndcg: dice.randint(2, 9) / 1000, hr: -dice.choice((0.018, 0.019)), coverage: 0.0}
    current = {name: _awkward(dice, gain) for name, gain in gains.items()} | {"rmse": 0.9}
    exact = {name: round(current[name] + gain, 4) for name, gain in gains.items()} | {"rmse": 0.9}
    good = {name: round(value + 0.02, 4) for name, value in exact.items()}
    base = Case("all metrics of the rule gain, but rmse, which is not in it", good, current, gains)

    def changed(where: str, reasons: tuple[str, ...], **candidate: float) -> Case:
        return replace(base, where=where, reasons=reasons, candidate={**good, **candidate})

    yield base
    for name in names:
        low = round(exact[name] - 0.05, 4)
        yield changed(f"{name} is far too low, the others gain", (name,), **{name: low})
    half = round(current[ndcg] + gains[ndcg] / 2, 4)
    yield changed(f"{ndcg} gains half of what the rule requires", (ndcg,), **{ndcg: half})
    half = round(current[hr] + gains[hr] / 2, 4)
    yield changed(f"{hr} loses half of what it may lose", (), **{hr: half})
    two = {ndcg: round(exact[ndcg] - 0.05, 4), coverage: round(exact[coverage] - 0.05, 4)}
    yield changed(f"{ndcg} and {coverage} are too low", (ndcg, coverage), **two)
    # Quarters and eighths are exact as floats: only a strict comparison refuses these.
    rule = {ndcg: 0.125, hr: -0.125, coverage: 0.0}
    eighths = dict.fromkeys(names, 0.25)
    at_limit = {name: 0.25 + gain for name, gain in rule.items()}
    where = "every metric gains exactly what the rule requires"
    yield Case(where, at_limit, eighths, rule, rejected="strict")
    yield replace(base, where=where, candidate=exact, rejected="rounding")
    for name in names:
        short = round(exact[name] - 0.0001, 4)
        yield changed(f"{name} is too low by 0.0001", (name,), **{name: short})
    yield from _not_finite(base)
    zero = {**current, coverage: 0.0}
    candidate = {**good, coverage: 0.0}
    where = f"{coverage} is 0.0 in both models, which the rule allows"
    yield replace(base, where=where, candidate=candidate, current=zero)
    yield replace(base, where="the rule is empty", rule={})
    where = "nothing is in production, and every metric of the candidate is 0.0"
    yield replace(base, where=where, candidate=dict.fromkeys(good, 0.0), current=None)


def _awkward(dice: Any, gain: float) -> float:
    """Return a metric to which *gain* cannot be added, nor subtracted again, without rounding."""
    for _ in range(10_000):
        old = dice.randint(2500, 4500) / 10_000
        new = round(old + gain, 4)
        if gain == 0 or (new - old < gain and new < old + gain):
            return old
    raise AssertionError(f"no metric is awkward for a gain of {gain}")


def _not_finite(base: Case) -> Iterator[Case]:
    """Yield cases with metrics that are NaN, infinite or missing, with a current model and none."""
    assert base.current is not None
    for name in base.rule:
        for value in (math.nan, math.inf, -math.inf):
            for whose in ("candidate", "current"):
                metrics = {**getattr(base, whose), name: value}
                where = f"{name} is {value} in the {whose} metrics"
                mistake = "nan_passes" if math.isnan(value) else None
                case = replace(base, where=where, reasons=(name,), accepted=mistake)
                changed: dict[str, Any] = {whose: metrics}
                yield replace(case, **changed)
        for whose in ("candidate", "current"):
            metrics = {key: value for key, value in getattr(base, whose).items() if key != name}
            where = f"{name} is missing in the {whose} metrics"
            changed = {whose: metrics}
            yield replace(base, where=where, reasons=(name,), **changed)
        rest = {key: value for key, value in base.candidate.items() if key != name}
        both = replace(base, where=f"{name} is missing in both models", reasons=(name,))
        other = {key: value for key, value in base.current.items() if key != name}
        yield replace(both, candidate=rest, current=other)
        for what, metrics in {
            "missing": rest,
            "nan": {**rest, name: math.nan},
            "inf": {**rest, name: math.inf},
        }.items():
            where = f"nothing is in production, and {name} is {what}"
            yield replace(base, where=where, reasons=(name,), candidate=metrics, current=None)
    where = "the current metrics are {}"
    yield replace(base, where=where, current={}, reasons=tuple(base.rule))
