"""Compare a run of a notebook with its committed outputs, by nbval's own code.

nbval would execute each notebook a second time. Its comparison is a method of a pytest item that
needs little of that item; here it gets that little.
"""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import pytest
from nbformat import NotebookNode
from nbval.plugin import IPyNbCell, nocolors

from services.workbench.notebooks import normalise

# What nbval leaves out by default, pictures among it: their bytes differ between platforms.
SKIPPED = (
    "metadata",
    "traceback",
    "prompt_number",
    "output_type",
    "name",
    "execution_count",
    "application/vnd.jupyter.widget-view+json",
    "image/png",
    "image/jpeg",
)

PICTURES_IN_HTML = {r"data:image/[\w+.-]+;base64,[\w+/=]+": "data:image"}


def _compare_cell(item: pytest.Item, run: NotebookNode, committed: NotebookNode) -> list[str]:
    """Return nbval's account of how the outputs of one cell differ; empty if they do not."""
    cell = SimpleNamespace(
        parent=SimpleNamespace(skip_compare=SKIPPED, sanitize_patterns=PICTURES_IN_HTML),
        colors=nocolors,
        config=item.config,
        ihook=item.ihook,
        comparison_traceback=[],
    )
    cell.sanitize = partial(IPyNbCell.sanitize, cell)
    cell.format_output_compare = partial(IPyNbCell.format_output_compare, cell)
    same = IPyNbCell.compare_outputs(cell, run.outputs, committed.outputs)
    return [] if same else cell.comparison_traceback


def differences(item: pytest.Item, run: NotebookNode, committed: NotebookNode) -> str:
    """Return how the compared cells of *run* differ from those of *committed*; "" if not at all.

    Parameters
    ----------
    item : pytest.Item
        The test that asks; pytest's own explanation of a difference is used.
    run, committed : NotebookNode
        The notebook as it just ran, and as it is committed. The run is normalised here.
    """
    run = normalise.notebook(run)
    if [cell.source for cell in run.cells] != [cell.source for cell in committed.cells]:
        return "the committed notebook has other cells than its source"
    account: list[str] = []
    for mine, theirs in zip(run.cells, committed.cells, strict=True):
        if normalise.is_compared(mine) and (lines := _compare_cell(item, mine, theirs)):
            account += [
                f"{mine.id}:",
                *(f"  | {line}" for line in mine.source.splitlines()),
                *lines,
            ]
    return "\n".join(account)
