"""Several notebooks at a time: which together, which alone, and what a failure stops."""

from __future__ import annotations

import threading
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from services import command_line
from services.workbench.notebooks import parallel

SOURCES = [Path(f"{name}.py") for name in ("01_a", "14_hardware", "02_b", "03_c", "04_d")]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Run no notebook, and keep the commands; 02_b fails if it is told to."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: Any) -> CompletedProcess[str]:
        commands.append(command)
        failed = command[-1] == "02_b" and "-p" in command
        return CompletedProcess(command, int(failed), stdout=f"{command[-1]} ran\n")

    monkeypatch.setattr(parallel.subprocess, "run", run)
    return commands


def test_each_runs_once_and_what_measures_the_machine_is_last(
    started: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert parallel.chapter(SOURCES, {}, jobs=2) == 0
    assert sorted(command[-1] for command in started) == sorted(path.stem for path in SOURCES)
    assert started[-1][-1] == "14_hardware"
    assert capsys.readouterr().out.endswith("14_hardware ran\n")


def test_the_longest_starts_first_and_each_has_its_share_of_the_cores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran: list[tuple[str, str]] = []

    def run(command: list[str], env: dict[str, str], **_: Any) -> CompletedProcess[str]:
        ran.append((command[-1], env["OMP_NUM_THREADS"]))
        return CompletedProcess(command, 0, stdout="")

    monkeypatch.setattr(parallel.subprocess, "run", run)
    monkeypatch.setattr(parallel, "usable_cores", lambda: 4)
    parallel.chapter([*SOURCES, Path("13_loop.py")], {}, jobs=2)
    assert {name for name, _ in ran[:2]} == {"13_loop", "01_a"}
    assert dict(ran) == dict.fromkeys(dict(ran), "2") | {"14_hardware": "4"}


def test_a_failure_starts_no_further_notebook(started: list[list[str]]) -> None:
    assert parallel.chapter(SOURCES, {"fail": True}, jobs=1) == 1
    assert [command[-1] for command in started][:2] == ["01_a", "02_b"]
    assert "14_hardware" not in [command[-1] for command in started]


def test_parameters_arrive_as_they_were(started: list[list[str]]) -> None:
    given = {"name": "one card", "count": 3, "text": "3"}
    parallel.chapter([SOURCES[0]], given, jobs=1)
    words = started[0]
    pairs = [words[n + 1 : n + 3] for n, word in enumerate(words) if word == "-p"]
    assert {name: command_line.literal(value) for name, value in pairs} == given


def test_two_run_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=30)  # broken, and so an error, unless two arrive

    def run(command: list[str], **_: Any) -> CompletedProcess[str]:
        both.wait()
        return CompletedProcess(command, 0, stdout="")

    monkeypatch.setattr(parallel.subprocess, "run", run)
    assert parallel.chapter(SOURCES[2:4], {}, jobs=2) == 0


def test_one_notebook_is_run_here() -> None:
    assert parallel.jobs_here(SOURCES[:1]) == 1
