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
    tree = ast.parse(cell)
    original = ast.unparse(tree)
    found: dict[str, Mutant] = {}
    for what, line, code in _mutations(tree, _solution_lines(cell)):
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


def _mutations(tree: ast.Module, lines: set[int]) -> Iterator[tuple[str, int, str]]:
    """Yield what was changed, the line, and the changed code."""
    for node in list(ast.walk(tree)):
        line = getattr(node, "lineno", 0)
        if line not in lines:
            continue
        for what, changed in _changes(node):
            if isinstance(node, ast.Constant) and _is_prose(tree, node):
                continue
            _replace(tree, node, changed)
            yield what, line, ast.unparse(ast.fix_missing_locations(tree))
            _replace(tree, changed, node)


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield what can be changed about a node, and the node after the change."""
    match node:
        case ast.Compare():
            operator = type(node.ops[0])
            flipped = [_FLIPPED[operator](), *node.ops[1:]]
            yield f"flip {operator.__name__}", _with(node, ops=flipped)
        case ast.BinOp() if type(node.op) in _SWAPPED:
            yield f"swap {type(node.op).__name__}", _with(node, op=_SWAPPED[type(node.op)]())
        case ast.BoolOp():
            other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield "and for or", _with(node, op=other)
        case ast.UnaryOp(op=ast.Not()):
            yield "drop not", node.operand
        case ast.Constant(value=bool()):
            yield "not the constant", ast.Constant(not node.value)
        case ast.Constant(value=int() | float() as number):
            yield "off by one", ast.Constant(number + 1)
        case ast.Constant(value=str() as text) if re.fullmatch(r"[\w./:@-]+", text):
            # What is no name, path or key is written for people and may differ.
            yield "another text", ast.Constant(f"{text}x")
        case ast.Return() if node.value is not None:
            yield "drop return", ast.Return()
        case ast.Expr(value=ast.Call() | ast.Await()):
            yield "delete call", ast.Pass()
        case ast.Assign():
            yield "delete assignment", ast.Pass()
        case ast.Await():
            yield "drop await", node.value
        case ast.Call(args=args, keywords=keywords):
            if len(args) >= 2 and not any(isinstance(arg, ast.Starred) for arg in args):
                yield "swap arguments", _with(node, args=[args[1], args[0], *args[2:]])
            if keywords:
                yield "drop keyword", _with(node, keywords=keywords[:-1])
        case ast.FunctionDef() | ast.AsyncFunctionDef() if node.decorator_list:
            yield "drop decorator", _with(node, decorator_list=node.decorator_list[1:])
        case ast.If():
            yield "never", _with(node, test=ast.Constant(False))
        case ast.comprehension() if node.ifs:
            yield "drop filter", _with(node, ifs=node.ifs[:-1])


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    vars(changed).update(fields)
    return changed


def _is_prose(tree: ast.Module, node: ast.AST) -> bool:
    """Say whether a text is a docstring or a part of an f-string."""
    for parent in ast.walk(tree):
        if isinstance(parent, ast.Expr) and parent.value is node:
            return True
        if isinstance(parent, ast.JoinedStr) and any(value is node for value in parent.values):
            return True
    return False


def _replace(tree: ast.Module, old: ast.AST, new: ast.AST) -> None:
    """Put *new* in the place of *old*, which is found by identity."""
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
            elif isinstance(value, list) and any(item is old for item in value):
                setattr(parent, name, [new if item is old else item for item in value])
