"""Cases for lab 08's rule: which candidates may be promoted, and what speaks against the others."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

STEP = 1 / 64
"""All metrics are multiples of it, so that sums of them are exact."""

Metrics = dict[str, float]


@dataclass(frozen=True)
class Case:
    """A question for the rule.

    Attributes
    ----------
    where : str
        In words.
    candidate, current, rule
        What the learner's function is given.
    against : tuple of str
        The metrics that speak against the candidate.
    mistake : str
        What a wrong answer most likely means here.
    raising : str
        What an exception most likely means here.
    """

    where: str
    candidate: Metrics
    current: Metrics | None
    rule: Metrics
    against: tuple[str, ...]
    mistake: str
    raising: str = ""

    def because(self, error: BaseException) -> str | None:
        """Return the mistake that an exception means."""
        return self.raising or None


def cases(dice: random.Random) -> list[Case]:
    """Return fresh questions, the most telling first."""
    k = dice.randint(3, 20)
    ndcg, hr, coverage = f"ndcg_at_{k}", f"hr_at_{k}", f"coverage_at_{k}"
    rule = {ndcg: 2 * STEP, hr: -2 * STEP, coverage: -4 * STEP}
    current = {name: STEP * dice.randint(20, 30) for name in rule} | {"rmse": 1.0}
    good = {name: current[name] + rule[name] + STEP * dice.randint(2, 5) for name in rule}
    good |= {hr: current[hr] + 3 * STEP, coverage: current[coverage] + 5 * STEP, "rmse": 1.25}
    found = [Case("all metrics of the rule gain, rmse is worse", good, current, rule, (), "rmse")]

    def add(
        where: str, changes: Mapping[str, float], against: tuple[str, ...], mistake: str
    ) -> None:
        candidate = {**good, "rmse": 0.75, **changes}
        found.append(Case(where, candidate, current, rule, against, mistake))

    def without(metrics: Metrics, name: str) -> Metrics:
        return {key: value for key, value in metrics.items() if key != name}

    for name in rule:
        low = current[name] + rule[name] - 3 * STEP
        add(f"{name} is far too low, the others gain", {name: low}, (name,), "any_metric")
    little = {ndcg: current[ndcg] + STEP}
    add(f"{ndcg} gains half of what the rule asks for", little, (ndcg,), "no_gain")
    add(f"{hr} loses half of what it may lose", {hr: current[hr] - STEP}, (), "no_loss")
    exact = {name: current[name] + gain for name, gain in rule.items()}
    add("every metric gains exactly what is asked for", exact, (), "strict")
    two = {ndcg: current[ndcg], coverage: current[coverage] - 8 * STEP}
    add(f"{ndcg} and {coverage} are too low", two, (ndcg, coverage), "first_only")
    for name in rule:
        add(f"{name} of the candidate is NaN", {name: math.nan}, (name,), "nan_passes")
    add(f"{hr} of the candidate is infinite", {hr: math.inf}, (hr,), "nan_passes")
    name = dice.choice(list(rule))
    broken = {**current, name: math.nan}
    text = f"{name} of the current model is NaN"
    found.append(Case(text, good, broken, rule, (name,), "nan_passes"))
    for whose in ("candidate", "current model"):
        name = dice.choice(list(rule))
        mine = without(good, name) if whose == "candidate" else good
        theirs = current if whose == "candidate" else without(current, name)
        text = f"{name} of the {whose} is missing"
        found.append(
            Case(text, mine, theirs, rule, (name,), "missing_passes", raising="missing_raises")
        )
    found.append(
        Case(
            "the current model has no metrics, {}",
            good,
            {},
            rule,
            tuple(rule),
            "empty_as_none",
            "missing_raises",
        )
    )
    zero = {**current, coverage: 0.0}
    text = f"{coverage} of the current model is 0.0, and all metrics of the rule gain"
    found.append(Case(text, good, zero, rule, (), "zero_as_missing"))
    found.append(
        Case("nothing is in production", without(good, "rmse"), None, rule, (), "first", "first")
    )
    for text, first in (
        (f"nothing is in production, and {ndcg} is NaN", {**good, ndcg: math.nan}),
        (f"nothing is in production, and {ndcg} is missing", without(good, ndcg)),
    ):
        found.append(Case(text, first, None, rule, (ndcg,), "first_unchecked", "missing_raises"))
    return found
