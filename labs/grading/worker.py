"""Grade one submission and report on standard output; started by :mod:`labs.grading.attempt`.

Three kinds of processes take part. This one runs none of the learner's code. The *cells* run in a
process forked from it, which has neither the report's file descriptor nor the checks' values. Each
*check* runs in another process, which gets only the answer. Its result is accepted only with a
secret that the learner's code never receives.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import json
import os
import secrets
import select
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

import psutil
from nbformat import NotebookNode

import labs
from labs.engine.registry import exercises_of, find
from labs.grading import confine, notebook
from labs.grading.cells import Cells
from labs.grading.handover import GO_ON, LARGEST, hand_over
from labs.grading.judge import judge
from services.environment import ROOT

_PATIENCE = 90.0
"""Extra seconds for a check beyond its own limit, to stop servers and to run cells again."""


class Worker:
    """One submission, and the processes in which its cells and its checks run."""

    def __init__(self, options: argparse.Namespace, report: Callable[..., None]) -> None:
        cells = notebook.read(options.notebook).cells
        self.cells = [cell for cell in cells if cell.cell_type == "code"]
        self.ours = notebook.shipped_cells(options.lab)
        self.options, self.report = options, report
        self.done = set(options.done)
        self.own = Path.cwd()
        self.readable = [*confine.SYSTEM, sys.prefix, sys.base_prefix, ROOT, *options.readable]
        self.readable += [path for path in sys.path if "site-packages" in path]

    def grade(self) -> None:
        """Start the cells' process, and check the answers it hands over until it ends."""
        import_modules(self.ours)
        link, theirs = Pipe()
        cells = self._fork(lambda: self._run_cells(theirs), link)
        theirs.close()
        while (message := _received(link)) is not None:
            if "checking" in message:
                self._check(message, link)
                link.send_bytes(GO_ON)
            elif "end" in message:
                self.report(end=True)
                os.killpg(cells, signal.SIGKILL)
                return
            elif set(message) <= {"cell", "note"}:
                self.report(**message)
        _end_like(_ended(cells))

    def _fork(self, task: Callable[[], None], *close: Connection) -> int:
        """Run *task* in a confined process that leads a new process group; return its id."""
        pid = os.fork()
        if pid:
            with contextlib.suppress(OSError):
                os.setpgid(pid, pid)
            return pid
        try:
            os.setpgid(0, 0)
            for connection in close:
                connection.close()
            os.close(self.options.report_fd)
            confine.confine(self.readable, [self.own, "/dev"])
            task()
        finally:
            os._exit(70)

    def _run_cells(self, link: Connection) -> NoReturn:
        def report(**line: Any) -> None:
            self._wait_for_the_watch()
            link.send_bytes(json.dumps(line).encode())

        cells = Cells(self.cells, self.ours, set(self.options.skip), report)

        def at_check(exercise: str, names: list[str]) -> None:
            if exercise not in self.done:
                self.done.add(exercise)
                self._wait_for_the_watch()
                hand_over(link, find(exercise), names, cells)

        cells.run(at_check)
        report(end=True)
        # The learner's threads must not keep the process alive.
        os._exit(0)

    def _wait_for_the_watch(self) -> None:
        """Wait until a cell that started too many processes is ended, so that it gets the blame."""
        while len(psutil.Process().children(recursive=True)) + 2 > self.options.processes:
            time.sleep(0.1)

    def _check(self, head: dict[str, Any], link: Connection) -> None:
        """Check an answer in a new process; report its result, or how that process ended."""
        payload = link.recv_bytes(LARGEST)
        [declared] = [e for e in exercises_of(self.options.lab) if e.id == head["checking"]]
        if declared.id in self.done:
            return
        self.done.add(declared.id)
        self.report(checking=declared.id)
        if head["kind"] == "cells" and not declared.apart:
            note = f"{declared.id}: its cells ran in the check's process (it cannot be pickled)"
            self.report(note=note)
        secret = secrets.token_hex(16)
        reader, writer = os.pipe()
        pid = self._fork(lambda: self._judge(head, payload, link, writer, secret))
        os.close(writer)
        deadline = time.monotonic() + declared.seconds + _PATIENCE
        try:
            line = _secret_line(reader, secret, pid, deadline)
        finally:
            os.close(reader)
            status = _ended(pid)
        if line is None:
            why = _signal_or_code(status) if time.monotonic() < deadline else "it did not end"
            self.report(lost=declared.id, why=why)
        else:
            self.report(result=json.loads(line))

    def _judge(
        self, head: dict[str, Any], payload: bytes, link: Connection, writer: int, secret: str
    ) -> NoReturn:
        os.chdir(tempfile.mkdtemp(dir=self.own))
        tempfile.tempdir = os.environ["TMPDIR"] = str(Path.cwd())

        def again() -> Cells:
            return Cells(self.cells, self.ours, set(self.options.skip), lambda **_: None)

        data = judge(head, payload, link, again, self.options.seed)
        line = f"{secret}{json.dumps(data)}\n".encode()
        while line:
            line = line[os.write(writer, line) :]
        os._exit(0)


def import_modules(ours: dict[str, NotebookNode]) -> None:
    """Import what the lab's setup imports, once for all later processes."""
    for cell in ours.values():
        if "setup" not in cell.metadata.get("tags", []):
            continue
        for node in ast.parse(cell.source).body:
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                with contextlib.suppress(ImportError):
                    importlib.import_module(str(name))


def _received(link: Connection) -> dict[str, Any] | None:
    """Return the next message of the learner's process; None when it has ended."""
    try:
        message = json.loads(link.recv_bytes(LARGEST))
    except (EOFError, OSError, ValueError):
        return None
    return message if isinstance(message, dict) else None


def _secret_line(reader: int, secret: str, pid: int, deadline: float) -> str | None:
    """Return the line that begins with *secret*, without it; None if the process ends before."""
    data = b""
    while time.monotonic() < deadline:
        ready, _, _ = select.select([reader], [], [], 0.2)
        if ready:
            part = os.read(reader, 1 << 16)
            data += part
            for line in data.split(b"\n")[:-1]:
                if line.startswith(secret.encode()):
                    return line[len(secret) :].decode()
            if not part or len(data) > LARGEST:
                return None
        elif os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return None
    return None


def _ended(pid: int) -> int:
    """Give a process a moment to end, then kill it and its group; return its status."""
    for _ in range(20):
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            break
        time.sleep(0.02)
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


def _signal_or_code(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    ending = f"signal {-code}" if code < 0 else f"exit code {code}"
    return f"its process ended by itself ({ending})"


def _end_like(status: int) -> NoReturn:
    """End in the same way as the cells' process, so that the parent knows how it ended."""
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
        os.kill(os.getpid(), -code)
    os._exit(code or 71)


def _limit_files() -> None:
    """Limit file sizes and core dumps, so that they cannot fill the disk."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000_000, 2_000_000_000))


def main() -> int:
    """Grade one submission; only the report's lines go to standard output."""
    parser = argparse.ArgumentParser(
        description="Grade one submission and report on standard output, in JSON lines."
    )
    parser.add_argument("notebook", type=Path, help="the submission")
    parser.add_argument("lab", help="the lab that it belongs to, like lab03_render")
    parser.add_argument("--seed", type=int, required=True, help="seed of the checks' inputs")
    parser.add_argument("--processes", type=int, required=True,
                        help="how many processes the cells may have at a time")  # fmt: skip
    parser.add_argument("--skip", type=int, nargs="*", default=[],
                        help="numbers of the cells not to run")  # fmt: skip
    parser.add_argument("--done", nargs="*", default=[], help="exercises already checked")
    parser.add_argument("--readable", type=Path, nargs="*", default=[],
                        help="folders that the cells may read")  # fmt: skip
    options = parser.parse_args()
    options.report_fd = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    sys.path[:] = [path for path in sys.path if path not in ("", str(Path.cwd()))]
    sys.argv = ["notebook"]

    def report(**line: Any) -> None:
        data = (json.dumps(line) + "\n").encode()
        while data:
            data = data[os.write(options.report_fd, data) :]

    _limit_files()
    for name in ("check", "hint", "solution", "preflight"):
        setattr(labs, name, lambda *_, **__: None)  # in the learner's own cells
    try:
        worker = Worker(options, report)
    except (ValueError, OSError) as error:
        report(unreadable=str(error))
        return 0
    names = notebook.named(worker.cells, worker.ours)
    answers = {
        name.replace("-", ".", 1): cell.source
        for cell, name in zip(worker.cells, names, strict=True)
        if name in worker.ours and "exercise" in worker.ours[name].metadata.get("tags", [])
    }
    report(history=notebook.history_of(worker.cells), answers=answers)
    worker.grade()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
