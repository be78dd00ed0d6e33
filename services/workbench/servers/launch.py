"""Start a server on a free loopback port, wait until it answers, and leave nothing behind.

::

    with servers.bentoml("services.id_card.bento.service:IdCardDetector") as server:
        httpx.get(f"{server.url}/readyz")

Any command works: ``{port}`` in it is replaced by the port. Everything the server prints goes to a
file under ``build/logs/``, whose last lines are shown when something goes wrong. The server and all
its children end at :meth:`Server.stop`, or when the interpreter exits. After a kernel was killed,
:func:`sweep` ends them; :func:`start` calls it too, so no server of an earlier session is left.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path

import httpx
import psutil

from services.environment import ROOT
from services.workbench.servers.ports import free_port, listens, taken
from services.workbench.servers.processes import POLL, sweep
from services.workbench.servers.server import (
    CrashedError,
    NotReadyError,
    PortTakenError,
    Server,
    ServerError,
    running,
)

_PORT_ATTEMPTS = 3
_REQUEST_TIMEOUT = 5.0
_GRACE_AT_EXIT = 2.0  # a notebook server kills a kernel that takes more than five seconds to end
_ADDRESS_IN_USE = re.compile(r"address already in use|EADDRINUSE", re.IGNORECASE)

_SMALL_DISKS = """
for folder in $SMALL_DISKS; do
    mkdir -p "$folder" && mount -t tmpfs -o size=16k tmpfs "$folder" || exit
done
exec "$@"
"""

Ready = str | Callable[[Server], bool]
"""A path that must answer 200, or a function of the server that returns whether it is ready."""


def start(
    command: Sequence[str],
    *,
    ready: Ready = "/readyz",
    name: str | None = None,
    port: int | None = None,
    timeout: float = 120.0,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    gives_up: str | None = None,
    pages: Mapping[str, str] | None = None,
) -> Server:
    """Start a server and return once it is ready, within *timeout* seconds.

    ``{port}`` in any part of *command* is replaced by *port*, a free one of 127.0.0.1 if not given.
    Programs of this interpreter's environment come first on the ``PATH``. *name* is for messages
    and the log; the program's if not given. *env* is added to this process's variables, and *cwd*
    is the folder to run in, the repository if not given.

    If *ready* is a path, the server is ready when ``GET`` answers 200 and one of *its* processes
    listens on the port. Else it is a function of the :class:`Server` that returns true, soon.
    *gives_up* is a text in the log that means the server will never be ready, although it still
    runs: a supervisor often survives the worker that could not load its model. *pages* are paths to
    open in a browser, by title; a notebook that shows the server links to them.

    Raises
    ------
    CrashedError
        If the server ended, or gave up, before it was ready.
    NotReadyError
        If it is not ready in time.
    PortTakenError
        If another process has *port*, or took each of the free ports that were tried.
    FileNotFoundError
        If there is no such program.
    ValueError
        If *ready* is a text that is not a path.
    """
    if isinstance(ready, str) and not ready.startswith("/"):
        raise ValueError(f"ready must be a path that starts with '/', got {ready!r}")
    sweep()
    name = name or Path(command[0]).stem
    attempts = 1 if port is not None else _PORT_ATTEMPTS
    while True:
        attempts -= 1
        chosen = free_port() if port is None else port
        try:
            if taken(chosen):
                raise PortTakenError(f"{name}: port {chosen} is in use", command=command)
            server = Server(
                name, command, chosen, _environment(env or {}), Path(cwd or ROOT), pages
            )
            try:
                _wait_until_ready(server, ready, timeout, gives_up)
            except BaseException:
                server.stop(_GRACE_AT_EXIT)
                raise
            return server
        except PortTakenError:
            # Another process took the port between our choice and the server's bind: choose again.
            if attempts < 1:
                raise


def _wait_until_ready(server: Server, ready: Ready, timeout: float, gives_up: str | None) -> None:
    deadline = time.monotonic() + timeout
    answer = "no request was sent"
    with httpx.Client(trust_env=False) as client:  # never use a proxy for the loopback
        while True:
            if not server.running:
                raise _ended(server)
            if gives_up and gives_up in server.log.read_text(encoding="utf-8", errors="replace"):
                raise _error(CrashedError, server, f"gave up at start: {gives_up}")
            left = deadline - time.monotonic()
            if left <= 0:
                raise _error(NotReadyError, server, f"was not ready in {timeout:g} s: {answer}")
            if callable(ready):
                if ready(server):
                    return
                answer = "the function passed as ready returned false"
            else:
                # At least a second: a last request that is cut short would hide what was answered.
                patience = min(max(left, 1.0), _REQUEST_TIMEOUT)
                status, answer = _get(client, server.url + ready, patience)
                if status == HTTPStatus.OK:
                    if listens((record.pid for record in server.processes()), server.port):
                        return
                    what = f"port {server.port} belongs to another process"
                    raise _error(PortTakenError, server, what)
            time.sleep(POLL)


def _get(client: httpx.Client, url: str, timeout: float) -> tuple[int | None, str]:
    """Send GET *url*; return the status, if any, and the outcome in words."""
    try:
        response = client.get(url, timeout=timeout)
    except httpx.HTTPError as error:
        return None, f"GET {url} failed: {type(error).__name__}"
    return response.status_code, f"GET {url} answered {response.status_code}"


def _ended(server: Server) -> ServerError:
    """Return the error for a server that ended before it was ready."""
    code = server.stop(_GRACE_AT_EXIT)
    how = f"exit code {code}"
    if code < 0:
        how += f", {signal.Signals(-code).name}"
    if taken(server.port) or _ADDRESS_IN_USE.search(server.tail()):
        return _error(PortTakenError, server, f"failed: its address is in use ({how})", code)
    return _error(CrashedError, server, f"crashed at start ({how})", code)


def _error(
    kind: type[ServerError], server: Server, what: str, exit_code: int | None = None
) -> ServerError:
    return kind(
        f"{server.name} {what}", command=server.command, log=server.log, exit_code=exit_code
    )


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return this process's variables with *extra*; PATH and PYTHONPATH include this project."""
    variables = {**os.environ, "PYTHONUNBUFFERED": "1", **extra}
    for name, first in (("PATH", Path(sys.executable).parent), ("PYTHONPATH", ROOT)):
        variables[name] = os.pathsep.join(filter(None, [str(first), variables.get(name)]))
    return variables


def on_small_disks(*folders: str) -> list[str]:
    """Return a command-line prefix that gives the command 16 kB of disk in each folder.

    The folders are paths without spaces; variables such as ``$BENTOML_HOME`` have the command's
    values. It needs a Linux that lets users create namespaces: the tool ``namespaces`` of
    :mod:`services.setup.tools`.
    """
    script = _SMALL_DISKS.replace("$SMALL_DISKS", " ".join(folders))
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]


@atexit.register
def _stop_all() -> None:
    """Stop all servers when the interpreter exits, even if a notebook raised an exception."""
    ours = [server for server in running if server.owner == os.getpid()]
    for server in ours:
        # Signal all of them before waiting for the first, so that they end in parallel.
        with contextlib.suppress(psutil.Error):
            psutil.Process(server.pid).terminate()
    for server in ours:
        server.stop(_GRACE_AT_EXIT)
