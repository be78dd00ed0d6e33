"""JupyterLab's first page shows the path, what is done and what comes next."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labs import cli, start_page
from labs.engine import progress
from services.environment import ROOT
from services.workbench.front_page.numbers import steps


def test_the_page_links_notebooks_and_the_learners_own_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(progress.VARIABLE, str(tmp_path / "progress.jsonl"))
    work = tmp_path / "work"
    cli.start("lab01", work)
    text = start_page.write(tmp_path / "START.md", work).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert [link for link in links if not (start_page.PAGE.parent / link).exists()] == []
    assert [link for link in links if link[:2].isdigit()] == [s.notebook.name for s in steps()]
    [own] = [link for link in links if "lab01" in link]
    assert (start_page.PAGE.parent / own).resolve().is_relative_to(work)
    assert "`python -m labs start lab02`" in text
    assert "●" not in text
    assert "**Next:** lab00.ex1" in text


def test_the_page_shows_what_was_passed(tmp_path: Path) -> None:
    none = start_page.text(steps(), set(), "lab01.ex2", tmp_path)
    some = start_page.text(steps(), {"lab01.ex1"}, "lab01.ex2", tmp_path)
    assert "●○" in next(line for line in some.splitlines() if line.startswith("| [01"))

    def left(text: str) -> int:
        return int(re.findall(r"(\d+) minutes of labs", text)[0])

    assert left(none) - left(some) == 4


def test_where_the_page_cannot_be_written_the_folder_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> Path:
        raise PermissionError("read-only")

    monkeypatch.setattr(start_page, "write", refuse)
    assert start_page.address() == "/lab/tree/notebooks"


def test_git_ignores_the_page_and_jupyterlab_opens_it() -> None:
    assert "/notebooks/START.md\n" in (ROOT / ".gitignore").read_text(encoding="utf-8")
    config = (ROOT / "infra/jupyter/jupyter_server_config.py").read_text(encoding="utf-8")
    assert "c.LabApp.default_url = start_page.address()" in config
