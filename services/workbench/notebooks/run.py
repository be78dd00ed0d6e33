"""Execute a notebook's text source with papermill, and write the notebook that people read."""

from __future__ import annotations

import ast
import logging
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError

from services.environment import ROOT, build_dir
from services.workbench import processes
from services.workbench.notebooks import normalise, provenance
from services.workbench.notebooks.files import (
    NotebookError,
    committed_path,
    read_source,
    short,
    warnings_in,
)

CELL_TIMEOUT = 600
"""Seconds after which a cell that hangs is interrupted."""


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence papermill and the debugger's notes; the progress line says what matters."""
    logging.getLogger("papermill").setLevel(logging.ERROR)
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    try:
        yield
    finally:
        logging.getLogger("papermill").setLevel(logging.NOTSET)


def _unknown_parameters(notebook: NotebookNode, parameters: Iterable[str]) -> list[str]:
    """Return the *parameters* that the notebook's ``parameters`` cell does not define."""
    known: set[str] = set()
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            names = (
                node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Name)
            )
            known.update(name.id for name in names)
    return sorted(set(parameters) - known)


def execute(
    source: Path,
    output: Path,
    parameters: Mapping[str, Any] | None = None,
    cwd: Path = ROOT,
) -> NotebookNode:
    """Execute a text source with papermill and return the notebook as it ran.

    Parameters
    ----------
    source : Path
        The ``py:percent`` source.
    output : Path
        Where the executed notebook goes; it is there, as far as it came, after a failure too.
    parameters : mapping, optional
        Values for names of the cell tagged ``parameters``.
    cwd : Path
        The kernel's working directory.

    Raises
    ------
    NotebookError
        If a cell fails, or a parameter is unknown. The message says which cell, why, what next.
    """
    return execute_notebook(read_source(source), source, output, parameters, cwd)


def execute_notebook(
    notebook: NotebookNode,
    source: Path,
    output: Path,
    parameters: Mapping[str, Any] | None = None,
    cwd: Path = ROOT,
) -> NotebookNode:
    """Do what :func:`execute` does with a notebook that was made from *source*."""
    if unknown := _unknown_parameters(notebook, parameters or {}):
        raise NotebookError(f"{source.stem} has no parameter {', '.join(unknown)}")
    output.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, output)
    try:
        with _quiet(), _own_temporary_folder():
            papermill.execute_notebook(
                str(output),
                str(output),
                parameters=dict(parameters or {}),
                kernel_name="python3",
                cwd=str(cwd),
                progress_bar=False,
                execution_timeout=CELL_TIMEOUT,
                # Otherwise every kernel remarks that its loopback sockets are not encrypted.
                extra_arguments=["--log-level=ERROR"],
            )
    except PapermillExecutionError as error:
        raise NotebookError(_explain(error, source, output)) from None
    except DeadKernelError:
        raise NotebookError(f"the kernel died (out of memory?); see {short(output)}") from None
    finally:
        # A cell that failed before the teardown, or a kernel that died, leaves its servers behind.
        strays = processes.sweep()
    if strays:
        names = ", ".join(sorted({stray.name for stray in strays}))
        raise NotebookError(
            f"{source.stem} ended with servers running ({names}); they are stopped now, but its "
            "teardown cell should have done so"
        )
    return nbformat.read(output, as_version=4)


@contextmanager
def _own_temporary_folder() -> Iterator[None]:
    """Give the kernels that are started meanwhile a folder that is removed afterwards."""
    before = os.environ.get("TMPDIR")
    with tempfile.TemporaryDirectory(prefix="serving-labs-", ignore_cleanup_errors=True) as folder:
        os.environ["TMPDIR"] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ["TMPDIR"]
            else:
                os.environ["TMPDIR"] = before


def _explain(error: PapermillExecutionError, source: Path, output: Path) -> str:
    """Say which cell failed, on which lines, why, and what to do next."""
    lines = [f"    | {line}" for line in error.source.splitlines()[-6:]]
    return "\n".join(
        [
            f"cell {error.cell_index + 1} ({source.stem}), its last lines:",
            *lines,
            f"  {error.ename}: {error.evalue}",
            f"  as far as it came: {short(output)}; its source: {short(source)}",
            f"  run it alone: {_command(source)}",
        ]
    )


def _command(source: Path) -> str:
    """Return the command that executes one notebook or lab."""
    if source.stem.startswith("lab"):
        return f"make labs ONLY={source.stem[3:5]}"
    return f"make chapter ONLY={source.stem[:2]}"


def run(source: Path, output: Path, parameters: Mapping[str, Any] | None = None) -> NotebookNode:
    """Execute one notebook, with a progress line that carries its seconds."""
    start = time.perf_counter()
    verdict = "FAILED"
    print(f"{source.stem:<20}", end="", flush=True)
    try:
        executed = execute(source, output, parameters)
        verdict = "ok"
    finally:
        print(f"{time.perf_counter() - start:7.1f} s  {verdict}", flush=True)
    return executed


def _without_volatile(notebook: NotebookNode) -> NotebookNode:
    """Return a copy of *notebook* with the outputs removed that may differ between two runs."""
    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        if cell.cell_type == "code" and not normalise.is_compared(cell):
            cell.outputs = []
    return copy


def build(source: Path) -> bool:
    """Execute *source* and write its normalised, stamped notebook; say whether the file changed.

    A notebook that differs from the committed one in nothing but volatile outputs is left alone:
    a diff then always means that something changed.
    """
    executed = normalise.notebook(run(source, build_dir() / "notebooks" / f"{source.stem}.ipynb"))
    if warnings := warnings_in(executed):
        raise NotebookError("a cell warned; mend it at its cause:\n  " + "\n  ".join(warnings))
    executed.metadata[provenance.STAMP] = provenance.stamp(executed, source)
    nbformat.validate(executed)
    target = committed_path(source)
    if target.exists():
        old = nbformat.read(target, as_version=4)
        if _without_volatile(old) == _without_volatile(executed):
            return False
    nbformat.write(executed, target)
    return True
