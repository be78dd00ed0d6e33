"""One running server, and the errors that explain why there is none; see ``servers``."""

from __future__ import annotations

import html
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

import psutil

from services.environment import ROOT, build_dir
from services.workbench.servers.ports import HOST
from services.workbench.servers.processes import MARK, ProcessRecord, end, family, new_mark, records

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")

running: list[Server] = []
"""The servers of this process that have not been stopped."""


class ServerError(RuntimeError):
    """A server could not be started; the message ends with the last lines of its log.

    It has the *command* as it was run, the *log* (a path; None if it was not even run), and the
    *exit_code*, negative for a signal; None if it was still running.
    """

    def __init__(
        self,
        what: str,
        *,
        command: Sequence[str],
        log: Path | None = None,
        exit_code: int | None = None,
    ) -> None:
        lines = [what, f"  command: {shlex.join(command)}"]
        if log is not None:
            shown = log.relative_to(ROOT) if log.is_relative_to(ROOT) else log
            printed = last_lines(log, 20).splitlines() or ["(nothing was printed)"]
            lines += [f"  log: {shown}, its last lines:", *(f"    {line}" for line in printed)]
        super().__init__("\n".join(lines))
        self.command = tuple(command)
        self.log = log
        self.exit_code = exit_code


class CrashedError(ServerError):
    """The server ended, or gave up according to its log, before it was ready."""


class NotReadyError(ServerError):
    """The server ran, but was not ready in time."""


class PortTakenError(ServerError):
    """Another process has the port that the server needs."""


class Stoppable:
    """What runs until it is stopped; as a context manager, until the end of the block."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> int:
        """Stop it; return its exit code."""
        raise NotImplementedError


class Server(Stoppable):
    """A running server. Made by :func:`start`; as a context manager it stops at the end.

    Attributes
    ----------
    name : str
        Its name in messages and in the file name of its log.
    command : tuple of str
        The command as it was run.
    port : int
        The port of 127.0.0.1 on which it listens.
    url : str
        ``http://127.0.0.1:<port>``, without a slash at the end.
    pid, owner : int
        The ids of its first process, which leads a process group, and of its starter.
    log : pathlib.Path
        The file with everything it prints.
    pages : mapping of str to str
        Paths worth opening in a browser, by title. A notebook shows them as links.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        port: int,
        env: Mapping[str, str],
        cwd: Path,
        pages: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.pages = dict(pages or {})
        self.command = tuple(part.replace("{port}", str(port)) for part in command)
        self.port = port
        self.url = f"http://{HOST}:{port}"
        file = re.sub(r"[^\w.-]+", "-", name)
        self.log = build_dir() / "logs" / f"{file}-{port}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.owner = os.getpid()
        self._mark = new_mark()
        self._callbacks: list[Callable[[], object]] = []
        self._stopped = False
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**env, MARK: self._mark},
                cwd=cwd,
                start_new_session=True,  # so that Ctrl-C in a terminal does not reach it
            )
        self.pid = self._process.pid
        running.append(self)

    def __repr__(self) -> str:
        return f"<Server {self.name} at {self.url}, {'running' if self.running else 'stopped'}>"

    def _repr_html_(self) -> str | None:
        """Return links to the pages of a running server; a notebook shows them."""
        if not (self.pages and self.running):
            return None
        base = browser_url(self.port)
        links = " · ".join(
            f'<a href="{html.escape(base + path)}" target="_blank">{html.escape(title)}</a>'
            for title, path in self.pages.items()
        )
        return f"<p>{self.url}: {links}</p>"

    @property
    def running(self) -> bool:
        """Whether the first process still runs."""
        # Not Popen.poll(): it would reap the process, and its id could then be reused, while
        # stop() relies on the id.
        try:
            return not self._stopped and psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def processes(self) -> list[ProcessRecord]:
        """List the running processes of the server, the first process and parents first."""
        return [] if self._stopped else records(family(self.pid, self._mark))

    def tail(self, n: int = 20) -> str:
        """Return the last *n* lines of the log, without colour codes."""
        return last_lines(self.log, n)

    def on_stop(self, callback: Callable[[], object]) -> None:
        """Have *callback* called once when the server has stopped, e.g. to remove a folder."""
        self._callbacks.append(callback)

    def stop(self, grace: float = 10.0) -> int:
        """Stop the server and all its children. Calling it again does nothing.

        It has *grace* seconds, 0 or more, to end after SIGTERM, before SIGKILL. Return the exit
        code of the first process, negative for a signal. Raises ServerError if a process survives
        even SIGKILL (it hangs in the kernel).
        """
        if not self._stopped:
            left = end(self.pid, self._mark, grace)
            if left:
                raise ServerError(
                    f"{self.name} cannot be stopped: {records(left)} are still running",
                    command=self.command,
                    log=self.log,
                )
            self._process.wait()
            self._stopped = True
            running.remove(self)
            for callback in self._callbacks:
                callback()
        return int(self._process.returncode)


def browser_url(port: int) -> str:
    """Return the URL of a port of 127.0.0.1 for the reader's browser, without a trailing slash.

    On a JupyterHub the browser runs on another machine, so the hub has to forward requests. It does
    so under ``proxy/PORT/`` if its image includes jupyter-server-proxy.
    """
    prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX")
    return f"{prefix.rstrip('/')}/proxy/{port}" if prefix else f"http://{HOST}:{port}"


def last_lines(log: Path, n: int) -> str:
    """Return the last *n* lines of *log* without colour codes; nothing if there is no such file."""
    if n < 1 or not log.exists():
        return ""
    text = log.read_text(encoding="utf-8", errors="replace")
    return "\n".join(_COLOUR.sub("", text).splitlines()[-n:])


def first_lines(log: Path, n: int) -> list[str]:
    """Return the first *n* lines of *log* that are not part of a Python warning."""
    lines = _COLOUR.sub("", log.read_text(encoding="utf-8", errors="replace")).splitlines()
    return [line for line in lines if re.match(r"\S", line) and "Warning: " not in line][:n]
