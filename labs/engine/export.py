"""Write a notebook's object into a module, because a server is a separate process.

The module gets those statements of the executed cells that the object needs: its own, those that
define the names in it, and those that add something to it. Experiments and calls of ``check`` are
left out. Because this only reads code, it can miss something. So the module ends with a call of
:func:`require_same`, which compares the copied service with the live one. If they differ,
:mod:`labs.engine.pickling` sends the live object itself.
"""

from __future__ import annotations

import ast
import builtins
import pprint
import symtable
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from labs.engine.frames import cells_of, functions_of
from labs.engine.outcome import FailedError

_ADDING = ("add_", "mount_", "on_")  # svc.add_asgi_middleware(…) adds to svc; runner.run(…) not
_ADDING_EXACTLY = {"api", "append", "add", "extend", "insert", "setdefault", "update"}


@dataclass(frozen=True)
class Statement:
    """One top-level statement of a cell.

    Attributes
    ----------
    text : str
        Its source, decorators included.
    binds, uses, extends : frozenset of str
        Names it gives a value to; global names it reads; names of objects that it adds to.
    """

    text: str
    binds: frozenset[str]
    uses: frozenset[str]
    extends: frozenset[str] = field(default=frozenset())


class CopyDiffersError(Exception):
    """The copied service lacks something that the live one has; the message says what."""


def module_of(answer: Any) -> tuple[str, str]:
    """Return the source of a module that contains *answer*, and the answer's name in it.

    Parameters
    ----------
    answer : class, function, bentoml.Service or bentoml.legacy.Service
        An object defined in a notebook's cell.

    Raises
    ------
    FailedError
        Layer ``import``, if it is none of these.
    """
    function = next(functions_of(answer), None)
    if function is None:
        raise FailedError(
            f"A {type(answer).__name__} was passed to check; a service was expected.",
            layer="import",
            cause="Pass the service itself: the decorated class, or the Service object.",
        )
    namespace = function.__globals__
    cells = [str(cell) for cell in namespace.get("In", [])] or cells_of(answer)
    name = _name_of(answer, namespace)
    statements = [statement for cell in cells for statement in statements_of(cell)]
    texts = _needed(statements, name, namespace)
    head = f'"""Written by check from the cells of a notebook that {name} needs."""'
    return "\n\n".join([head, *texts]) + "\n", name


def service_module(answer: Any) -> tuple[str, str]:
    """Return the same as :func:`module_of`; when imported, it compares itself with *answer*.

    Raises
    ------
    FailedError
        As :func:`module_of`.
    """
    text, name = module_of(answer)
    expected = pprint.pformat(description(answer), width=96)
    check = "from labs.engine.export import require_same as _require_same"
    return f"{text}\n\n{check}\n\n_require_same({name}, {expected})\n", name


def description(service: Any) -> dict[str, list[str]]:
    """Return the parts of a service of either BentoML API as texts."""
    apis = getattr(service, "apis", None)
    found = {
        "endpoint": [getattr(api, "route", name) for name, api in apis.items()]
        if isinstance(apis, Mapping)
        else [],
        "Runner": [runner.name for runner in getattr(service, "runners", ())],
        "middleware": [
            f"{cls.__name__}({', '.join(f'{key}={_shown(options[key])}' for key in options)})"
            for cls, options in getattr(service, "middlewares", ())
        ],
        "mounted application": [path for _, path, _ in getattr(service, "mount_apps", ())],
    }
    return {kind: sorted(map(str, items)) for kind, items in found.items()}


def _shown(value: Any) -> str:
    """Return an option as text: a set in sorted order, an object without its address."""
    if isinstance(value, set | frozenset):
        return str(sorted(map(str, value)))
    plain = isinstance(value, str | int | float | list | tuple | dict | None)
    return repr(value) if plain else type(value).__name__


def require_same(service: Any, expected: Mapping[str, list[str]]) -> None:
    """Raise :class:`CopyDiffersError` unless *service* has everything that is expected."""
    got = description(service)
    missing = [
        f"{kind} {item}"
        for kind, items in expected.items()
        for item in items
        if item not in got[kind]
    ]
    if missing:
        raise CopyDiffersError(f"without its {', its '.join(missing)}")


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
    """Yield the top-level statements of a cell; nothing for a cell that is not Python."""
    try:
        tree = ast.parse(cell)
    except SyntaxError:
        return
    lines = cell.splitlines()
    for node in tree.body:
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        text = "\n".join(lines[first - 1 : node.end_lineno])
        table = symtable.symtable(text, "cell", "exec")
        binds = frozenset(
            symbol.get_name()
            for symbol in table.get_symbols()
            if symbol.is_assigned() or symbol.is_imported()
        )
        uses = frozenset(_globals_in(table)) - binds
        yield Statement(text, binds, uses, frozenset(_extended(node)))


def _globals_in(table: symtable.SymbolTable) -> Iterator[str]:
    """Yield the global names that code refers to, without names that are local to a function."""
    for symbol in table.get_symbols():
        if table.get_type() == "module" or symbol.is_global():
            yield symbol.get_name()
    for child in table.get_children():
        yield from _globals_in(child)


def _root(node: ast.AST) -> tuple[str, str]:
    """Return ``("svc", "api")`` for ``svc.api(…)``: the first name and its attribute."""
    attribute = ""
    while isinstance(node, ast.Call | ast.Attribute | ast.Subscript):
        if isinstance(node, ast.Attribute):
            attribute = node.attr
        node = node.func if isinstance(node, ast.Call) else node.value
    return (node.id, attribute) if isinstance(node, ast.Name) else ("", "")


def _extended(node: ast.AST) -> Iterator[str]:
    """Yield the objects that a statement adds something to when it runs."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from (_root(decorator)[0] for decorator in node.decorator_list)
        return
    if isinstance(node, ast.ClassDef | ast.Lambda):
        return
    if isinstance(node, ast.Call):
        root, taken = _root(node)
        if taken.startswith(_ADDING) or taken in _ADDING_EXACTLY:
            yield root
    if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
        yield _root(node)[0]
    for child in ast.iter_child_nodes(node):
        yield from _extended(child)


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
        extra = []
        if not statements[begin].text.startswith(("import ", "from ")):
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
    """Return the chosen statements, each after those that define what it uses.

    In a notebook, the cell that gave a name its last value may have run after a cell that uses it.
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
    """Return whether no later statement binds the same names; a cell that ran twice counts once."""
    return all(last[name] == n for name in statement.binds)


def _import_line(name: str, namespace: Mapping[str, Any]) -> Iterator[str]:
    value = namespace.get(name)
    module = getattr(value, "__module__", None)
    if module and module != "__main__" and getattr(value, "__name__", None) == name:
        yield f"from {module} import {name}"
