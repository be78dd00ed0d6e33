"""Start a server on a free loopback port, wait until it answers, and leave nothing behind.

::

    with servers.bentoml("services.id_card.service:IdCardDetector") as server:
        httpx.get(f"{server.url}/readyz")

Any command will do: ``{port}`` in it is replaced by the port. Everything the server prints goes to
a file under ``build/logs/``, whose end is shown when something goes wrong. :meth:`Server.stop` ends
the server and all its children, and so does the end of the interpreter. After a kernel was killed,
:func:`sweep` does it; :func:`start` calls it too, so nobody inherits yesterday's server.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from pathlib import Path

import httpx
import psutil

from services.environment import ROOT, build_dir
from services.workbench._ports import HOST, free_port, listens, taken
from services.workbench._server import (
    CrashedError,
    NotReadyError,
    PortTakenError,
    Server,
    ServerError,
    running,
)
from services.workbench.processes import POLL, ProcessRecord, strays, sweep

__all__ = [
    "CrashedError",
    "NotReadyError",
    "PortTakenError",
    "ProcessRecord",
    "Server",
    "ServerError",
    "bentoml",
    "free_port",
    "start",
    "strays",
    "sweep",
]

_PORT_ATTEMPTS = 3
_SHORT = "/tmp" if Path("/tmp").is_dir() else None  # macOS's own temporary folder is long
_REQUEST_TIMEOUT = 5.0
_GRACE_AT_EXIT = 2.0  # a notebook server kills a kernel that takes more than five seconds to end
_ADDRESS_IN_USE = re.compile(r"address already in use|EADDRINUSE", re.IGNORECASE)

Ready = str | Callable[[Server], bool]
"""A path that must answer 200, or a function that looks at the server and says whether it is."""


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
) -> Server:
    """Start a server and return once it is ready.

    Parameters
    ----------
    command : sequence of str
        The program and its arguments; ``{port}`` in any of them is replaced by the port. Programs
        of this interpreter's environment come first on the ``PATH``.
    ready : str or callable, default "/readyz"
        A path: the server is ready when ``GET`` answers 200 and one of *its* processes listens on
        the port. Or a function of the :class:`Server` that returns true; it must return soon.
    name : str, optional
        For messages and the log; the program's name if not given.
    port : int, optional
        A port of 127.0.0.1, 1 to 65535; a free one if not given.
    timeout : float, default 120.0
        Seconds, above 0, within which the server must be ready.
    env : mapping of str to str, optional
        Variables added to those of this process.
    cwd : str or path, optional
        The folder to run in; the repository if not given.
    gives_up : str, optional
        A text which in the log means that the server will never be ready, although it still runs:
        a supervisor often survives the worker that could not load its model.

    Returns
    -------
    Server
        Use it in a ``with`` statement, or call :meth:`Server.stop`.

    Raises
    ------
    CrashedError
        If the server ended, or gave up, before it was ready.
    NotReadyError
        If *timeout* seconds went by.
    PortTakenError
        If another process has *port*, or took each of the free ports that were tried.
    FileNotFoundError
        If there is no such program.
    ValueError
        If *ready* is a text that is no path.
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
            server = Server(name, command, chosen, _environment(env or {}), Path(cwd or ROOT))
            try:
                _wait_until_ready(server, ready, timeout, gives_up)
            except BaseException:
                server.stop(_GRACE_AT_EXIT)
                raise
            return server
        except PortTakenError:
            # Between our choice and the server's bind, somebody else took the port: choose again.
            if attempts < 1:
                raise


def bentoml(
    target: str,
    *,
    development: bool = False,
    api_workers: int | None = None,
    arguments: Sequence[str] = (),
    working_dir: str | Path = ROOT,
    ready: Ready = "/readyz",
    name: str | None = None,
    port: int | None = None,
    timeout: float = 120.0,
    env: Mapping[str, str] | None = None,
) -> Server:
    """Run ``bentoml serve`` and return once the service is ready.

    The server gets a ``BENTOML_HOME`` of its own, in which only the stores of models and Bentos are
    shared: BentoML keeps the counts behind ``/metrics`` in that folder and empties it at each
    start, so that a second server would set the first one's metrics to zero.

    Parameters
    ----------
    target : str
        What to serve: ``"package.module:Name"``, the tag of a Bento, or a Bento's folder.
    development : bool, default False
        One process, runners included, and more in the log.
    api_workers : int, optional
        Number of API processes, 1 or more, of a ``bentoml.legacy.Service``; as many as there are
        cores if not given. BentoML ignores it for a ``@bentoml.service``, which states its
        ``workers=`` itself.
    arguments : sequence of str, optional
        More arguments for ``bentoml serve``.
    working_dir : str or path, optional
        The folder from which *target* is imported; the repository if not given.
    ready, name, port, timeout, env
        As for :func:`start`. With another *ready* than ``"/readyz"`` a model that cannot be loaded
        is yours to notice.

    Raises
    ------
    ServerError
        As for :func:`start`. A model that cannot be loaded is a :class:`CrashedError`.
    """
    command = [sys.executable, "-m", "bentoml", "serve", target, "--host", HOST]
    command += ["--port", "{port}", "--working-dir", str(working_dir)]
    if development:
        command.append("--development")
    if api_workers is not None:
        command += ["--api-workers", str(api_workers)]
    home = _own_bentoml_home((env or {}).get("BENTOML_HOME"))
    # For folders that it would leave behind, and for its sockets, whose paths must be short.
    temporary = tempfile.mkdtemp(prefix="serving-labs-", dir=_SHORT)
    try:
        server = start(
            [*command, *arguments],
            ready=ready,
            name=name or "bentoml-" + re.sub(r"\W+", "-", target).strip("-"),
            port=port,
            timeout=timeout,
            env={"TMPDIR": temporary, **(env or {}), "BENTOML_HOME": str(home)},
            cwd=working_dir,
            gives_up="Application startup failed. Exiting." if ready == "/readyz" else None,
        )
    except BaseException:
        _remove(home, temporary)
        raise
    server.on_stop(partial(_remove, home, temporary))
    return server


def _remove(*folders: str | Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(server: Server, ready: Ready, timeout: float, gives_up: str | None) -> None:
    deadline = time.monotonic() + timeout
    answer = "nothing was asked"
    with httpx.Client(trust_env=False) as client:  # a proxy has no business on the loopback
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
                answer = "the function given as ready said no"
            else:
                status, answer = _get(client, server.url + ready, min(left, _REQUEST_TIMEOUT))
                if status == HTTPStatus.OK:
                    if listens((record.pid for record in server.processes()), server.port):
                        return
                    raise _error(PortTakenError, server, f"port {server.port} is another's")
            time.sleep(POLL)


def _get(client: httpx.Client, url: str, timeout: float) -> tuple[int | None, str]:
    """Ask *url* within *timeout* seconds; return the status, if any, and the outcome in words."""
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
        return _error(PortTakenError, server, f"found its address in use ({how})", code)
    return _error(CrashedError, server, f"crashed at start ({how})", code)


def _error(
    kind: type[ServerError], server: Server, what: str, exit_code: int | None = None
) -> ServerError:
    return kind(
        f"{server.name} {what}", command=server.command, log=server.log, exit_code=exit_code
    )


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return this process's variables with *extra*, our programs and modules in reach."""
    variables = {**os.environ, "PYTHONUNBUFFERED": "1", **extra}
    programs = str(Path(sys.executable).parent)
    variables["PATH"] = os.pathsep.join(filter(None, [programs, variables.get("PATH")]))
    variables["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(ROOT), variables.get("PYTHONPATH")])
    )
    return variables


def _own_bentoml_home(shared: str | None) -> Path:
    """Make a BENTOML_HOME for one server, with links to the stores in *shared*."""
    store = Path(shared or os.environ["BENTOML_HOME"])
    homes = build_dir() / "bentoml-servers"
    homes.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(dir=homes))
    for name in ("bentos", "models"):
        (store / name).mkdir(parents=True, exist_ok=True)
        (home / name).symlink_to((store / name).resolve())
    return home


@atexit.register
def _stop_all() -> None:
    """Leave nothing behind when the interpreter ends, also when a notebook raised."""
    ours = [server for server in running if server.owner == os.getpid()]
    for server in ours:
        # All are asked before the first is awaited, so that they end side by side.
        with contextlib.suppress(psutil.Error):
            psutil.Process(server.pid).terminate()
    for server in ours:
        server.stop(_GRACE_AT_EXIT)
