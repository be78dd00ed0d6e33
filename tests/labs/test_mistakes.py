"""A check, and every helper that it reaches, names only mistakes that its exercise declares.

At run time an undeclared name would turn a wrong answer into an ERROR, or into a name without a
text, and only for the answer that meets it. So the names are looked for in the source.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

from labs.engine.registry import CHECKS, Exercise, exercises_of, lab_names

EXERCISES = [pytest.param(e, id=e.id) for lab in lab_names() for e in exercises_of(lab)]
HOLDERS = {"mistake", "mistakes", "because", "wrong", "WRONG"}
"""Arguments and variables that hold names of mistakes."""


@functools.cache
def _module(path: Path) -> dict[str, ast.AST | tuple[Path, str]]:
    """Return what a module's own names stand for: a statement, or another module's name."""
    found: dict[str, ast.AST | tuple[Path, str]] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found[name] = node
            case ast.ClassDef(name=name):
                found[name] = node
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = node
            case ast.ImportFrom(module=str(module), names=names):
                if module.startswith("labs.checks"):
                    folder = CHECKS.joinpath(*module.split(".")[2:])
                    for alias in names:
                        inner = folder / f"{alias.name}.py"
                        own = (
                            (inner, "")
                            if inner.exists()
                            else (folder.with_suffix(".py"), alias.name)
                        )
                        found[alias.asname or alias.name] = own
    return found


def _reached(path: Path, name: str, seen: set[tuple[Path, str]]) -> Iterator[ast.AST]:
    """Yield the definition of *name*, and those of all that it uses of the checks' modules."""
    if (path, name) in seen or not path.exists():
        return
    seen.add((path, name))
    known = _module(path)
    definition = known.get(name)
    if isinstance(definition, tuple):
        yield from _reached(*definition, seen)
    if not isinstance(definition, ast.AST):
        return
    yield definition
    for node in ast.walk(definition):
        match node:
            case ast.Name(id=used):
                yield from _reached(path, used, seen)
            case ast.Attribute(value=ast.Name(id=module), attr=used):
                target = known.get(module)
                if isinstance(target, tuple) and not target[1]:
                    yield from _reached(target[0], used, seen)


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
    """Return the mistakes that the check of the module *path* can name, as far as one can read."""
    found: set[str] = set()
    for definition in _reached(path, "check", set()):
        for node in ast.walk(definition):
            match node:
                case ast.FunctionDef(returns=ast.BinOp() as kind) if (
                    ast.unparse(kind) == "str | None"
                ):
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


def test_most_declared_names_are_read() -> None:
    """Otherwise the test above would look at nothing; the rest are looked up while a check runs."""
    checks = [
        (CHECKS / e.lab / f"{e.id[-3:]}.py", e) for lab in lab_names() for e in exercises_of(lab)
    ]
    read = sum(len(named(path) & set(e.mistakes)) for path, e in checks)
    assert read > 0.6 * sum(len(e.mistakes) for _, e in checks)
