"""Every notebook keeps the rules of the house, and its committed form is that of its source."""

from pathlib import Path

import nbformat
import pytest

from services.workbench.notebooks import checks
from services.workbench.notebooks.files import committed_path, read_source, sources

SOURCES = [pytest.param(source, id=source.stem) for source in sources()]


def _read_committed(source: Path) -> nbformat.NotebookNode:
    assert committed_path(source).exists(), f"make notebooks ONLY={source.stem[:2]}"
    return nbformat.read(committed_path(source), as_version=4)


@pytest.mark.parametrize("check", checks.SOURCE_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("source", SOURCES)
def test_source(source: Path, check: checks.Check) -> None:
    assert check(read_source(source)) == []


@pytest.mark.parametrize("source", SOURCES)
def test_committed_notebook_is_of_this_source(source: Path) -> None:
    assert checks.drift(source) == []


@pytest.mark.parametrize("check", checks.COMMITTED_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("source", SOURCES)
def test_committed_notebook(source: Path, check: checks.Check) -> None:
    assert check(_read_committed(source)) == []


@pytest.mark.parametrize("source", SOURCES)
def test_committed_notebook_was_run_with_the_lock(source: Path) -> None:
    assert checks.versions(_read_committed(source), checks.locked()) == []


def test_every_committed_notebook_has_a_source() -> None:
    committed = {path.stem for path in committed_path(Path("x.py")).parent.glob("*.ipynb")}
    assert committed <= {source.stem for source in sources()}
