"""Lab 10: one answer of ``choose`` is held to the right one, and the difference is explained."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from labs.checks import lab10_table as tables
from labs.engine import Context


def chosen(context: Context, answer: Callable[..., Any], case: tables.Case) -> None:
    """Hold the answer for one case to the right one, part by part."""
    must = ", ".join(f"{path} {relation} {limit:g}" for path, relation, limit in case.needs["must"])
    goal = " ".join(reversed(case.needs["goal"]))
    where = f"{case.about}; must: {must or 'nothing'}; goal: {goal}"
    paths = [path for path, *_ in case.needs["must"]]

    def unmeasured(error: BaseException) -> str | None:
        unknown = isinstance(error, KeyError) and error.args[0] in paths
        none = isinstance(error, TypeError) and "NoneType" in str(error)
        return "unmeasured" if unknown or none else None

    arguments = copy.deepcopy(case.table), copy.deepcopy(dict(case.needs))
    got = context.call(answer, *arguments, where=where, because=unmeasured)
    got = context.plain(got, what="choose(table, needs)", where=where)
    want = tables.choose(case.table, case.needs)
    if not isinstance(got, dict) or got.keys() != want.keys():
        shown = sorted(got) if isinstance(got, dict) else type(got).__name__
        context.fail(
            f"choose(table, needs) has {shown}; a dictionary with {sorted(want)} was expected.",
            where=where,
            layer="schema",
        )
    _server(context, got["server"], want["server"], case, where)
    _refused(context, got["refused"], want["refused"], case, where)
    _equal(context, got["equal"], want, case, where)
    _reasons(context, got["reasons"], want["reasons"], case, where)


_BENDS = ("regardless", "any_need", "unmeasured", "zero", "strict", "wrong_way")


def _server(context: Context, got: Any, want: Any, case: tables.Case, where: str) -> None:
    if got == want:
        return
    bends = [b for b in _BENDS if tables.choose(case.table, case.needs, b)["server"] == got]
    if want is None:
        bends = ["least_bad"]
    known = isinstance(got, str) and got in case.table
    because = _why(case, got if known else want)
    missed = tables.missed(case.table[got], case.needs) if known else []
    if missed and all(case.table[got].get(path) is None for path in missed):
        goal_only = missed == [f"{case.needs['goal'][0]}/median"]
        bends = ["unmeasured_goal" if goal_only else "unmeasured"]
    if known and want and not missed:
        path = f"{case.needs['goal'][0]}/median"
        medians = [case.table[name][path] for name in (got, want)]
        because = f"{path} is {medians[0]} for {got} and {medians[1]} for {want}."
        bends = bends or ["by_end"] * (got in _best_ends(case))
    context.fail(
        f"The server is {got!r}; {want!r} was expected. {because}",
        where=where,
        mistake=next(iter(bends), None),
    )


def _best_ends(case: tables.Case) -> set[str]:
    """Return the servers that are best by their range's least or by its most value."""
    goal, wish = case.needs["goal"]
    fit = [name for name in case.table if not tables.missed(case.table[name], case.needs)]
    best = max if wish == tables.MOST else min
    ends = (f"{goal}/min", f"{goal}/max")
    return {best(fit, key=lambda name: case.table[name][end] or 0.0) for end in ends}


def _why(case: tables.Case, name: str) -> str:
    """Say of a server which need it misses first."""
    figures, goal = case.table[name], case.needs["goal"][0]
    missed = tables.missed(figures, case.needs)
    if not missed:
        return f"{name} meets every need."
    for path, relation, limit in case.needs["must"]:
        value = figures.get(path)
        if path == missed[0] and value is not None:
            return f"{path} of {name} is {value:g}; {relation} {limit:g} is needed."
    needed = "the goal" if missed[0] == f"{goal}/median" else "a need"
    return f"{missed[0]} of {name}, {needed}, was not measured."


def _refused(context: Context, got: Any, want: Any, case: tables.Case, where: str) -> None:
    if not isinstance(got, dict) or any(not isinstance(paths, list) for paths in got.values()):
        context.fail(
            f"refused is {got}; a dictionary of lists was expected.", where=where, layer="schema"
        )
    if wrong := sorted(got.keys() ^ want.keys()):
        because = _why(case, wrong[0]) if wrong[0] in case.table else "There is no such server."
        context.fail(
            f"refused has {sorted(got)}; {sorted(want)} was expected. {because}", where=where
        )
    for name, paths in want.items():
        first_only = got[name] in ([path] for path in paths)
        context.same(
            sorted(map(str, got[name])),
            sorted(paths),
            what=f"refused[{name!r}]",
            where=where,
            mistakes={"first_only": got[name]} if first_only else None,
        )


def _equal(context: Context, got: Any, want: dict[str, Any], case: tables.Case, where: str) -> None:
    server, goal = want["server"], case.needs["goal"][0]
    if not isinstance(got, list):
        context.fail(f"equal is {got!r}; a list was expected.", where=where, layer="schema")
    names = sorted(map(str, got))
    if names == want["equal"]:
        return
    extra = sorted(set(names) - set(want["equal"]))
    missing = sorted(set(want["equal"]) - set(names))
    shown = [name for name in [server, *missing, *extra] if name in case.table]
    ranges = ", ".join(
        f"{name} {case.table[name].get(f'{goal}/min')} to {case.table[name].get(f'{goal}/max')}"
        for name in dict.fromkeys(shown)
    )
    context.fail(
        f"equal is {names}; {want['equal']} was expected. The ranges of {goal}: {ranges}.",
        where=where,
        mistake=_which_equal(case, want, missing, extra),
    )


def _which_equal(
    case: tables.Case, want: dict[str, Any], missing: list[str], extra: list[str]
) -> str | None:
    server, goal = want["server"], case.needs["goal"][0]
    if set(extra) & set(want["refused"]):
        return "equal_refused"
    if missing:
        own, touching = case.table[server], [case.table[name] for name in missing]
        at_an_end = all(
            own[f"{goal}/max"] == other[f"{goal}/min"] or own[f"{goal}/min"] == other[f"{goal}/max"]
            for other in touching
        )
        return "touch" if at_an_end else "told_apart"
    if server in extra:
        return "itself"
    return "chain" if extra else None


def _reasons(context: Context, got: Any, want: Any, case: tables.Case, where: str) -> None:
    limits = {path: limit for path, _, limit in case.needs["must"]}
    pairs = isinstance(got, list) and all(isinstance(each, list) for each in got)
    if not pairs or any(len(each) != 2 or not isinstance(each[0], str) for each in got):
        context.fail(
            f"reasons is {got}; a list of pairs of a path and a figure was expected.",
            where=where,
            layer="schema",
        )
    found = sorted(got, key=lambda pair: pair[0])
    want = sorted(want)
    if [path for path, _ in found] != [path for path, _ in want]:
        shown = [path for path, _ in found], [path for path, _ in want]
        context.same(*shown, what="The paths in reasons", where=where)
    for (path, value), (_, right) in zip(found, want, strict=True):
        context.same(
            value,
            right,
            what=f"In reasons, {path}",
            where=where,
            mistakes=[
                ("limits", limits.get(path, right)),
                *[("rounded", round(right, digits)) for digits in (2, 1, 0)],
            ],
        )
