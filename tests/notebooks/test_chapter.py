"""Every notebook runs, once, and says again what its committed form says."""

import copy
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from services.environment import build_dir
from services.workbench.notebooks.files import COMMITTED, committed_path, sources
from services.workbench.notebooks.run import execute
from tests.notebooks.comparison import differences

SOURCES = [pytest.param(source, id=source.stem) for source in sources()]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("source", SOURCES)
def test_notebook(
    source: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The servers of a notebook must not share the metrics folder of in-process tests.
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    # Notebook 12 runs pytest, too; options for this run are not for that one.
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    # "make chapter" runs in the repository's root; JupyterLab, and so this test, beside the file.
    run = execute(source, build_dir() / "tests" / f"{source.stem}.ipynb", cwd=COMMITTED)
    assert committed_path(source).exists(), f"make notebooks ONLY={source.stem[:2]}"
    committed = nbformat.read(committed_path(source), as_version=4)
    if account := differences(request.node, run, committed):
        pytest.fail(f"{account}\nif this is meant: make notebooks ONLY={source.stem[:2]}")


def _notebook(text: str, tags: list[str]) -> nbformat.NotebookNode:
    output = new_output("stream", name="stdout", text=text)
    cell = new_code_cell("print(answer)", metadata={"tags": tags}, outputs=[output])
    cell.id = "99-made-up-001"
    return new_notebook(cells=[cell])


def test_a_different_output_is_reported(request: pytest.FixtureRequest) -> None:
    account = differences(request.node, _notebook("41\n", []), _notebook("42\n", []))
    assert "99-made-up-001" in account
    assert "print(answer)" in account
    assert "42" in account
    assert "41" in account


def test_a_missing_output_is_reported(request: pytest.FixtureRequest) -> None:
    silent = _notebook("42\n", [])
    silent.cells[0].outputs = []
    assert "Missing output" in differences(request.node, silent, _notebook("42\n", []))


def test_volatile_cells_and_equal_ones_pass(request: pytest.FixtureRequest) -> None:
    committed = _notebook("42\n", [])
    assert differences(request.node, copy.deepcopy(committed), committed) == ""
    volatile = [_notebook(text, ["volatile"]) for text in ("0.31 s", "0.29 s")]
    assert differences(request.node, *volatile) == ""


def test_other_cells_are_reported(request: pytest.FixtureRequest) -> None:
    changed = _notebook("42\n", [])
    changed.cells[0].source = "print(question)"
    assert "other cells" in differences(request.node, changed, _notebook("42\n", []))


def test_pictures_may_differ_in_their_bytes_but_not_in_their_text(
    request: pytest.FixtureRequest,
) -> None:
    def shown(data: str, alt: str) -> nbformat.NotebookNode:
        notebook = _notebook("42\n", [])
        html = f'<img alt="{alt}" src="data:image/png;base64,{data}">'
        notebook.cells[0].outputs = [new_output("display_data", data={"text/html": html})]
        return notebook

    assert differences(request.node, shown("iVBO+A==", "a"), shown("iVBO/B==", "a")) == ""
    assert differences(request.node, shown("iVBO+A==", "a"), shown("iVBO+A==", "b")) != ""
