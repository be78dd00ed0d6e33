"""Run a notebook's cells in this process: what tests and the grader do in place of a kernel."""

from __future__ import annotations

import ast
import asyncio
import inspect
import itertools
import linecache
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

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
        """Return a workspace that knows the same names and goes its own way from here."""
        other = Workspace(self.names)
        other.names["In"] = list(self.names["In"])
        return other

    def run(self, source: str, label: str = "cell") -> Any:
        """Run a cell and return the value of its last expression, None if it ends otherwise.

        Raises
        ------
        Exception
            Whatever the cell raises.
        """
        name = f"<{label} {next(_numbers)}>"
        source = TransformerManager().transform_cell(source)
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        self.names["In"].append(source)
        tree = ast.parse(source, name)
        last = None
        if tree.body and isinstance(tree.body[-1], ast.Expr):
            last = ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]
        self._execute(compile(tree, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))
        if last is None:
            return None
        return self._execute(compile(last, name, "eval", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))

    def _execute(self, code: Any) -> Any:
        value = eval(code, self.names)  # it is what a kernel does
        if code.co_flags & inspect.CO_COROUTINE:
            return asyncio.run(value)
        return value
