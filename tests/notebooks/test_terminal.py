"""papermill, nbval and make run the notebooks by the commands that README prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest

from services.environment import ROOT, build_dir
from services.workbench.notebooks import normalise, registers
from services.workbench.notebooks import run as notebooks
from services.workbench.notebooks.__main__ import _parameters
from services.workbench.notebooks.files import NotebookError, errors_in
from tests.notebooks.samples import GOOD
from tests.notebooks.test_normalise import KEPT, REWRITTEN

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_sanitize_file_is_made_from_the_rules() -> None:
    assert registers.SANITIZE.read_text(encoding="utf-8") == normalise.sanitize_file()


def test_nbval_reads_the_rules_as_they_are_meant() -> None:
    from nbval.plugin import get_sanitize_patterns

    rules = get_sanitize_patterns(normalise.sanitize_file())
    assert len(rules) == normalise.sanitize_file().count("\n[rule")

    def clean(text: str) -> str:
        for pattern, replacement in rules:
            text = re.sub(pattern, replacement, text)
        return text

    # What depends on this very machine's folders is only known where a notebook is built.
    here: tuple[str, ...]
    here = (sys.prefix, str(Path.home()), tempfile.gettempdir(), "\r", f"in {ROOT}", "sqlite:///")
    if str(ROOT).startswith("/tmp/"):
        here += (str(ROOT),)  # a clone in the temporary folder: another rule is met first
    assert clean("/tmp/some-folder/a.jpg") == "TMP/a.jpg"
    for raw, wanted in REWRITTEN.items():
        if not any(part in raw for part in here):
            assert clean(raw) == wanted
        assert clean(wanted) == wanted
    assert [clean(text) for text in KEPT] == KEPT


def _nbval(notebook: Path) -> subprocess.CompletedProcess[str]:
    command = ["pytest", "-q", "-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml")]
    command += ["--nbval", "--nbval-sanitize-with", str(registers.SANITIZE), str(notebook)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", *command], env=environment, capture_output=True, text=True
    )


def test_a_committed_notebook_passes_nbval_until_an_output_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "02_sample.py", tmp_path / "02_sample.ipynb"
    served = 'print("count", count, "served on 127.0.0.1:%d" % (40_000 + os.getpid() % 10_000))'
    source.write_text(
        GOOD.replace('print("count", count)', f"import os\n{served}"), encoding="utf-8"
    )
    monkeypatch.setattr(notebooks, "committed_path", lambda source: target)
    monkeypatch.setenv("SERVING_LABS_BUILD", str(tmp_path / "build"))
    notebooks.build(source)
    done = _nbval(target)
    assert done.returncode == 0, done.stdout
    notebook = nbformat.read(target, as_version=4)
    [cell] = [cell for cell in notebook.cells if "served" in cell.source]
    cell.outputs[0].text = cell.outputs[0].text.replace("count 3", "count 4")
    nbformat.write(notebook, target)
    done = _nbval(target)
    assert done.returncode == 1, done.stdout
    assert "1 failed" in done.stdout


def test_params_are_what_p_gives() -> None:
    wanted = {"image_name": "one_card", "rounds": 3, "folder": "my files", "empty": ""}
    text = "image_name=one_card rounds=3 folder='my files' empty="
    assert _parameters([], text) == wanted
    assert _parameters([["rounds", "3"]], "") == {"rounds": 3}
    for wrong in ("image_name", "=3", "a-b=3", "name='one"):
        with pytest.raises(NotebookError, match="PARAMS"):
            _parameters([], wrong)


def _printed(word: str) -> str:
    """Return the one command in README that starts with *word*."""
    section = README.split("## Notebooks from a terminal")[1].split("\n## ")[0]
    [line] = [line for line in section.splitlines() if line.startswith(f"{word} ")]
    return line.partition("#")[0].strip()


def _as_typed(command: str) -> str:
    """Run a line as a reader types it, and return what it wrote."""
    line = f"source .venv/bin/activate && {command}"
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(
        ["bash", "-c", line], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.system
@pytest.mark.timeout(900)
@pytest.mark.parametrize("word", ["papermill", "make chapter"])
def test_a_parameter_is_given_as_readme_prints_it(word: str) -> None:
    written = {
        "papermill": ROOT / "out.ipynb",
        "make chapter": build_dir() / "chapter/01_runner.ipynb",
    }
    if word == "make chapter" and (ROOT / ".venv").is_symlink():
        pytest.skip("NOT RUN HERE: .venv is another checkout's, and make would reinstall it")
    output = written[word]
    output.unlink(missing_ok=True)
    _as_typed(_printed(word))
    notebook = nbformat.read(output, as_version=4)
    [given] = [
        cell for cell in notebook.cells if "injected-parameters" in cell.metadata.get("tags", [])
    ]
    assert "one_card" in given.source
    assert errors_in(notebook) == []
    if word == "papermill":
        output.unlink()


@pytest.mark.system
@pytest.mark.timeout(900)
def test_nbval_is_called_as_readme_prints_it() -> None:
    assert " passed" in _as_typed(_printed("pytest --nbval-lax"))
