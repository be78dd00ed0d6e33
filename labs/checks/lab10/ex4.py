"""lab10.ex4: Choose a server, and say why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from labs.checks import pure_functions
from labs.checks.lab10.figures import Figures, Table, figures
from labs.checks.lab10.tables import designed_cases, measured_case
from labs.engine import Context, plain
from services.bench import report

Needs = Mapping[str, Any]


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Compare ``choose(table, needs)`` for designed tables and for the committed figures."""
    measured = figures(report.load())
    cases = [*designed_cases(context.random)]
    cases += [measured_case(context.random, measured) for _ in range(4)]
    pure_functions.compare(
        context,
        lambda table, needs: _sorted(answer(table, needs)),
        cases,
        _choose,
        what="choose(table, needs)",
        where=_described,
        wrong=_WRONG,
    )
    context.note(tables=len(cases))


def _sorted(got: Any) -> Any:
    """Return an answer with its lists sorted, since their order is free; anything else as it is."""
    try:
        answer = dict(plain.plain(got))
        answer["refused"] = {name: sorted(set(paths)) for name, paths in answer["refused"].items()}
        for name in ("equal", "reasons"):
            answer[name].sort()
    except (plain.NotPlainError, TypeError, ValueError, KeyError, AttributeError):
        return got
    return answer


def _described(about: str, table: Table, needs: Needs) -> str:
    """Return the needs, and each server's figures for them: all that the answer depends on."""
    goal, wish = needs["goal"]
    must = ", ".join(f"{path} {relation} {limit:g}" for path, relation, limit in needs["must"])
    paths = dict.fromkeys([*(path for path, *_ in needs["must"]), f"{goal}/median"])
    rows = [
        f"{name}: "
        + ", ".join(f"{path} {own.get(path, 'missing')}" for path in paths)
        + f" ({own.get(f'{goal}/min')} to {own.get(f'{goal}/max')})"
        for name, own in table.items()
    ]
    return f"{about}; must: {must or 'nothing'}; goal: {wish} {goal}. {'; '.join(rows)}"


def _missed(
    own: Figures,
    needs: Needs,
    *,
    unmeasured: bool = False,
    zero: bool = False,
    zero_goal: bool = False,
    strict: bool = False,
    first_only: bool = False,
) -> list[str]:
    """Return the paths of the needs that a server misses; each option makes a mistake."""
    median = f"{needs['goal'][0]}/median"
    missed = []
    for path, relation, limit in needs["must"]:
        value = own.get(path)
        if value is None or (zero and not value):
            meets = unmeasured
        else:
            over = value - limit if relation == "at most" else limit - value
            meets = over < 0 or (over == 0 and not strict)
        if not meets:
            missed.append(path)
    if own.get(median) is None or (zero_goal and not own[median]):
        missed.append(median)
    return missed[:1] if first_only else sorted(set(missed))


def _choose(
    table: Table, needs: Needs, *, touch: bool = True, of_all: bool = False, **options: bool
) -> dict[str, Any]:
    """Return what ``choose`` should, lists sorted; each option makes a mistake."""
    goal, wish = needs["goal"]
    missed = {name: _missed(own, needs, **options) for name, own in table.items()}
    left = [name for name in table if not missed[name]]
    answer: dict[str, Any] = {
        "server": None,
        "equal": [],
        "refused": {name: paths for name, paths in missed.items() if paths},
        "reasons": [],
    }
    if left:
        pick = min if wish == "least" else max
        best = pick(left, key=lambda name: table[name][f"{goal}/median"] or 0.0)
        paths = [*(path for path, *_ in needs["must"]), f"{goal}/median"]
        others = [name for name in (table if of_all else left) if name != best]
        answer["server"] = best
        answer["equal"] = sorted(
            name for name in others if _overlap(table[name], table[best], goal, touch=touch)
        )
        answer["reasons"] = sorted([path, table[best].get(path)] for path in paths)
    return answer


def _overlap(one: Figures, other: Figures, goal: str, *, touch: bool) -> bool:
    """Say whether two ranges have a value in common; False where one was not measured."""
    ends = [own.get(f"{goal}/{end}") for end in ("min", "max") for own in (one, other)]
    known = [end for end in ends if end is not None]
    if len(known) < 4:
        return False
    low, high = max(known[:2]), min(known[2:])
    return low < high or (low == high and touch)


_WRONG: pure_functions.Wrong = [
    ("unmeasured", partial(_choose, unmeasured=True)),
    ("zero", partial(_choose, zero=True)),
    ("zero", partial(_choose, zero=True, zero_goal=True)),
    ("strict", partial(_choose, strict=True)),
    ("first_only", partial(_choose, first_only=True)),
    ("touch", partial(_choose, touch=False)),
    ("equal_refused", partial(_choose, of_all=True)),
]
