"""lab15.ex3: One line, one label."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from labs.checks.unchanged import unchanged
from labs.engine import Context

FIELDS = ["name", "route"]


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Record friendly names and forged ones, known paths and invented ones."""
    routes = [f"/{word}" for word in context.random.sample(["infer", "render", "mine", "top"], 3)]
    number = context.random.randint(100, 999)
    names = {
        "a plain name": f"Ada {number}",
        "an empty name": "",
        "a name with quotes": f'Ada "{number}" \\ {{}}',
        "a name with a line break": f"Ada\nERROR {number}",
        "a name with a carriage return": f"Ada\r{number}",
        "a name with Unicode's line separators": f"A\u2028b\u2029c\x85d\x0b\x0c\x1c{number}",
        "a name with accents": f"Adá Łovelace {number}",
        "a name with spaces at its ends": f"  Ada {number} ",
        "a name of 64 characters": "x" * 61 + str(number),
        "a name of 64 characters, most beyond ASCII": "ﬁ🙂e\u0301" * 15 + f"ä{number}",
        "a name with half of a surrogate pair": f"Ada \ud83d{number}",
        "a name of 9,000 characters": str(number) * 3000,
        "a name of 65 characters": "x" * 62 + str(number),
    }
    for where, name in names.items():
        _record(context, answer, name, context.random.choice(routes), routes, where)
    paths = {
        "a page that does not exist": f"/wp-admin-{number}.php",
        "a route with a slash more": f"{routes[0]}/",
        "a route in capitals": routes[0].upper(),
        "the beginning of a route": routes[0][:-1],
        "a route and more": f"{routes[1]}/{number}",
        "a route and a query": f"{routes[2]}?top={number}",
        "a route and a line break": f"{routes[2]}\n",
        "the root": "/",
        "an empty path": "",
    }
    for where, path in paths.items():
        _record(context, answer, f"Ada {number}", path, routes, where)
    for path in routes:
        _record(context, answer, f"Ada {number}", path, routes, f"the route {path}")
    context.note(requests=len(names) + len(paths) + len(routes))


def _record(
    context: Context,
    answer: Callable[..., Any],
    name: str,
    path: str,
    routes: list[str],
    where: str,
) -> None:
    route = path if path in routes else "other"
    with unchanged(context, where, routes=routes):
        got = context.plain(context.call(answer, name, path, routes, where=where), where=where)
    if type(got) is not list or len(got) != 2 or type(got[0]) is not str:
        context.fail("Two values were expected, a line and a label.", where=where, layer="schema")
    line, label = got
    if label == path != route:
        context.fail(
            f"The label is the client's path, {path!r}; 'other' was expected.",
            where=where,
            mistake="open_label",
        )
    context.same(label, route, what="the label", where=where)
    lines = len(line.splitlines())
    differs = f"The record takes {lines} lines of the log; one was expected."
    cause = "several_lines" if len(name.splitlines()) > 1 else None
    context.expect(lines == 1, differs, where=where, mistake=cause)
    try:
        read = json.loads(line)
    except ValueError as error:
        context.fail(f"The line is not JSON: {error}.", where=where, mistake="no_json")
    context.same(
        read,
        {"name": name[:64], "route": route},
        what="the record",
        where=where,
        mistakes=_named(name, path, route),
    )


def _named(name: str, path: str, route: str) -> dict[str, Any]:
    named: dict[str, Any] = {}
    if len(name) > 64:
        named["endless"] = {"name": name, "route": route}
    if path != route:
        named["raw_path"] = {"name": name[:64], "route": path}
    return named
