"""Execute a notebook's text source with papermill, and write the notebook that people read."""

from __future__ import annotations

import ast
import logging
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError

from services.environment import ROOT, build_dir
from services.packaging.container_engine import ContainerError, NotRunError, find_engine
from services.workbench.notebooks import normalise, provenance
from services.workbench.notebooks.files import (
    NotebookError,
    committed_path,
    read_source,
    short,
    warnings_in,
)
from services.workbench.servers import containers, processes

CELL_TIMEOUT = 600
"""Seconds after which a cell that hangs is interrupted."""


def parameters_in(notebook: NotebookNode) -> set[str]:
    """Return the names that the notebook's ``parameters`` cell defines."""
    known: set[str] = set()
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            names = (
                node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Name)
            )
            known.update(name.id for name in names)
    return known


def execute(
    source: Path,
    output: Path,
    parameters: Mapping[str, Any] | None = None,
    cwd: Path = ROOT,
) -> NotebookNode:
    """Execute a text source with papermill and return the executed notebook.

    It is written to *output*; after a failure, with the cells up to that point. *parameters* are
    values for names of the cell tagged ``parameters``, and *cwd* is the kernel's working directory.
    Raises NotebookError if a cell fails, or a parameter is unknown; the message says which cell,
    why, and what to do next.
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
    if unknown := sorted(set(parameters or {}) - parameters_in(notebook)):
        raise NotebookError(f"{source.stem} has no parameter {', '.join(unknown)}")
    output.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, output)
    logging.getLogger("papermill").setLevel(logging.ERROR)  # the progress line is enough
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    # A notebook that executes others (13) is the first part of their ids.
    notebook_id = f"{os.environ.get(processes.NOTEBOOK, '')}/{secrets.token_hex(4)}"
    try:
        with (
            _own_temporary_folder(),
            variables({processes.NOTEBOOK: notebook_id}),
            _no_container_after_a_failure(),
        ):
            _papermill(output, dict(parameters or {}), cwd)
    except PapermillExecutionError as error:
        cells = len(notebook.cells) + bool(parameters)  # papermill adds a cell for them
        raise NotebookError(_explain(error, source, output, cells)) from None
    except CellTimeoutError:
        raise NotebookError(
            f"a cell of {source.stem} took longer than {CELL_TIMEOUT} s; see {short(output)}"
        ) from None
    except DeadKernelError:
        raise NotebookError(f"the kernel died (out of memory?); see {short(output)}") from None
    finally:
        # A cell that failed before the teardown, or a kernel that died, leaves its servers behind.
        strays = processes.sweep(notebook=notebook_id)
    if strays:
        names = ", ".join(sorted({stray.name for stray in strays}))
        raise NotebookError(
            f"{source.stem} ended with servers running ({names}); they are stopped now, but its "
            "teardown cell should have stopped them"
        )
    return nbformat.read(output, as_version=4)


def _papermill(output: Path, parameters: dict[str, Any], cwd: Path, attempts: int = 2) -> None:
    """Execute a notebook in its place; once more if its kernel does not start."""
    try:
        papermill.execute_notebook(
            str(output),
            str(output),
            parameters=parameters,
            kernel_name="python3",
            cwd=str(cwd),
            progress_bar=sys.stdout.isatty(),
            execution_timeout=CELL_TIMEOUT,
            # With torch or MLflow loaded, an orderly end takes a second and more. What it would
            # stop, the teardown cell has stopped, or the caller sweeps.
            shutdown_kernel="immediate",
            # Otherwise every kernel warns that its loopback sockets are not encrypted, and a
            # kernel that is shut down in the middle of a cell (Ctrl-C) logs a traceback.
            extra_arguments=["--log-level=CRITICAL"],
        )
    except RuntimeError as error:
        # Jupyter chooses a kernel's ports seconds before the kernel binds them: one may be taken
        # by then, mostly by another notebook's kernel. No cell has run yet.
        if attempts < 2 or "before replying to kernel_info" not in str(error):
            raise
        _papermill(output, parameters, cwd, attempts - 1)


@contextmanager
def _no_container_after_a_failure() -> Iterator[None]:
    """Remove the containers that a cell has started and no teardown has stopped."""
    try:
        yield
    except BaseException:
        with suppress(NotRunError, ContainerError):
            containers.sweep(find_engine())
        raise


@contextmanager
def _own_temporary_folder() -> Iterator[None]:
    """Give kernels started inside the block a temporary folder that is removed afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="serving-labs-", ignore_cleanup_errors=True) as folder,
        variables({"TMPDIR": folder}),
    ):
        yield


@contextmanager
def variables(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables inside the block, and restore them after it."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _explain(error: PapermillExecutionError, source: Path, output: Path, cells: int) -> str:
    """Say which cell failed, on which lines, why, and what to do next."""
    lines = [f"    | {line}" for line in error.source.splitlines()[-6:]]
    return "\n".join(
        [
            f"cell {error.cell_index + 1} of {cells} ({source.stem}) failed; its last lines:",
            *lines,
            f"  {error.ename}: {error.evalue}",
            f"  the notebook up to there: {short(output)}; its source: {short(source)}",
            f"  run it alone: {_command(source)}",
        ]
    )


def _command(source: Path) -> str:
    """Return the command that executes one notebook or lab."""
    if source.parent.name == "loop":
        return "python -m services.loop start"
    if source.stem.startswith("lab"):
        return f"make labs ONLY={source.stem[3:5]}"
    return f"make chapter ONLY={source.stem[:2]}"


def run(source: Path, output: Path, parameters: Mapping[str, Any] | None = None) -> NotebookNode:
    """Execute one notebook; print its name and seconds, and in a terminal papermill's bar."""
    start, verdict = time.perf_counter(), "FAILED"
    name = f"{source.stem:<20}"
    if not sys.stdout.isatty():
        print(name, end="", flush=True)
        name = ""
    try:
        executed = execute(source, output, parameters)
        verdict = "ok"
    except KeyboardInterrupt:
        verdict = "stopped"
        raise
    finally:
        print(f"{name}{time.perf_counter() - start:7.1f} s  {verdict}", flush=True)
    return executed


def _without_volatile(notebook: NotebookNode) -> NotebookNode:
    """Return a copy of *notebook* without the outputs that may differ between two runs."""
    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        if cell.cell_type == "code" and not normalise.is_compared(cell):
            cell.outputs = []
    return copy


def build(source: Path) -> bool:
    """Execute *source* and write its normalised, stamped notebook; return whether it changed.

    A notebook that differs from the committed one only in volatile outputs is not rewritten, so a
    diff always means that something changed.
    """
    executed = normalise.notebook(run(source, build_dir() / "notebooks" / f"{source.stem}.ipynb"))
    if warnings := warnings_in(executed):
        raise NotebookError("a cell emitted a warning; fix it:\n  " + "\n  ".join(warnings))
    executed.metadata[provenance.STAMP] = provenance.stamp(executed, source)
    nbformat.validate(executed)
    target = committed_path(source)
    if target.exists():
        old = nbformat.read(target, as_version=4)
        if _without_volatile(old) == _without_volatile(executed):
            return False
    nbformat.write(executed, target)
    return True


def update_text(source: Path) -> bool:
    """Put a source's Markdown into its committed notebook, keep the outputs, and say if it changed.

    Raises NotebookError if code or a tag changed, too: then the outputs may be wrong.
    """
    fresh, target = read_source(source), committed_path(source)
    notebook = nbformat.read(target, as_version=4)
    if _code(fresh) != _code(notebook):
        command = f"make notebooks ONLY={source.stem[:2]}"
        raise NotebookError(f"the code of {source.stem} changed, so execute it: {command}")
    if provenance.source_hash(source) == notebook.metadata[provenance.STAMP]["sha256"]:
        return False
    executed = iter([cell for cell in notebook.cells if cell.cell_type == "code"])
    notebook.cells = [
        NotebookNode(next(executed) | {"id": cell.id}) if cell.cell_type == "code" else cell
        for cell in fresh.cells
    ]
    notebook.metadata[provenance.STAMP] = provenance.stamp(notebook, source)
    nbformat.write(notebook, target)
    return True


def _code(notebook: NotebookNode) -> list[tuple[str, set[str]]]:
    """Return source and tags of the code cells, as they are before normalisation."""
    return [
        (cell.source, set(cell.metadata.get("tags", [])) - {normalise.NBVAL_IGNORE})
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]
