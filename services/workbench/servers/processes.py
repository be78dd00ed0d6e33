"""Find and end every process of a server, wherever it went.

A process group is not enough. BentoML's supervisor starts each worker in a session of its own, so
a signal to the group reaches the supervisor alone; and when the notebook's kernel is killed, no
parent is left to ask. Therefore every server carries a mark in its environment, which its children
inherit: ``SERVING_LABS_SERVER=<build folder>:<pid of the owner>:<random>``. The *owner* is the
process that started the server, usually a notebook's kernel.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from services.environment import build_dir

MARK = "SERVING_LABS_SERVER"
"""The environment variable by which the processes of a server are recognised."""

POLL = 0.05
"""Seconds between two looks at something that is awaited."""

_KILL_ROUNDS = 20


@dataclass(frozen=True)
class ProcessRecord:
    """What was known of a process at the moment it was looked at.

    Attributes
    ----------
    pid, parent : int
        Its process id, and that of the process that started it.
    name : str
        Its short name, e.g. ``"python"``.
    command : tuple of str
        Its command line; empty where the system does not tell.
    """

    pid: int
    parent: int
    name: str
    command: tuple[str, ...]


def new_mark() -> str:
    """Return a mark that no other server has, naming this process as the owner."""
    return f"{build_dir()}:{os.getpid()}:{secrets.token_hex(4)}"


def alive(processes: Iterable[psutil.Process]) -> set[psutil.Process]:
    """Return those of *processes* that still run; a zombie has ended."""
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

    Three signs are put together, because each can be lost: descent from *root* (lost when a parent
    dies), the process group that *root* leads (lost by ``setsid``), and *mark* in the environment
    (lost when a child is given an empty one).
    """
    found = set()
    for process in psutil.process_iter():
        if _group(process.pid) == root or _mark(process) == mark:
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
    """End a server: ask its root, then its other processes, and kill what is left.

    The root is asked alone at first, because ending the workers in good order is its business; a
    supervisor whose workers are ended behind its back starts new ones.

    Parameters
    ----------
    root : int
        The process id of the server's first process, running or ended. If ended, it must not have
        been waited for yet: a waited-for id may by now belong to somebody else's process.
    mark : str
        The server's mark.
    grace : float
        Seconds, 0 or more, between the first request (SIGTERM) and force (SIGKILL).

    Returns
    -------
    set of psutil.Process
        Processes that even SIGKILL did not end: normally none.
    """
    deadline = time.monotonic() + grace
    members = family(root, mark)
    _wait(_terminate(process for process in members if process.pid == root), deadline)
    # Looked for again: the members known from before may have lost their parent by now.
    members = alive(members) | family(root, mark)
    _wait(_terminate(members), deadline)
    for _ in range(_KILL_ROUNDS):
        # A process may have been born between the look and the kill, hence the rounds.
        members = alive(members) | family(root, mark)
        if not members:
            break
        for process in members:
            _signal(process, force=True)
        _wait(members, time.monotonic() + 0.5)
    return members


def strays(owner: int | None = None) -> list[ProcessRecord]:
    """List the processes of servers that were left behind.

    Parameters
    ----------
    owner : int, optional
        The process id of an owner, e.g. of a kernel that was just killed: its servers, whether it
        still runs or not. By default the servers of every owner that no longer runs. Only servers
        of this checkout (same build folder) are ever considered.

    Returns
    -------
    list of ProcessRecord
        Oldest first.
    """
    return records(process for members in _stray_servers(owner).values() for process in members)


def sweep(owner: int | None = None, *, grace: float = 2.0) -> list[ProcessRecord]:
    """End the processes that :func:`strays` lists, and return them.

    Call it after a kernel was killed. Servers whose owner still runs are left alone unless that
    owner is named, so it is safe while other notebooks are at work.

    Parameters
    ----------
    owner : int, optional
        As for :func:`strays`.
    grace : float, default 2.0
        Seconds, 0 or more, between SIGTERM and SIGKILL for each server.
    """
    servers = _stray_servers(owner)
    swept = records(process for members in servers.values() for process in members)
    for mark, members in servers.items():
        eldest = records(members)[:1]
        if eldest:
            end(eldest[0].pid, mark, grace)
    return swept


def _stray_servers(owner: int | None) -> dict[str, set[psutil.Process]]:
    """Group the marked processes of this checkout by server and keep the strays."""
    servers: dict[str, set[psutil.Process]] = {}
    for process in psutil.process_iter():
        mark = _mark(process)
        if mark is not None and mark.startswith(f"{build_dir()}:"):
            servers.setdefault(mark, set()).add(process)
    kept = {}
    for mark, members in servers.items():
        pid = int(mark.rsplit(":", 2)[1])
        members = alive(members - {psutil.Process()})
        if members and (pid == owner or (owner is None and not _owner_runs(pid, members))):
            kept[mark] = members
    return kept


def _owner_runs(pid: int, members: Iterable[psutil.Process]) -> bool:
    """Tell whether *pid* is still the process that started *members*.

    An owner is older than its servers. A process of that id which is younger got a recycled id.
    Comparing two readings of the same clock stays right when the clock was set meanwhile.
    """
    try:
        owner = psutil.Process(pid)
        if owner.status() == psutil.STATUS_ZOMBIE:
            return False
        return owner.create_time() <= min(process.create_time() for process in members)
    except psutil.NoSuchProcess:
        # The owner, or a member that ended this instant: look again at the owner alone.
        return psutil.pid_exists(pid)


def _mark(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARK)
    except (psutil.Error, OSError):
        # Another user's process, the system's, or one that just ended: none of ours.
        return None


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
        _signal(process, force=False)
    return asked


def _signal(process: psutil.Process, *, force: bool) -> None:
    try:
        process.kill() if force else process.terminate()
    except psutil.Error:
        return  # It ended by itself.


def _wait(processes: set[psutil.Process], deadline: float) -> None:
    while alive(processes) and time.monotonic() < deadline:
        time.sleep(POLL)
