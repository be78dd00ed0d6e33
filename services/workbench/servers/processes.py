"""Find and end every process of a server, even in other process groups.

A process group is not enough. BentoML's supervisor starts each worker in its own session, so a
signal to the group reaches only the supervisor; and when the notebook's kernel is killed, no parent
is left that knows the children. Therefore every server carries a mark in its environment, which its
children inherit: ``SERVING_LABS_SERVER=<build folder>:<pid of the owner>:<random>``. The *owner* is
the process that started the server, usually a notebook's kernel.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import psutil

from services.environment import build_dir

MARK = "SERVING_LABS_SERVER"
"""The environment variable by which the processes of a server are recognised."""

NOTEBOOK = "SERVING_LABS_NOTEBOOK"
"""The environment variable of all processes that a notebook's kernel starts: the notebook's id."""

POLL = 0.05
"""Seconds between two checks of a condition."""

_KILL_ROUNDS = 20


@dataclass(frozen=True)
class ProcessRecord:
    """A snapshot of what is known about a process."""

    # pid, parent: its process id, and that of the process that started it
    pid: int
    parent: int
    name: str  # its short name, e.g. "python"
    command: tuple[str, ...]  # its command line; empty if the system does not report it


def new_mark() -> str:
    """Return a unique mark that names this process as the owner."""
    return f"{build_dir()}:{os.getpid()}:{secrets.token_hex(4)}"


def alive(processes: Iterable[psutil.Process]) -> set[psutil.Process]:
    """Return those of *processes* that still run; a zombie counts as ended."""
    running = set()
    for process in processes:
        try:
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                running.add(process)
        except psutil.Error:
            continue
    return running


def family(root: int, mark: str) -> set[psutil.Process]:
    """Return the running processes of one server.

    Three signs are combined, because each can be lost: descent from *root* (lost when a parent
    dies), the process group that *root* leads (lost by ``setsid``), and *mark* in the environment
    (lost when a child is given an empty one).
    """
    found = set()
    for process in psutil.process_iter():
        if _group(process.pid) == root or _environment(process).get(MARK) == mark:
            found.add(process)
            found.update(_descendants(process))
    found.discard(psutil.Process())
    return alive(found)


def records(processes: Iterable[psutil.Process]) -> list[ProcessRecord]:
    """Describe *processes*, parents before their children; those that just ended are left out."""
    described: list[tuple[float, ProcessRecord]] = []
    for process in processes:
        try:
            record = ProcessRecord(
                process.pid, process.ppid(), process.name(), tuple(process.cmdline())
            )
            described.append((process.create_time(), record))
        except psutil.Error:
            continue
    return [record for _, record in sorted(described, key=lambda item: (item[0], item[1].pid))]


def end(root: int, mark: str, grace: float) -> set[psutil.Process]:
    """End a server: signal its root, then its other processes, and kill what is left.

    The root is signalled first and alone, because it shuts its workers down in order; a supervisor
    whose workers are ended by someone else starts new ones. If the root has ended, it must not have
    been waited for yet: after that, its id may belong to another process. *grace* is the number of
    seconds, 0 or more, between the first request (SIGTERM) and force (SIGKILL).

    Return the processes that even SIGKILL did not end; normally none.
    """
    deadline = time.monotonic() + grace
    members = family(root, mark)
    _wait(_terminate(process for process in members if process.pid == root), deadline)
    # Search again: the members known from before may have lost their parent by now.
    members = alive(members) | family(root, mark)
    _wait(_terminate(members), deadline)
    for _ in range(_KILL_ROUNDS):
        # A process may have started between the search and the kill, so this repeats.
        members = alive(members) | family(root, mark)
        if not members:
            break
        for process in members:
            with suppress(psutil.Error):
                process.kill()
        _wait(members, time.monotonic() + 0.5)
    return members


def strays(owner: int | None = None) -> list[ProcessRecord]:
    """List the processes of servers that were left behind, oldest first.

    By default, of every owner that no longer runs; of the process *owner*, whether it still runs or
    not, if its id is given. Only servers of this checkout (same build folder) are considered.
    """
    return records(process for members in _stray_servers(owner).values() for process in members)


def sweep(owner: int | None = None, notebook: str = "") -> list[ProcessRecord]:
    """End the processes that :func:`strays` lists, and return them.

    Servers whose owner still runs are left alone unless that owner is given, so it is safe while
    other notebooks are running. If *notebook* is given, only processes are considered whose
    :data:`NOTEBOOK` starts with it, so none that another notebook has left behind.
    """
    servers = _stray_servers(owner, notebook)
    swept = records(process for members in servers.values() for process in members)
    for mark, members in servers.items():
        eldest = records(members)[:1]
        if eldest:
            end(eldest[0].pid, mark, grace=2.0)
    return swept


def _stray_servers(owner: int | None, notebook: str = "") -> dict[str, set[psutil.Process]]:
    """Group the marked processes of this checkout by server and keep the strays."""
    servers: dict[str, set[psutil.Process]] = {}
    for process in psutil.process_iter():
        variables = _environment(process)
        mark = variables.get(MARK, "")
        own = variables.get(NOTEBOOK, "").startswith(notebook)
        if own and mark.startswith(f"{build_dir()}:"):
            servers.setdefault(mark, set()).add(process)
    kept = {}
    for mark, members in servers.items():
        pid = int(mark.rsplit(":", 2)[1])
        members = alive(members - {psutil.Process()})
        if members and (pid == owner or (owner is None and not _owner_runs(pid, members))):
            kept[mark] = members
    return kept


def _owner_runs(pid: int, members: Iterable[psutil.Process]) -> bool:
    """Return whether *pid* is still the process that started *members*.

    An owner is older than its servers, so a younger process with that id has a recycled id. Both
    start times come from the same clock, so the comparison holds even if the clock was changed.
    """
    try:
        owner = psutil.Process(pid)
        if owner.status() == psutil.STATUS_ZOMBIE:
            return False
        return owner.create_time() <= min(process.create_time() for process in members)
    except psutil.NoSuchProcess:
        # Either the owner or a member has just ended: check the owner alone.
        return psutil.pid_exists(pid)


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except (psutil.Error, OSError):
        # Another user's process, a system process, or one that just ended: not one of ours.
        return {}


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except OSError:
        return None


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _terminate(processes: Iterable[psutil.Process]) -> set[psutil.Process]:
    asked = set(processes)
    for process in asked:
        with suppress(psutil.Error):  # it ended by itself
            process.terminate()
    return asked


def _wait(processes: set[psutil.Process], deadline: float) -> None:
    while alive(processes) and time.monotonic() < deadline:
        time.sleep(POLL)
