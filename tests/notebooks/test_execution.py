"""Notebooks are executed, parameterised, built the same twice, and explained when they fail."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import nbformat
import papermill
import psutil
import pytest

from services.environment import ROOT
from services.workbench.notebooks import run as notebooks
from services.workbench.notebooks.files import NotebookError, sources
from services.workbench.servers import processes, waiting
from tests.notebooks.samples import GOOD


def _write(folder: Path, text: str = GOOD) -> Path:
    path = folder / "02_sample.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_parameter_reaches_the_notebook(tmp_path: Path) -> None:
    run = notebooks.execute(_write(tmp_path), tmp_path / "out.ipynb", {"count": 7})
    printed = [output.text for cell in run.cells for output in cell.get("outputs", [])]
    assert "count 7\n" in printed
    assert "count 3\n" not in printed


def test_an_unknown_parameter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotebookError, match="no parameter size"):
        notebooks.execute(_write(tmp_path), tmp_path / "out.ipynb", {"size": 7})


def test_a_failure_says_where_why_and_what_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    source = _write(tmp_path, GOOD.replace('print("count", count)', 'x = 1\n{}["weights"]'))
    with caplog.at_level(logging.INFO), pytest.raises(NotebookError) as failure:
        notebooks.run(source, tmp_path / "out.ipynb")
    message = str(failure.value)
    assert "cell 4 of 7 (02_sample)" in message
    assert '| {}["weights"]' in message
    assert "KeyError: 'weights'" in message
    assert "make chapter ONLY=02" in message
    assert (tmp_path / "out.ipynb").exists()
    line = capsys.readouterr().out
    assert line.startswith("02_sample ")
    assert line.endswith("s  FAILED\n")


SERVER = """\
import os, subprocess, sys
from services.workbench.servers.processes import MARK, new_mark
subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"],
                 env=os.environ | {MARK: new_mark()}, start_new_session=True)
"""


@pytest.fixture
def own_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep servers that are left behind apart: tests beside this one would end them, or fail."""
    monkeypatch.setenv("SERVING_LABS_BUILD", str(tmp_path / "build"))


@pytest.mark.usefixtures("own_build")
def test_a_server_left_behind_is_stopped_and_reported(tmp_path: Path) -> None:
    source = _write(tmp_path, GOOD.replace('print("done")', SERVER))
    with pytest.raises(NotebookError, match="teardown"):
        notebooks.execute(source, tmp_path / "out.ipynb")
    assert processes.strays() == []


@pytest.mark.usefixtures("own_build")
def test_what_another_notebook_leaves_behind_is_not_blamed_on_this_one(tmp_path: Path) -> None:
    other = os.environ | {processes.NOTEBOOK: "/other"}
    subprocess.run([sys.executable, "-c", SERVER], env=other, check=True)
    assert len(processes.strays()) == 1
    notebooks.execute(_write(tmp_path), tmp_path / "out.ipynb")
    assert len(processes.sweep(notebook="/other")) == 1


@pytest.mark.parametrize(("failures", "ends_well"), [(1, True), (2, False)])
def test_a_kernel_that_does_not_start_gets_another_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failures: int, ends_well: bool
) -> None:
    """Its port was taken; no cell has run."""
    execute, attempts = papermill.execute_notebook, []

    def unlucky(*arguments: Any, **options: Any) -> Any:
        attempts.append(arguments)
        if len(attempts) <= failures:
            raise RuntimeError("Kernel died before replying to kernel_info")
        return execute(*arguments, **options)

    monkeypatch.setattr(papermill, "execute_notebook", unlucky)
    with nullcontext() if ends_well else pytest.raises(RuntimeError, match="Kernel died"):
        run = notebooks.execute(_write(tmp_path), tmp_path / "out.ipynb", {"count": 7})
        assert "count 7\n" in [out.text for cell in run.cells for out in cell.get("outputs", [])]
    assert len(attempts) == 2


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a built notebook goes, in place of the repository."""
    path = tmp_path / "02_sample.ipynb"
    monkeypatch.setattr(notebooks, "committed_path", lambda source: path)
    monkeypatch.setenv("SERVING_LABS_BUILD", str(tmp_path / "build"))
    return path


def test_building_twice_gives_the_same_file(tmp_path: Path, target: Path) -> None:
    source = _write(tmp_path)
    assert notebooks.build(source)
    first = target.read_bytes()
    assert not notebooks.build(source), "only the volatile pid differs: the file is left alone"
    assert target.read_bytes() == first
    stamp = nbformat.reads(first.decode(), as_version=4).metadata["serving_labs"]
    assert stamp["source"] == "notebooks/sources/02_sample.py"


def test_new_text_keeps_the_outputs_and_new_code_is_refused(tmp_path: Path, target: Path) -> None:
    source = _write(tmp_path)
    notebooks.build(source)
    before = nbformat.read(target, as_version=4)
    assert not notebooks.update_text(source)
    old = next(cell.source for cell in before.cells if cell.cell_type == "markdown").splitlines()[0]
    _write(tmp_path, GOOD.replace(old, "# Another title"))
    assert notebooks.update_text(source)
    after = nbformat.read(target, as_version=4)
    assert after.cells[0].source.startswith("# Another title")
    assert [cell.get("outputs") for cell in after.cells] == [
        cell.get("outputs") for cell in before.cells
    ]
    stamp = after.metadata["serving_labs"]
    assert stamp["sha256"] == notebooks.provenance.source_hash(source)
    _write(tmp_path, GOOD.replace("count = 3", "count = 4"))
    with pytest.raises(NotebookError, match="make notebooks ONLY=02"):
        notebooks.update_text(source)


def test_build_refuses_warnings(tmp_path: Path, target: Path) -> None:
    warning = 'import warnings\nwarnings.warn("soon", FutureWarning)'
    source = _write(tmp_path, GOOD.replace('print("count", count)', warning))
    with pytest.raises(NotebookError, match="FutureWarning: soon"):
        notebooks.build(source)
    assert not target.exists()


def test_sources_are_chosen_by_their_start(tmp_path: Path) -> None:
    for name in ("02_b.py", "01_a.py", "helper.py"):
        (tmp_path / name).touch()
    assert [path.stem for path in sources(folder=tmp_path)] == ["01_a", "02_b"]
    assert [path.stem for path in sources("02", folder=tmp_path)] == ["02_b"]
    with pytest.raises(NotebookError, match="01_a, 02_b"):
        sources("07", folder=tmp_path)


def test_ctrl_c_stops_the_kernel_in_one_line(tmp_path: Path) -> None:
    source = _write(
        tmp_path,
        GOOD.replace(
            'print("count", count)',
            "from pathlib import Path\nimport os, threading\n"
            f"Path({str(tmp_path / 'kernel')!r}).write_text(str(os.getpid()))\n"
            "threading.Event().wait()",
        ),
    )
    code = (
        "import sys; from pathlib import Path; from services.workbench.notebooks.run import run; "
        "run(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(source), str(tmp_path / "out.ipynb")],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    written = tmp_path / "kernel"
    waiting.until(lambda: written.exists() and written.read_text(), seconds=60)
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    assert "stopped" in out
    assert said.split() == ["interrupted"]
    assert not psutil.pid_exists(int(written.read_text()))


def test_a_terminal_shows_the_cell_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    notebooks.run(_write(tmp_path), tmp_path / "out.ipynb")
    shown = capsys.readouterr()
    assert "7/7" in shown.err
    assert shown.out.startswith("02_sample")
    assert shown.out.endswith("s  ok\n")
