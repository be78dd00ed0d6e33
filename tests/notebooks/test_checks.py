"""The checks of notebooks find what they are there to find."""

from __future__ import annotations

import copy
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from services.workbench.notebooks import checks, normalise, provenance
from services.workbench.notebooks.files import read_source
from tests.notebooks.samples import GOOD


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "02_sample.py"
    path.write_text(GOOD, encoding="utf-8")
    return path


@pytest.fixture
def executed(source: Path) -> nbformat.NotebookNode:
    """The sample as if it had been executed."""
    notebook = read_source(source)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [new_output("stream", name="stdout", text="fine\n")]
    notebook = normalise.notebook(notebook)
    notebook.metadata[provenance.STAMP] = provenance.stamp(notebook, source)
    return notebook


@pytest.mark.parametrize("check", checks.SOURCE_CHECKS, ids=lambda check: check.__name__)
def test_a_good_source_passes(source: Path, check: checks.Check) -> None:
    assert check(read_source(source)) == []


BAD_SOURCES = {
    "no title": (checks.opening, "# # A sample", "# A sample"),
    "no place": (checks.opening, "Where you are", "Hello"),
    "unknown tag": (checks.tags, '"volatile"', '"slow"'),
    "no parameters": (checks.tags, '["parameters"]', "[]"),
    "no teardown": (checks.tags, '["teardown"]', "[]"),
    "unused parameter": (checks.parameters_are_used, "count = 3", "count = 3\nsize = 4"),
    "a long cell": (checks.cell_lengths, 'print("done")', "done = 1\n" * 26),
    "long cells": (checks.cell_lengths, "print", "a = 1\nb = 2\nc = 3\nd = 4\ne = 5\nf = 6\nprint"),
    "a test switch": (checks.forbidden_code, 'print("done")', "if not TESTING:\n    print()"),
    "sleep": (checks.forbidden_code, 'print("done")', "time.sleep(3)"),
    "no picture": (checks.pictures, "![A square, drawn by hand](square.png)", "A square."),
    "text lost": (checks.markers, "[markdown]\n# The number", "[markdown] The number"),
    "no alt": (checks.pictures, "![A square, drawn by hand]", "![]"),
    "empty alt": (
        checks.pictures,
        "![A square, drawn by hand](square.png)",
        '<img alt="" src="a">',
    ),
}


@pytest.mark.parametrize(("check", "old", "new"), BAD_SOURCES.values(), ids=BAD_SOURCES)
def test_a_bad_source_fails(source: Path, check: checks.Check, old: str, new: str) -> None:
    bad = GOOD.replace(old, new)
    assert bad != GOOD
    source.write_text(bad, encoding="utf-8")
    assert check(read_source(source)) != []


def test_two_parameters_cells_fail(source: Path) -> None:
    notebook = read_source(source)
    notebook.cells.append(new_code_cell("x = 1", metadata={"tags": ["parameters"]}))
    assert "2 cells are tagged parameters, not one" in checks.tags(notebook)


@pytest.mark.parametrize("check", checks.COMMITTED_CHECKS, ids=lambda check: check.__name__)
def test_a_good_notebook_passes(executed: nbformat.NotebookNode, check: checks.Check) -> None:
    assert check(executed) == []


def _html(text: str) -> nbformat.NotebookNode:
    return new_output("display_data", data={"text/html": text})


BAD_OUTPUTS = {
    "error": (checks.executed, new_output("error", ename="TypeError", evalue="no", traceback=[])),
    "warning": (
        checks.executed,
        new_output("stream", name="stderr", text="a.py:1: FutureWarning: soon\n  x()\n"),
    ),
    "path": (checks.machine_traces, new_output("stream", name="stdout", text="in /tmp/ann/x\n")),
    "port": (checks.machine_traces, new_output("stream", name="stdout", text="localhost:43210\n")),
    "address": (checks.machine_traces, _html("&lt;Foo at 0x7f12ab34cd56&gt;")),
    "a wide line": (checks.readable_outputs, new_output("stream", name="stdout", text="a" * 101)),
    "an empty heading": (checks.readable_outputs, _html('<tr><th class="a"> </th><th>b</th></tr>')),
    "no alt": (checks.displayed_images, _html('<img src="data:x">')),
    "bare figure": (
        checks.displayed_images,
        new_output("display_data", data={"image/png": "iVBO", "text/plain": "<Figure>"}),
    ),
}


@pytest.mark.parametrize(("check", "output"), BAD_OUTPUTS.values(), ids=BAD_OUTPUTS)
def test_a_bad_output_fails(
    executed: nbformat.NotebookNode, check: checks.Check, output: nbformat.NotebookNode
) -> None:
    executed.cells[3].outputs = [output]
    assert len(check(executed)) == 1


def test_what_was_not_executed_fails(executed: nbformat.NotebookNode) -> None:
    executed.cells[3].execution_count = None
    assert checks.executed(executed) != []


def test_a_notebook_without_outputs_fails(executed: nbformat.NotebookNode) -> None:
    for cell in executed.cells:
        cell.pop("outputs", None)
        if cell.cell_type == "code":
            cell.outputs = []
    assert checks.executed(executed) == ["no cell has an output"]


def test_other_cell_ids_fail(executed: nbformat.NotebookNode) -> None:
    executed.cells.insert(1, new_markdown_cell("in between"))
    assert checks.ids(executed) != []


def test_drift(source: Path, executed: nbformat.NotebookNode) -> None:
    committed = source.with_suffix(".ipynb")
    assert "make notebooks ONLY=02" in checks.drift(source, committed)[0]
    nbformat.write(executed, committed)
    assert checks.drift(source, committed) == []
    source.write_text(GOOD.replace("print", "display"), encoding="utf-8")
    assert "make notebooks ONLY=02" in checks.drift(source, committed)[0]


def test_drift_does_not_mind_line_endings(source: Path, executed: nbformat.NotebookNode) -> None:
    nbformat.write(executed, source.with_suffix(".ipynb"))
    source.write_bytes(GOOD.replace("\n", "\r\n").encode())
    assert checks.drift(source, source.with_suffix(".ipynb")) == []


def test_versions(executed: nbformat.NotebookNode) -> None:
    notebook = copy.deepcopy(executed)
    notebook.metadata[provenance.STAMP]["packages"] = {"ruamel.yaml": "1.0", "numpy": "2.4.0"}
    pins = {"ruamel-yaml": "1.0", "numpy": "2.4.0"}
    assert checks.versions(notebook, pins) == []
    assert "numpy 2.4.0" in checks.versions(notebook, pins | {"numpy": "2.5.0"})[0]
    assert "no such package" in checks.versions(notebook, {"numpy": "2.4.0"})[0]


def test_packages_are_found_through_our_own_modules() -> None:
    found = provenance.packages(
        ["%matplotlib inline\nfrom services.workbench.servers import processes"]
    )
    assert "psutil" in found
    assert "services" not in found
