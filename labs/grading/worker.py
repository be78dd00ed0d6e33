"""Run one submission in this process and check its exercises; started by :mod:`labs.grading.run`.

The learner's cells run as they are. What is ours in the notebook, its setup and its checks, is
taken from the lab as it ships, whatever the submission says there. A check is imported anew each
time and gets the learner's object by the name that the lab gives it.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from labs.engine.api import _Tail
from labs.engine.attempted import notebook_of
from labs.engine.workspace import Workspace

CELL_SECONDS = 60
"""How long one of the learner's cells may take."""


class CellTimeError(BaseException):
    """A cell took too long; no ``except Exception`` of the learner's catches it."""


class Submission:
    """A learner's notebook beside the lab as it ships.

    Attributes
    ----------
    notes : list of str
        What an instructor should know: cells that are missing, changed, or raise.
    """

    def __init__(self, path: Path, lab: str, skip: set[int], report: Callable[..., None]) -> None:
        self.cells = [c for c in _read(path).cells if c.cell_type == "code"]
        official = notebook_of(lab)
        if official is None:
            raise FileNotFoundError(f"the notebook of {lab} is not there: make labs")
        shipped = nbformat.read(official, as_version=4).cells
        self.ours = {_grade_id(cell): cell for cell in shipped if _grade_id(cell)}
        self.skip = skip
        self.report = report
        self.workspace = Workspace()
        self.checked: set[str] = set()

    def grade(self, done: set[str], seed: int) -> None:
        """Run the cells in order, each check where it stands; then those whose cell is gone."""
        self.checked |= done
        self._run_missing_setup()
        for n, cell in enumerate(self.cells):
            name = _grade_id(cell)
            ours = self.ours.get(name)
            if ours is not None and name.endswith("-check"):
                if cell.source.strip() != ours.source.strip():
                    self.report(note=f"{name}: the check was edited; the lab's own was run")
                self._check(ours, seed)
                continue
            source = cell.source
            if ours is not None and "exercise" not in ours.metadata.get("tags", []):
                source = ours.source
            if "volatile" in (ours or cell).metadata.get("tags", []) or n in self.skip:
                continue
            self._run(n, source)
        present = {_grade_id(cell) for cell in self.cells}
        for name, ours in self.ours.items():
            if name not in present and not name.endswith("-check"):
                self.report(note=f"{name}: the cell is gone")
            if name.endswith("-check") and name not in present:
                self.report(note=f"{name}: the check was deleted; it was run at the end")
                self._check(ours, seed)

    def _run_missing_setup(self) -> None:
        """Run a setup cell that was deleted, before everything else."""
        present = {_grade_id(cell) for cell in self.cells}
        for name, ours in self.ours.items():
            tags = ours.metadata.get("tags", [])
            if "setup" in tags and "volatile" not in tags and name not in present:
                self._run(-1, ours.source)

    def _run(self, n: int, source: str) -> None:
        self.report(cell=n)
        try:
            with _Limit(CELL_SECONDS), _Quiet():
                self.workspace.run(source, f"cell {n + 1}")
        except BaseException as error:
            said = next(iter(str(error).splitlines()), "")[:200]
            self.report(note=f"cell {n + 1} raised {type(error).__name__}: {said}".rstrip(": "))

    def _check(self, ours: NotebookNode, seed: int) -> None:
        call = next(n for n in ast.walk(ast.parse(ours.source)) if isinstance(n, ast.Call))
        exercise, *answers = call.args
        name = str(ast.literal_eval(exercise))
        if name in self.checked:
            return
        self.checked.add(name)
        self.report(checking=name)
        values = []
        for answer in answers:
            try:
                values.append(eval(compile(ast.Expression(answer), "<check>", "eval"), self.names))
            except BaseException:
                values.append(None)  # it was never written: not attempted
        _restore_builtins()
        with _Quiet():
            result = _fresh_examine()(name, *values, seed=seed)
            data = {**result.as_dict(), "seconds": round(result.seconds, 2), "title": result.title}
        self.report(result=data)

    @property
    def names(self) -> dict[str, Any]:
        """The namespace of the learner's cells."""
        return self.workspace.names


def history_of(cells: list[NotebookNode]) -> dict[str, Any]:
    """Return the tries and minutes that the cards in a notebook tell, the largest of each."""
    found: dict[str, Any] = {"minutes": None, "tries": {}}
    for cell in cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {}).get("application/vnd.serving-labs.result+json")
            if not isinstance(data, dict) or not isinstance(data.get("history"), dict):
                continue
            tries, minutes = data["history"].get("tries"), data["history"].get("minutes")
            if isinstance(tries, int):
                found["tries"][str(data.get("exercise"))] = tries
            if isinstance(minutes, int):
                found["minutes"] = max(found["minutes"] or 0, minutes)
    return found


def _read(path: Path) -> NotebookNode:
    """Read a notebook; raise ValueError with a reason if it is none."""
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        _ = [(cell.cell_type, cell.source, cell.metadata) for cell in notebook.cells]
    except Exception as error:
        said = next(iter(str(error).splitlines()), "")[:120]
        raise ValueError(f"this is no notebook: {said or type(error).__name__}") from None
    return notebook


def _grade_id(cell: NotebookNode) -> str:
    return str(cell.metadata.get("nbgrader", {}).get("grade_id", ""))


def _fresh_examine() -> Callable[..., Any]:
    """Return ``examine`` of a newly imported engine: what the learner did to ours is gone."""
    for name in [name for name in sys.modules if name == "labs" or name.startswith("labs.")]:
        if not name.startswith("labs.grading"):
            del sys.modules[name]
    return importlib.import_module("labs.engine.api").examine


_builtins = dict(vars(builtins))


def _restore_builtins() -> None:
    vars(builtins).update(_builtins)


class _Limit:
    """Raise :class:`CellTimeError` in the main thread after some seconds, again and again."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __enter__(self) -> None:
        def late(*_: Any) -> None:
            raise CellTimeError(f"it took longer than {self.seconds:g} s")

        signal.signal(signal.SIGALRM, late)
        signal.setitimer(signal.ITIMER_REAL, self.seconds, 0.05)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)


class _Quiet:
    """Throw away what is printed, however much."""

    def __enter__(self) -> None:
        self._before = sys.stdout, sys.stderr
        sys.stdout = sys.stderr = _Tail()

    def __exit__(self, *_: object) -> None:
        sys.stdout, sys.stderr = self._before


def _limit_files() -> None:
    """Keep one file, and core dumps, from filling the disk."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000_000, 2_000_000_000))


def main() -> int:
    """Grade one submission; the lines go to the file descriptor that the parent gave."""
    parser = argparse.ArgumentParser()
    parser.add_argument("notebook", type=Path)
    parser.add_argument("lab")
    parser.add_argument("--report-fd", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--skip", type=int, nargs="*", default=[])
    parser.add_argument("--done", nargs="*", default=[])
    options = parser.parse_args()
    os.set_inheritable(options.report_fd, False)

    def report(**line: Any) -> None:
        os.write(options.report_fd, (json.dumps(line) + "\n").encode())

    _limit_files()
    sys.argv = ["notebook"]
    import labs

    for name in ("check", "hint", "solution", "preflight"):
        setattr(labs, name, lambda *_, **__: None)  # in the learner's own cells
    try:
        submission = Submission(options.notebook, options.lab, set(options.skip), report)
    except (ValueError, OSError) as error:
        report(unreadable=str(error))
        return 0
    report(history=history_of(submission.cells))
    submission.grade(set(options.done), options.seed)
    report(end=True)
    # Threads of the learner's must not keep the process.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
