"""Make submissions of a lab: good ones, blank ones, and all the bad ones that we could think of."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from labs.engine.attempted import notebook_of
from labs.engine.texts import solution_cell, without_marks


def shipped(lab: str) -> NotebookNode:
    path = notebook_of(lab)
    assert path is not None
    return nbformat.read(path, as_version=4)


def with_answers(lab: str, answers: Mapping[str, str]) -> NotebookNode:
    """Return the lab's notebook with the code of some exercises' cells replaced."""
    notebook = shipped(lab)
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        name = grade_id.replace("-", ".", 1)
        if name in answers:
            cell.source = answers[name]
    return notebook


def solved_notebook(lab: str, exercises: list[str]) -> NotebookNode:
    return with_answers(lab, {e: without_marks(solution_cell(e) or "") for e in exercises})


def insert(notebook: NotebookNode, code: str, *, before: str) -> NotebookNode:
    """Put a cell of the learner's own before the cell of an exercise."""
    ids = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells]
    cell = new_code_cell(code)
    notebook.cells.insert(ids.index(before.replace(".", "-", 1)), cell)
    return notebook


def without(notebook: NotebookNode, unwanted: Callable[[NotebookNode], bool]) -> NotebookNode:
    notebook.cells = [cell for cell in notebook.cells if not unwanted(cell)]
    return notebook


def hand_in(folder: Path, student: str, notebook: NotebookNode | str, name: str) -> Path:
    path = folder / student / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = notebook if isinstance(notebook, str) else json.dumps(notebook)
    path.write_text(text, encoding="utf-8")
    return path
