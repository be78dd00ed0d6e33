"""Start a server with the command line that a reader would type."""

from __future__ import annotations

import shlex
from pathlib import Path

from services.environment import ROOT
from services.workbench.servers.bentoml_serve import start_bentoml
from services.workbench.servers.launch import Ready, start
from services.workbench.servers.server import Server, first_lines
from services.workbench.servers.terminal import wrapped


def shell(
    line: str, *, ready: Ready = "/readyz", log_lines: int = 2, cwd: str | Path = ROOT
) -> Server:
    """Start a server from a command line; print the line and the first lines of the log.

    Parameters
    ----------
    line : str
        As typed in a terminal. Words of the form ``NAME=value`` may come first; ``$PORT`` is
        replaced by a free port. White space, line breaks included, separates words.
    ready : str or callable, default "/readyz"
        As for :func:`start`.
    log_lines : int, default 2
        How many lines of the server's log are printed. Python's warnings are left out.
    cwd : str or path, optional
        The folder to run in; the repository if not given.

    Returns
    -------
    Server
        A server that is ready; end it with :meth:`Server.stop`.

    Raises
    ------
    ServerError
        As for :func:`start`.
    """
    words = [word.replace("$PORT", "{port}") for word in shlex.split(line)]
    command = [word for word in words if "=" not in word or word.startswith("-")]
    name = "-".join(command[:3])
    run = start_bentoml if command[0] == "bentoml" else start
    server = run(["env", *words], ready=ready, name=name, cwd=cwd)
    typed = line.replace("$PORT", str(server.port))
    print(wrapped(f"$ {' '.join(typed.split())}", end=" \\"))
    for logged in first_lines(server.log, log_lines):
        print(wrapped(logged))
    return server
