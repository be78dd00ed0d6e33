"""A command line is printed, run, and its output shown as far as it is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.workbench.servers import terminal


def test_the_line_and_its_output_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert terminal.run("python -c 'print(1); print(2)'") == 0
    assert capsys.readouterr().out == "$ python -c 'print(1); print(2)'\n1\n2\n"


def test_output_is_shown_from_a_text_on_and_no_longer_than_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal.run("python -c 'print(*range(5), sep=chr(10))'", begin="2", lines=2)
    assert capsys.readouterr().out.splitlines()[1:] == ["2", "3"]


def test_errors_are_shown_and_the_exit_code_is_returned(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert terminal.run("python -c 'import sys; sys.exit(\"no model\")'") == 1
    assert "no model" in capsys.readouterr().out


def test_folder_and_variables_are_the_command_s(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = 'import os; print(os.path.basename(os.getcwd()), os.environ["STORE"])'
    terminal.run(f"python -c '{code}'", cwd=tmp_path, env={"STORE": "empty"})
    assert capsys.readouterr().out.splitlines()[-1] == f"{tmp_path.name} empty"


def test_long_lines_are_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.run("python -c 'print(\"word \" * 60)'")
    assert max(map(len, capsys.readouterr().out.splitlines())) < 100
