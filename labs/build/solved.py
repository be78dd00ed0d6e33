"""Make the solved notebook: executed, its outputs normalised like the chapter's."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from nbformat import NotebookNode

from labs.engine import api, progress
from labs.build import source as text
from services.environment import build_dir
from services.workbench.notebooks import normalise, provenance
from services.workbench.notebooks.files import warnings_in
from services.workbench.notebooks.run import execute_notebook, variables

SEED = "2026"
"""The seed of the checks' inputs in committed notebooks, so that they are the same in every run."""


def settings() -> AbstractContextManager[None]:
    """Let the checks raise, use a fixed seed, and record no progress, inside the block."""
    return variables({api.STRICT: "1", api.SEED: SEED, progress.VARIABLE: ""})


def run(source: Path) -> NotebookNode:
    """Execute a lab's solutions; return the normalised notebook.

    Raises
    ------
    NotebookError
        If a cell raises; a check raises if it is not passed.
    LabError
        If the source does not match its declared exercises, or a cell emits a warning.
    """
    whole = text.read(source)
    kept = [cell.metadata for cell in whole.cells]
    output = build_dir() / "labs" / "solved" / f"{source.stem}.ipynb"
    with settings():
        executed = execute_notebook(whole, source, output, cwd=source.parent)
    executed = normalise.notebook(executed)
    for cell, metadata in zip(executed.cells, kept, strict=True):
        cell.metadata = metadata
    if warnings := warnings_in(executed):
        raise text.LabError("a cell emitted a warning; fix it:\n  " + "\n  ".join(warnings))
    stamp = provenance.stamp(executed, source)
    stamp["source"] = f"solutions/{source.stem}/{source.name}"
    executed.metadata[provenance.STAMP] = stamp
    return executed
