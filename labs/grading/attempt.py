"""Run the processes of one submission, and watch their time, memory and number."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from labs.engine.outcome import Status
from labs.engine.registry import exercises_of
from labs.grading.container import Engine
from labs.grading.place import Place
from labs.grading.submissions import Chosen
from services.workbench.servers import processes
from services.workbench.servers.bentoml_serve import LONGEST, short_place

_LOOK_EVERY = 0.25
_KILL_ROUNDS = 20
_NESTED = len("/serving-labs-12345678/own/tmp12345678")  # where a check runs
_REPORTED = 4_000_000
"""The most bytes of one submission's reports that are read; honest ones have under 1 % of it."""


@dataclass(frozen=True)
class Limits:
    """What one submission may use.

    Attributes
    ----------
    seconds : float
        The total time.
    memory : int
        Bytes of resident memory of its process and all its children, without shared memory.
    processes : int
        The number of its process and all its children.
    """

    seconds: float = 300.0
    memory: int = 4_000_000_000
    processes: int = 64


class Attempt:
    """The processes of one submission, and what they reported."""

    def __init__(
        self,
        each: Chosen,
        limits: Limits,
        seed: int,
        deadline: float,
        engine: Engine | None = None,
    ) -> None:
        self.submission = each.submission
        self.engine = engine
        self.limits, self.seed, self.deadline = limits, seed, deadline
        self.results: dict[str, dict[str, Any]] = {}
        self.lost: dict[str, str] = {}
        self.notes: list[str] = []
        self.trouble: list[str] = []
        self.minutes: int | None = None
        self.answers: dict[str, str] = {}
        self.unreadable = ""
        self.complete = False
        self.skip: set[int] = set()
        self._cell: int | None = None
        self._checking: str | None = None

    def run(self) -> None:
        """Start a process, watch it until it ends, and remember where it ended."""
        self._cell = self._checking = None
        # Short, because a check serves BentoML's Runners from a folder in a folder of it.
        with tempfile.TemporaryDirectory(
            prefix="serving-labs-", dir=short_place(LONGEST - _NESTED), ignore_cleanup_errors=True
        ) as base:
            place = Place.make(Path(base).resolve())
            mark = processes.new_mark()
            command = [sys.executable, "-m", "labs.grading.worker", *self._arguments()]
            if self.engine is not None:
                command = self.engine.command(command, place, self.submission.path, self.limits)
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=place.own,
                env=place.environment(mark),
                start_new_session=True,
            )
            reporting = threading.Thread(target=self._read, args=(process,), daemon=True)
            reporting.start()
            trouble = self._watch(process)
            if self.engine is not None:
                self.engine.remove(place)
            _kill(process.pid, mark, place.own)
            process.wait()
            reporting.join(5)
        if not self.complete and not self.unreadable:
            code = process.returncode
            self._remember(trouble or f"its process ended by itself ({_ending(code)})")

    def _arguments(self) -> list[str]:
        found = [str(self.submission.path.resolve()), self.submission.lab, "--seed", str(self.seed)]
        found += ["--processes", str(self.limits.processes)]
        found += ["--readable", *map(str, Place.shared())]
        if self.skip:
            found += ["--skip", *map(str, sorted(self.skip))]
        if self.results or self.lost:
            found += ["--done", *self.results, *self.lost]
        return found

    def _remember(self, trouble: str) -> None:
        """Remember what was running when the process ended, to leave it out next time."""
        self.trouble.append(trouble)
        if self._checking is not None:
            self.lost[self._checking] = f"While this was checked: {trouble}."
        elif self._cell is not None:
            self.skip.add(self._cell)
            self.notes.append(f"cell {self._cell + 1} was left out: {trouble}")

    def _watch(self, process: subprocess.Popen[bytes]) -> str:
        """Return why a process had to be stopped; empty if it ended by itself."""
        while process.poll() is None:
            if time.perf_counter() > self.deadline:
                return f"it took longer than {self.limits.seconds:g} s"
            memory, count = _usage(process.pid)
            if count > self.limits.processes:
                return f"it started more than {self.limits.processes} processes"
            if memory > self.limits.memory and _own_memory(process.pid) > self.limits.memory:
                return f"it took more than {self.limits.memory / 1e9:.1f} GB of memory"
            with suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_EVERY)
        return ""

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        size = 0
        with suppress(OSError, ValueError):
            for line in process.stdout:
                size += len(line)
                if size < _REPORTED:
                    with suppress(ValueError, KeyError, TypeError, AttributeError):
                        self._take(json.loads(line))

    def _take(self, line: dict[str, Any]) -> None:
        """Process one line of a report."""
        if "cell" in line:
            self._cell, self._checking = int(line["cell"]), None
        elif "checking" in line:
            self._checking = str(line["checking"])
        elif "result" in line:
            result = dict(line["result"])
            [declared] = [
                e for e in exercises_of(self.submission.lab) if e.id == result["exercise"]
            ]
            passed = result["status"] == Status.PASS
            result.update(points=declared.points if passed else 0, out_of=declared.points)
            self.results[declared.id] = result
            self._checking = None
        elif "lost" in line:
            self.lost[str(line["lost"])] = f"While this was checked: {line['why']}."
            self.trouble.append(str(line["why"]))
            self._checking = None
        elif "note" in line:
            self.notes.append(str(line["note"]))
        elif "history" in line:
            self.minutes = line["history"]["minutes"]
            self.answers = {str(k): str(v) for k, v in line["answers"].items()}
        elif "unreadable" in line:
            self.unreadable = str(line["unreadable"])
        elif "end" in line:
            self.complete = True


def _usage(pid: int) -> tuple[int, int]:
    """Return the resident memory in bytes of a process and its children, and their number."""
    memory = count = 0
    for process in _tree(pid):
        with suppress(psutil.Error):
            memory += process.memory_info().rss
            count += 1
    return memory, count


def _own_memory(pid: int) -> int:
    """Return the unshared memory in bytes of a process and its children.

    Forked children share their parent's memory, which :func:`_usage` counts for each of them. This
    takes longer, so it is called only if that sum is too large.
    """
    total = 0
    for process in _tree(pid):
        with suppress(psutil.Error):
            total += process.memory_full_info().uss
    return total


def _tree(pid: int) -> Iterator[psutil.Process]:
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        yield root
        yield from root.children(recursive=True)


def _kill(root: int, mark: str, own: Path) -> None:
    """Kill a submission's processes. They may start others, so they are first stopped (SIGSTOP)."""
    for _ in range(_KILL_ROUNDS):
        family = processes.family(root, mark) | _servers(own / "build")
        if not family:
            return
        for process in family:
            with suppress(psutil.Error):
                process.suspend()
        for process in family:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(family, timeout=1.0)


def _servers(build: Path) -> set[psutil.Process]:
    """Return the servers that a check did not stop; their mark names the build folder."""
    found = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(processes.MARK, "").startswith(f"{build}:"):
                found.add(process)
    return processes.alive(found)


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
