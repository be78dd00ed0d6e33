"""The notebooks' paths, their text sources, and the errors and warnings in their outputs."""

from __future__ import annotations

import re
from pathlib import Path

import jupytext
from nbformat import NotebookNode

from services.environment import ROOT
from services.workbench.notebooks.normalise import KERNELSPEC

SOURCES = ROOT / "notebooks" / "sources"
COMMITTED = ROOT / "notebooks"

TAGS = frozenset(
    {
        "parameters",
        "setup",
        "volatile",
        "exercise",
        "check",
        "hint",
        "needs-engine",
        "needs-cluster",
        "teardown",
    }
)
"""The closed list of cell tags."""

_WARNING = re.compile(r"\b\w*Warning\b: .*")


class NotebookError(Exception):
    """A notebook cannot be executed, or must not be committed in this state."""


def anchor_of(heading: str) -> str:
    """Return a heading's anchor in JupyterLab's URLs: hyphens for spaces."""
    return heading.replace("`", "").replace(" ", "-")


def sources(only: str | None = None, folder: Path = SOURCES) -> list[Path]:
    """Return the text sources in reading order, or those that start with *only* (``"02"``).

    Raises NotebookError if there is none of that name.
    """
    found = sorted(folder.glob("[0-9][0-9]_*.py"))
    if not only:
        return found
    chosen = [path for path in found if path.stem.startswith(only)]
    if not chosen:
        names = ", ".join(path.stem for path in found) or "none"
        raise NotebookError(f"no notebook starts with {only!r}; there are: {names}")
    return chosen


def committed_path(source: Path) -> Path:
    """Return where the executed notebook of *source* is committed."""
    return COMMITTED / f"{source.stem}.ipynb"


def read_source(source: Path) -> NotebookNode:
    """Read a text source as a notebook whose cells carry deterministic ids (``02-service-007``)."""
    notebook = jupytext.read(source, fmt="py:percent")
    prefix = source.stem.replace("_", "-")
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id = f"{prefix}-{number:03d}"
    notebook.metadata = NotebookNode(kernelspec=KERNELSPEC)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def text_of(value: str | list[str]) -> str:
    """Return multi-line notebook text as one string."""
    return value if isinstance(value, str) else "".join(value)


def warnings_in(notebook: NotebookNode) -> list[str]:
    """Return the Python warnings that cells of *notebook* wrote to stderr, with the cell's id."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr":
                lines = text_of(output.text).splitlines()
                found += [f"{cell.id}: {line.strip()}" for line in lines if _WARNING.search(line)]
    return found


def errors_in(notebook: NotebookNode) -> list[str]:
    """Return the error outputs of *notebook*, with the cell's id."""
    return [
        f"{cell.id}: {output.ename}: {output.evalue}"
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]


def short(path: Path) -> str:
    """Return *path* relative to the repository if it is inside it."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
