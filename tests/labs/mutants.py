"""Mutants: the solution of an exercise with one thing changed mechanically.

Each is a small mistake that nobody chose. A check that passes one either accepts a wrong answer, or
the mutant is still a right one; which of both is written down in ``survivors.toml``.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass

_REGION = re.compile(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", re.S)

_FLIPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_SWAPPED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
}


@dataclass(frozen=True)
class Mutant:
    """One mutant: its exercise, what was changed, and the whole cell.

    ``name`` stays the same while the solution does: ``lab01.ex2 flip == in line 4``.
    """

    name: str
    code: str


def mutants_of(exercise: str, cell: str) -> list[Mutant]:
    """Return the mutants of a solved cell, without doubles and without those equal to it."""
    lines = _solution_lines(cell)
    tree = ast.parse(cell)
    original = ast.unparse(tree)
    found: dict[str, Mutant] = {}
    for what, line, mutated in _mutations(tree, lines):
        code = ast.unparse(ast.fix_missing_locations(mutated))
        if code == original or code in found:
            continue
        name = f"{exercise} {what} in line {line}"
        same = sum(mutant.name.startswith(name) for mutant in found.values())
        found[code] = Mutant(name if not same else f"{name}, no. {same + 1}", code)
    return list(found.values())


def _solution_lines(cell: str) -> set[int]:
    """Return the lines of a cell that are a solution; the starter's lines are not mutated."""
    lines: set[int] = set()
    for match in _REGION.finditer(cell):
        begin = cell[: match.start(1)].count("\n") + 1
        lines.update(range(begin, begin + match[1].count("\n")))
    return lines


def _mutations(tree: ast.Module, lines: set[int]) -> Iterator[tuple[str, int, ast.Module]]:
    """Yield what was changed, the line, and the changed tree."""
    nodes = list(ast.walk(tree))
    for n, node in enumerate(nodes):
        line = getattr(node, "lineno", 0)
        if line not in lines:
            continue
        for what in _changes(node):
            mutated = copy.deepcopy(tree)
            twin = list(ast.walk(mutated))[n]
            if _change(mutated, twin, what):
                yield what, line, mutated


def _changes(node: ast.AST) -> Iterator[str]:
    """Yield the names of what can be changed about a node."""
    match node:
        case ast.Compare():
            yield f"flip {type(node.ops[0]).__name__}"
        case ast.BinOp() if type(node.op) in _SWAPPED:
            yield f"swap {type(node.op).__name__}"
        case ast.BoolOp():
            yield "and for or"
        case ast.UnaryOp(op=ast.Not()):
            yield "drop not"
        case ast.Constant(value=bool()):
            yield "not the constant"
        case ast.Constant(value=int() | float()):
            yield "off by one"
        case ast.Constant(value=str()) if _is_a_name(node.value):
            yield "another text"
        case ast.Return() if node.value is not None:
            yield "drop return"
        case ast.Expr(value=ast.Call() | ast.Await()):
            yield "delete call"
        case ast.Assign():
            yield "delete assignment"
        case ast.Await():
            yield "drop await"
        case ast.Call():
            if len(node.args) >= 2 and not any(isinstance(a, ast.Starred) for a in node.args):
                yield "swap arguments"
            if node.keywords:
                yield "drop keyword"
        case ast.FunctionDef() | ast.AsyncFunctionDef() if node.decorator_list:
            yield "drop decorator"
        case ast.If():
            yield "never"
        case ast.comprehension() if node.ifs:
            yield "drop filter"
        case _:
            return


def _change(tree: ast.Module, node: ast.AST, what: str) -> bool:
    """Change *node* in place; say whether it could be done."""
    match node:
        case ast.Compare():
            node.ops[0] = _FLIPPED[type(node.ops[0])]()
        case ast.BinOp():
            node.op = _SWAPPED[type(node.op)]()
        case ast.BoolOp():
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        case ast.UnaryOp():
            return _replace(tree, node, node.operand)
        case ast.Constant(value=bool()):
            node.value = not node.value
        case ast.Constant(value=int() | float()):
            node.value = node.value + 1
        case ast.Constant(value=str()):
            if _is_prose(tree, node):
                return False
            node.value = f"{node.value}x"
        case ast.Return():
            node.value = None
        case ast.Expr() | ast.Assign():
            return _replace(tree, node, ast.Pass())
        case ast.Await():
            return _replace(tree, node, node.value)
        case ast.Call():
            if what == "swap arguments":
                node.args[0], node.args[1] = node.args[1], node.args[0]
            else:
                node.keywords.pop()
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            node.decorator_list.pop(0)
        case ast.If():
            node.test = ast.Constant(False)
        case ast.comprehension():
            node.ifs.pop()
    return True


def _is_a_name(text: str) -> bool:
    """Say whether a text is a name, a path or a key; what is written for people may differ."""
    return re.fullmatch(r"[\w./:@-]+", text) is not None


def _is_prose(tree: ast.Module, node: ast.Constant) -> bool:
    """Say whether a text is a docstring or a part of an f-string."""
    for parent in ast.walk(tree):
        if isinstance(parent, ast.Expr) and parent.value is node:
            return True
        if isinstance(parent, ast.JoinedStr) and any(value is node for value in parent.values):
            return True
    return False


def _replace(tree: ast.Module, old: ast.AST, new: ast.AST) -> bool:
    """Put *new* in the place of *old*, which is found by identity."""
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
                return True
            if isinstance(value, list) and any(item is old for item in value):
                setattr(parent, name, [new if item is old else item for item in value])
                return True
    return False
