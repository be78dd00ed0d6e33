"""Build the solved notebooks and the learners' labs from ``solutions/``; run by ``make labs``.

::

    python -m labs.build [--only 01]            # both
    python -m labs.build --unsolved-only        # only the learners' labs: nothing is executed
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from labs.engine import api
from labs.engine.outcome import Status
from labs.engine.registry import exercises_of
from labs.engine.workspace import Workspace
from labs.build import source as text
from labs.build.learner import strip
from labs.build.solved import run, settings
from services import command_line
from services.environment import ROOT
from services.workbench.notebooks.files import NotebookError, short
from services.workbench.notebooks.normalise import is_compared


def learner_path(source: Path) -> Path:
    """Return where the learner's notebook of a source is committed."""
    return ROOT / "labs" / source.stem / f"{source.stem}.ipynb"


def solved_path(source: Path) -> Path:
    """Return where the solved notebook of a source is committed."""
    return source.with_suffix(".ipynb")


def starter_problems(notebook: NotebookNode, lab: str) -> list[str]:
    """Run a learner's notebook unchanged, in this process; return what is wrong with it."""
    workspace, problems = Workspace(), []
    seen = []
    with settings():
        import os

        os.environ[api.STRICT] = "0"
        for cell in notebook.cells:
            tags = cell.metadata.get("tags", [])
            if cell.cell_type != "code" or "volatile" in tags:
                continue
            try:
                value = workspace.run(cell.source, cell.id)
            except Exception as error:
                problems.append(f"{cell.id} raises {type(error).__name__}: {error}")
                continue
            if "check" in tags:
                seen.append(value.exercise)
                if value.status is not Status.NOT_ATTEMPTED:
                    problems.append(f"{value.exercise} is {value.status} as it ships:\n{value}")
    wanted = [exercise.id for exercise in exercises_of(lab)]
    if seen != wanted:
        problems.append(f"the notebook checks {seen}, but {wanted} are declared")
    return problems


def _write(notebook: NotebookNode, target: Path, *, compared_only: bool) -> bool:
    """Write a notebook if it changed, ignoring volatile outputs; return whether it was written."""
    nbformat.validate(notebook)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        old = nbformat.read(target, as_version=4)
        if _compared(old, compared_only) == _compared(notebook, compared_only):
            return False
    nbformat.write(notebook, target)
    return True


def _compared(notebook: NotebookNode, compared_only: bool) -> NotebookNode:
    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        if compared_only and cell.cell_type == "code" and not is_compared(cell):
            cell.outputs = []
    return copy


def make(source: Path, *, solved: bool = True) -> None:
    """Build both notebooks of one lab.

    Raises
    ------
    LabError, NotebookError
        If the lab is refused. The committed notebooks then stay unchanged.
    """
    start = time.perf_counter()
    target = learner_path(source)
    before = target.read_bytes() if target.exists() else None
    learner = strip(text.read(source))
    changed = [short(target)] if _write(learner, target, compared_only=False) else []
    try:
        if problems := starter_problems(learner, source.stem[:5]):
            raise text.LabError("\n".join(problems))
        if solved and _write(run(source), solved_path(source), compared_only=True):
            changed.append(short(solved_path(source)))
    except BaseException:
        # The starter must be in its place while it is tested: checks compare answers with it.
        if before is None:
            target.unlink()
        else:
            target.write_bytes(before)
        raise
    said = f"{', '.join(changed)} written" if changed else "unchanged"
    print(f"{source.stem:<20}{time.perf_counter() - start:7.1f} s  {said}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Build the labs; return the exit status."""
    parser = command_line.parser("labs.build", __doc__)
    parser.add_argument("--only", metavar="NN", help="one lab, by its number")
    parser.add_argument("--unsolved-only", action="store_true", help="do not execute the solutions")
    options = parser.parse_args(arguments)
    try:
        for source in text.sources(options.only):
            make(source, solved=not options.unsolved_only)
    except (text.LabError, NotebookError) as error:
        print(f"  {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
