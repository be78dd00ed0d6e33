"""Run a notebook's cells in this process, as tests and the grader do instead of a kernel."""

from __future__ import annotations

import ast
import asyncio
import inspect
import itertools
import linecache
from typing import Any

_numbers = itertools.count(1)


class Workspace:
    """A namespace in which cells run one after another, as in a kernel.

    Attributes
    ----------
    names : dict
        The namespace; ``In`` in it is the list of cells that ran.
    """

    def __init__(self, names: dict[str, Any] | None = None) -> None:
        self.names: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
        self.names["In"] = [""]
        self.names.update(names or {})

    def copy(self) -> Workspace:
        """Return an independent workspace with the same names."""
        other = Workspace(self.names)
        other.names["In"] = list(self.names["In"])
        return other

    def run(self, source: str, label: str = "cell") -> Any:
        """Run a cell and return its last expression's value; None if it ends with a statement.

        Raises
        ------
        Exception
            Whatever the cell raises.
        """
        name = f"<{label} {next(_numbers)}>"
        source = _transformed(source)
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        self.names["In"].append(source)
        tree = ast.parse(source, name)
        last = None
        if tree.body and isinstance(tree.body[-1], ast.Expr):
            last = ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]
        self._execute(_compiled(tree, name, "exec"))
        return None if last is None else self._execute(_compiled(last, name, "eval"))

    def _execute(self, code: Any) -> Any:
        value = eval(code, self.names)  # as a kernel does
        if code.co_flags & inspect.CO_COROUTINE:
            return asyncio.run(value)
        return value


def _transformed(source: str) -> str:
    """Return a cell as Python. Only other code, such as a magic, needs IPython's parser.

    IPython takes seconds to import, and the grader runs each submission in a new process.
    """
    try:
        ast.parse(source)
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        return str(TransformerManager().transform_cell(source))
    return source if source.endswith("\n") else f"{source}\n"


def _compiled(tree: Any, name: str, mode: str) -> Any:
    """Compile as a kernel does: await is allowed, and this module's future imports do not apply."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    return compile(tree, name, mode, flags=flags, dont_inherit=True)
