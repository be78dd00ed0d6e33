"""Run a submission's cells; cells that are not the learner's come from the shipped lab."""

from __future__ import annotations

import ast
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from nbformat import NotebookNode

from labs.engine.api import _Tail
from labs.engine.workspace import Workspace
from labs.grading import notebook

CELL_SECONDS = 60
"""How long one of the learner's cells may take."""


class TimeoutInCellError(BaseException):
    """A cell took too long; the learner's ``except Exception`` does not catch it."""


class Cells:
    """A learner's cells, combined with those of the shipped lab.

    Parameters
    ----------
    cells : sequence of NotebookNode
        The code cells of the submission.
    ours : dict
        The lab's own cells, by their grade id.
    skip : set of int
        Cells to leave out because they ended an earlier process.
    report : callable
        Called with ``cell=number`` before a cell runs, and with ``note=text``.
    """

    def __init__(
        self,
        cells: Sequence[NotebookNode],
        ours: dict[str, NotebookNode],
        skip: set[int],
        report: Callable[..., object],
    ) -> None:
        self.cells, self.ours, self.skip, self.report = cells, ours, skip, report
        self.names = notebook.named(cells, ours)
        self.workspace = Workspace()

    def run(self, at_check: Callable[[str, list[str]], object]) -> None:
        """Run the cells in order, then the checks whose cell was deleted.

        *at_check* is called with an exercise and the expressions that the lab passes to its check.
        """
        self._run_missing_setup()
        for n, (cell, name) in enumerate(zip(self.cells, self.names, strict=True)):
            ours = self.ours.get(name)
            if ours is not None and name.endswith("-check"):
                if cell.source.strip() != ours.source.strip():
                    self.report(note=f"{name}: the check was edited; the lab's own was run")
                at_check(*call_in(ours))
                continue
            tags = (ours or cell).metadata.get("tags", [])
            if "volatile" in tags or n in self.skip:
                continue
            is_answer = ours is None or "exercise" in tags
            self._run(n, cell.source if is_answer else ours.source)  # type: ignore[union-attr]
        self._run_missing_checks(at_check)

    def _run_missing_setup(self) -> None:
        """Run a deleted setup cell before everything else."""
        for name, ours in self.ours.items():
            tags = ours.metadata.get("tags", [])
            if "setup" in tags and "volatile" not in tags and name not in self.names:
                self._run(-1, ours.source)

    def _run_missing_checks(self, at_check: Callable[[str, list[str]], object]) -> None:
        for name, ours in self.ours.items():
            if name in self.names:
                continue
            if name.endswith("-check"):
                self.report(note=f"{name}: the check was deleted; it was run at the end")
                at_check(*call_in(ours))
            else:
                self.report(note=f"{name}: the cell is gone")

    def _run(self, n: int, source: str) -> None:
        self.report(cell=n)
        try:
            with Limit(CELL_SECONDS), Quiet():
                self.workspace.run(source, f"cell {n + 1}")
        except BaseException as error:
            said = next(iter(str(error).splitlines()), "")[:200]
            self.report(note=f"cell {n + 1} raised {type(error).__name__}: {said}".rstrip(": "))

    def values(self, expressions: Sequence[str]) -> list[Any]:
        """Return the learner's objects; None for one that was never defined."""
        found = []
        for expression in expressions:
            try:
                found.append(eval(expression, self.workspace.names))
            except BaseException:
                found.append(None)
        return found


def call_in(cell: NotebookNode) -> tuple[str, list[str]]:
    """Return the exercise that a check's cell names, and the expressions that it passes."""
    call = next(n for n in ast.walk(ast.parse(cell.source)) if isinstance(n, ast.Call))
    exercise, *answers = call.args
    return str(ast.literal_eval(exercise)), [ast.unparse(answer) for answer in answers]


class Limit:
    """Raise :class:`TimeoutInCellError` in the main thread after some seconds, repeatedly."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __enter__(self) -> None:
        def late(*_: Any) -> None:
            raise TimeoutInCellError(f"it took longer than {self.seconds:g} s")

        signal.signal(signal.SIGALRM, late)
        signal.setitimer(signal.ITIMER_REAL, self.seconds, 0.05)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)


class Quiet:
    """Discard all printed output."""

    def __enter__(self) -> None:
        self._before = sys.stdout, sys.stderr
        sys.stdout = sys.stderr = _Tail()

    def __exit__(self, *_: object) -> None:
        sys.stdout, sys.stderr = self._before
