"""Make the learner's notebook: nbgrader's preprocessors strip the solutions."""

from __future__ import annotations

import copy
import hashlib
import json
import logging

from nbformat import NotebookNode
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearHiddenTests,
    ClearMarkScheme,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
)
from traitlets.config import Config

STUB = "...  # your code"
"""The placeholder for the solution in a starter cell. It runs and does nothing."""

STAMP = "serving_labs"


def nbgrader_settings() -> Config:
    """Return the same settings as ``nbgrader_config.py``."""
    config = Config()
    config.ClearSolutions.code_stub = {"python": STUB}
    return config


def strip(solved: NotebookNode) -> NotebookNode:
    """Turn a solved notebook into the learner's, as ``nbgrader generate_assignment`` does."""
    notebook = copy.deepcopy(solved)
    for name in ("nbgrader", "traitlets"):
        logging.getLogger(name).setLevel(logging.ERROR)
    resources: dict[str, object] = {}
    for kind in (
        LockCells,
        ClearSolutions,
        ClearOutput,
        CheckCellMetadata,
        ComputeChecksums,
        ClearHiddenTests,
        ClearMarkScheme,
        ComputeChecksums,
    ):
        notebook, resources = kind(config=nbgrader_settings()).preprocess(notebook, resources)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = []
    notebook.metadata[STAMP] = {"lab": solved.cells[0].id[:5], "sha256": fingerprint(notebook)}
    return notebook


def fingerprint(notebook: NotebookNode) -> str:
    """Return a hash of a notebook's cells, which identifies an older copy of a lab."""
    sources = [cell.source for cell in notebook.cells]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()
