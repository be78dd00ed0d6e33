"""Read a lab's text source and insert what is declared in ``labs/checks``.

Points, minutes, hints and help are declared only once, in ``labs/checks/labNN/exercises.toml``.
They become the line under each exercise's heading, the hint cell, the help, and nbgrader's
metadata.
"""

from __future__ import annotations

import re
from pathlib import Path

import jupytext
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from labs.engine.registry import Exercise, exercises_of
from labs.engine.texts import SOLUTIONS
from services.workbench.notebooks.files import TAGS
from services.workbench.notebooks.normalise import KERNELSPEC, LANGUAGE_INFO

_CHECKED = re.compile(r'check\(\s*"(lab\d\d\.ex\d)"')
_HEADING = re.compile(r"^## Exercise (\d) · (?P<title>.+)$", re.M)
_BEGIN, _END = "### BEGIN SOLUTION", "### END SOLUTION"


class LabError(Exception):
    """A lab's source is invalid; the message says where, and what to do."""


def sources(only: str | None = None, folder: Path = SOLUTIONS) -> list[Path]:
    """Return the labs' text sources in order.

    Parameters
    ----------
    only : str, optional
        Keep the labs whose number or name starts with this: ``"01"`` or ``"lab01"``.
    folder : Path
        Where the solutions are.

    Raises
    ------
    LabError
        If *only* matches nothing.
    """
    found = sorted(folder.glob("lab[0-9][0-9]_*/lab[0-9][0-9]_*.py"))
    found = [path for path in found if path.stem == path.parent.name]
    if not only:
        return found
    chosen = [path for path in found if path.stem.removeprefix("lab").startswith(only[-2:])]
    if not chosen:
        names = ", ".join(path.stem for path in found) or "none"
        raise LabError(f"no lab starts with {only!r}; there are: {names}")
    return chosen


def _tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def read(source: Path) -> NotebookNode:
    """Return the whole notebook of a lab, solved and not executed.

    Raises
    ------
    LabError
        If the source does not match the declared exercises.
    """
    lab = source.stem[:5]
    raw = jupytext.read(source, fmt="py:percent")
    declared = {exercise.id: exercise for exercise in exercises_of(lab)}
    cells: list[NotebookNode] = []
    found: list[str] = []
    for n, cell in enumerate(raw.cells):
        cell.source = cell.source.rstrip("\n")
        if unknown := set(_tags(cell)) - TAGS:
            raise LabError(f"{source.name}: no such tag: {', '.join(sorted(unknown))}")
        if "exercise" in _tags(cell):
            exercise = _exercise_of(source, raw.cells, n, declared)
            found.append(exercise.id)
            _add_facts(source, cells, exercise)
            _require_solution(source, cell, exercise)
        cells.append(cell)
        if "check" in _tags(cell):
            cells += [_hint_cell(declared[found[-1]]), _help_cell(declared[found[-1]])]
    if found != list(declared):
        raise LabError(
            f"{source.name} has the exercises {', '.join(found) or 'none'}; "
            f"labs/checks/{lab}/exercises.toml declares {', '.join(declared) or 'none'}"
        )
    return _finished(source, cells, declared)


def _exercise_of(
    source: Path, cells: list[NotebookNode], n: int, declared: dict[str, Exercise]
) -> Exercise:
    """Return the exercise of cell *n*: the one that the next cell checks."""
    after = cells[n + 1] if n + 1 < len(cells) else None
    match = _CHECKED.search(after.source) if after is not None and "check" in _tags(after) else None
    if match is None:
        raise LabError(
            f"{source.name}: the cell after each exercise must be tagged 'check' and call "
            f'check("{source.stem[:5]}.exN", …); that is missing after:\n{cells[n].source}'
        )
    if match[1] not in declared:
        raise LabError(f"{source.name}: {match[1]} is not declared in labs/checks")
    return declared[match[1]]


def _require_solution(source: Path, cell: NotebookNode, exercise: Exercise) -> None:
    """Refuse an exercise that would reach the learner already solved."""
    if _BEGIN not in cell.source or _END not in cell.source:
        raise LabError(
            f"{source.name}: {exercise.id} is already solved: its cell has no region between "
            f"'{_BEGIN}' and '{_END}'"
        )


def _add_facts(source: Path, cells: list[NotebookNode], exercise: Exercise) -> None:
    """Write difficulty, importance, minutes and points under the exercise's heading."""
    task = next((cell for cell in reversed(cells) if cell.cell_type == "markdown"), None)
    match = _HEADING.search(task.source) if task is not None else None
    if task is None or match is None or match["title"].strip() != exercise.title:
        raise LabError(
            f"{source.name}: the text before {exercise.id} must begin with the heading "
            f"'## Exercise {exercise.id[-1]} · {exercise.title}'"
        )
    points = f"{exercise.points} point" + "s" * (exercise.points > 1)
    facts = (
        f"difficulty {exercise.difficulty} of 5 · importance {exercise.importance} of 5 · about "
        f"{exercise.minutes} minutes · {points}"
    )
    task.source = task.source.replace(match[0], f"{match[0]}\n\n*{facts}*", 1)


def _hint_cell(exercise: Exercise) -> NotebookNode:
    lines = [f'# hint("{exercise.id}")  # again for the next; there are three']
    lines.append(f'# solution("{exercise.id}")')
    return new_code_cell("\n".join(lines), metadata={"tags": ["hint"]})


def _help_cell(exercise: Exercise) -> NotebookNode:
    items = "\n".join(f"- **`{seen}`** {remedy}" for seen, remedy in exercise.help)
    text = f"<details>\n<summary>Help: I get …</summary>\n\n{items}\n\n</details>"
    return new_markdown_cell(text)


def _finished(
    source: Path, cells: list[NotebookNode], declared: dict[str, Exercise]
) -> NotebookNode:
    """Give the cells deterministic ids and nbgrader's metadata."""
    prefix = source.stem.replace("_", "-")
    latest, setups = "", 0
    for number, cell in enumerate(cells, start=1):
        cell.id = f"{prefix}-{number:03d}"
        tags = _tags(cell)
        cell.metadata = NotebookNode({"tags": tags} if tags else {})
        if "exercise" in tags:
            latest = _CHECKED.search(cells[number].source)[1]  # type: ignore[index]
            cell.metadata.nbgrader = _nbgrader(_grade_id(latest), solution=True)
        elif "check" in tags:
            points = declared[latest].points
            cell.metadata.nbgrader = _nbgrader(f"{_grade_id(latest)}-check", points=points)
        elif "setup" in tags:
            setups += 1
            cell.metadata.nbgrader = _nbgrader(f"{source.stem[:5]}-setup{setups}")
    notebook = NotebookNode(nbformat=4, nbformat_minor=5, cells=cells)
    notebook.metadata = NotebookNode(kernelspec=KERNELSPEC, language_info=LANGUAGE_INFO)
    return notebook


def _grade_id(exercise: str) -> str:
    return exercise.replace(".", "-")


def _nbgrader(grade_id: str, *, solution: bool = False, points: int | None = None) -> NotebookNode:
    """Return nbgrader's metadata for an answer, a graded check, or a read-only cell."""
    data = NotebookNode(
        grade=points is not None,
        grade_id=grade_id,
        locked=not solution,
        schema_version=3,
        solution=solution,
        task=False,
    )
    if points is not None:
        data.points = points
    return data
