"""Write a notebook's object into a module, because a server is a program of its own.

From the cells that were executed, the statements are taken that the object needs: its own, those
that bind the names in it, and so on; experiments and calls of ``check`` stay behind. What it needs
must be written in cells: a value that only lives in the notebook does not reach a server.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from labs.engine.frames import cells_of, functions_of
from labs.engine.outcome import FailedError

_STATEFUL = ("add_", "mount_")  # svc.add_asgi_middleware(…) belongs to svc; runner.run(…) does not


@dataclass(frozen=True)
class Statement:
    """One top-level statement of a cell.

    Attributes
    ----------
    text : str
        Its source, decorators included.
    binds, uses, extends : frozenset of str
        Names it gives a value to; names it reads; names of objects that it adds to.
    """

    text: str
    binds: frozenset[str]
    uses: frozenset[str]
    extends: frozenset[str] = field(default=frozenset())


def module_of(answer: Any) -> tuple[str, str]:
    """Return the text of a module that holds *answer*, and the answer's name in it.

    Parameters
    ----------
    answer : class, function, bentoml.Service or bentoml.legacy.Service
        Something written in a notebook's cell.

    Raises
    ------
    FailedError
        Layer ``import``, if it is nothing of the kind.
    """
    function = next(functions_of(answer), None)
    if function is None:
        raise FailedError(
            f"This is no service: a {type(answer).__name__}.",
            where="What you passed to check.",
            layer="import",
            cause="check wants the service itself: the decorated class, or the Service object.",
        )
    namespace = function.__globals__
    cells = [str(cell) for cell in namespace.get("In", [])] or cells_of(answer)
    name = _name_of(answer, namespace)
    statements = [statement for cell in cells for statement in statements_of(cell)]
    texts = _needed(statements, name, namespace)
    head = f'"""Written by check from the cells of a notebook that {name} needs."""'
    return "\n\n".join([head, *texts]) + "\n", name


def _name_of(answer: Any, namespace: Mapping[str, Any]) -> str:
    for name, value in reversed(list(namespace.items())):
        if value is answer and not name.startswith("_"):
            return name
    written = getattr(answer, "inner", answer)
    name = getattr(written, "__name__", "")
    if not name.isidentifier():
        raise FailedError(
            f"The {type(answer).__name__} that you passed to check has no name in your notebook.",
            layer="import",
            cause="Give it a name in the exercise's cell, as the starter code does.",
        )
    return name


def statements_of(cell: str) -> Iterator[Statement]:
    """Yield the top-level statements of a cell; nothing for a cell that is no Python."""
    try:
        tree = ast.parse(cell)
    except SyntaxError:
        return
    lines = cell.splitlines()
    for node in tree.body:
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        text = "\n".join(lines[first - 1 : node.end_lineno])
        uses = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        binds = frozenset(_bound(node))
        yield Statement(text, binds, frozenset(uses - binds), frozenset(_extended(node)))


def _bound(node: ast.AST) -> Iterator[str]:
    """Yield the names that a statement binds in the module."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name.split(".")[0] for alias in node.names)
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif not isinstance(node, ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from _bound(child)


def _root(node: ast.AST) -> tuple[str, str]:
    """Return ``("svc", "api")`` of ``svc.api(…)``: the first name and what is taken of it."""
    attribute = ""
    while isinstance(node, ast.Call | ast.Attribute):
        if isinstance(node, ast.Attribute):
            attribute, node = node.attr, node.value
        else:
            node = node.func
    return (node.id, attribute) if isinstance(node, ast.Name) else ("", "")


def _extended(node: ast.stmt) -> Iterator[str]:
    """Yield the objects that a statement adds something to."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from (root for d in node.decorator_list for root, taken in [_root(d)] if taken)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        root, taken = _root(node.value)
        if taken.startswith(_STATEFUL):
            yield root
    elif isinstance(node, ast.Assign):
        yield from (_root(t)[0] for t in node.targets if isinstance(t, ast.Attribute))


def _needed(statements: list[Statement], name: str, namespace: Mapping[str, Any]) -> list[str]:
    """Return the texts of the statements that *name* needs, in their order."""
    last = {bound: n for n, statement in enumerate(statements) for bound in statement.binds}
    chosen: set[int] = set()
    imports: set[str] = set()
    known: set[str] = set()
    waiting = [name]
    while waiting:
        wanted = waiting.pop()
        if wanted in known or (hasattr(builtins, wanted) and wanted not in last):
            continue
        known.add(wanted)
        if wanted not in last:
            imports.update(_import_line(wanted, namespace))
            continue
        begin = last[wanted]
        extra = [
            n
            for n in range(begin + 1, len(statements))
            if wanted in statements[n].extends and _is_latest(statements[n], n, last)
        ]
        for n in [begin, *extra]:
            if n not in chosen:
                chosen.add(n)
                waiting += [*statements[n].uses, *statements[n].binds]
    return [*sorted(imports), *(statements[n].text for n in _ordered(statements, chosen, last))]


def _ordered(statements: list[Statement], chosen: set[int], last: Mapping[str, int]) -> list[int]:
    """Return the chosen statements, each after those that bind what it uses.

    In a notebook a name may have got its last value after the cell that uses it.
    """
    ordered: dict[int, None] = {}
    begun: set[int] = set()

    def visit(n: int) -> None:
        if n in begun:
            return
        begun.add(n)
        for needed in sorted(last[name] for name in statements[n].uses if name in last):
            if needed in chosen:
                visit(needed)
        ordered[n] = None

    for n in sorted(chosen):
        visit(n)
    return list(ordered)


def _is_latest(statement: Statement, n: int, last: Mapping[str, int]) -> bool:
    """Say whether no later statement binds the same names: a cell that ran twice counts once."""
    return all(last[name] == n for name in statement.binds)


def _import_line(name: str, namespace: Mapping[str, Any]) -> Iterator[str]:
    value = namespace.get(name)
    module = getattr(value, "__module__", None)
    if module and module != "__main__" and getattr(value, "__name__", None) == name:
        yield f"from {module} import {name}"
