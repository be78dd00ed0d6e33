"""A check names only mistakes that its exercise declares, and a helper those of its lab.

At run time an undeclared name would turn a wrong answer into an ERROR, or into a name without a
text, and only for the answer that meets it. So the names are looked for in the source.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from labs.engine.registry import CHECKS, Exercise, exercises_of, lab_names

EXERCISES = [pytest.param(e, id=e.id) for lab in lab_names() for e in exercises_of(lab)]
HOLDERS = {"mistake", "mistakes", "because", "wrong", "WRONG"}
"""Arguments and variables that hold names of mistakes."""


def _names(value: ast.AST) -> Iterator[str]:
    """Yield the mistakes that an expression can name; not those that it asks to be declared."""
    match value:
        case ast.Constant(value=str(name)) if name:
            yield name
        case ast.IfExp(test=test, body=body, orelse=orelse):
            asked = {node.value for node in ast.walk(test) if isinstance(node, ast.Constant)}
            yield from (
                name for part in (body, orelse) for name in _names(part) if name not in asked
            )
        case ast.BoolOp(values=parts):
            yield from (name for part in parts for name in _names(part))
        case ast.Dict(keys=keys):
            yield from (name for key in keys if key for name in _names(key))
        case ast.List(elts=parts):
            for part in parts:
                yield from _names(part.elts[0] if isinstance(part, ast.Tuple) else part)


def named(path: Path) -> set[str]:
    """Return the mistakes that the module *path* can name, as far as one can read."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.FunctionDef(returns=ast.BinOp() as kind) if ast.unparse(kind) == "str | None":
                returned = (n.value for n in ast.walk(node) if isinstance(n, ast.Return))
                found.update(name for value in returned if value for name in _names(value))
            case ast.keyword(arg="types", value=ast.Dict(values=values)):
                found.update(name for value in values for name in _names(value))
            case ast.keyword(arg=str(holder), value=value) if holder in HOLDERS:
                found.update(_names(value))
            case ast.Assign(targets=[ast.Name(id=holder)], value=value) if holder in HOLDERS:
                found.update(_names(value))
    return found


@pytest.mark.parametrize("exercise", EXERCISES)
def test_a_check_names_declared_mistakes_only(exercise: Exercise) -> None:
    lab, _, name = exercise.id.partition(".")
    assert named(CHECKS / lab / f"{name}.py") - set(exercise.mistakes) == set()


def _declared(lab: str) -> set[str]:
    return {name for exercise in exercises_of(lab) for name in exercise.mistakes}


def _named_in(lab: str) -> set[str]:
    return {name for path in (CHECKS / lab).rglob("*.py") for name in named(path)}


@pytest.mark.parametrize("lab", lab_names())
def test_a_helper_names_declared_mistakes_only(lab: str) -> None:
    assert _named_in(lab) - _declared(lab) == set()


def test_most_declared_names_are_read() -> None:
    """Otherwise the tests above would look at nothing; a running check looks up the others."""
    read = sum(len(_named_in(lab) & _declared(lab)) for lab in lab_names())
    assert read > 0.6 * sum(len(_declared(lab)) for lab in lab_names())
