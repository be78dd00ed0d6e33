"""Count the lines of code that a server needed."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable

from services.environment import ROOT

_NO_CODE = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
    tokenize.ENDMARKER,
}


def lines(source: str) -> int:
    """Count the lines of code in a Python source, without blank lines, comments and docstrings."""
    found: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _NO_CODE:
            found.update(range(token.start[0], token.end[0] + 1))
    return len(found - _docstrings(source))


def _docstrings(source: str) -> set[int]:
    found: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if ast.get_docstring(node, clean=False) is not None:
            first = node.body[0]
            found.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return found


def lines_of(files: Iterable[str]) -> int:
    """Count the lines of code in some files, given relative to the repository's root."""
    return sum(lines((ROOT / file).read_text(encoding="utf-8")) for file in files)
