"""Run a command, or start a server, as a reader would type it; print what a terminal would show."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

from services.environment import ROOT
from services.workbench.servers.bentoml_serve import start_bentoml
from services.workbench.servers.launch import Ready, start
from services.workbench.servers.server import Server, first_lines

_COLUMNS = 96
_PLAIN = {"NO_COLOR": "1", "PYTHONWARNINGS": "ignore", "COLUMNS": str(_COLUMNS)}


def run(
    line: str,
    *,
    begin: str = "",
    lines: int = 20,
    env: Mapping[str, str] | None = None,
    cwd: str | Path = ROOT,
) -> int:
    """Print *line* after a ``$``, run it, print its output, and return its exit code.

    There is no shell, so no pipes and no variables. The output is shown from the first line that
    contains *begin* (from the start if none does), at most *lines* lines of it. *env* is added to
    this process's variables; *cwd* is the folder to run in, the repository if not given. Raises
    FileNotFoundError if there is no such program.
    """
    print(wrapped(f"$ {line}"))
    inherited = {key: value for key, value in os.environ.items() if "FORCE_COLOR" not in key}
    # The programs of this environment come first, whether or not it is activated.
    path = os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", "")])
    done = subprocess.run(
        shlex.split(line),
        env={**inherited, **_PLAIN, "PATH": path, **(env or {})},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    printed = [text.rstrip() for text in done.stdout.splitlines()]
    first = next((number for number, text in enumerate(printed) if begin in text), 0)
    for text in printed[first : first + lines]:
        print(wrapped(text))
    return done.returncode


def shell(
    line: str, *, ready: Ready = "/readyz", log_lines: int = 2, cwd: str | Path = ROOT
) -> Server:
    """Start a server from a command line; print the line and the first lines of the log.

    *line* is as typed in a terminal: words of the form ``NAME=value`` may come first, ``$PORT`` is
    replaced by a free port, and white space, line breaks included, separates words. *ready* and
    *cwd* are as for :func:`start`. *log_lines* lines of the server's log are printed, without
    Python's warnings. Raises ServerError as :func:`start` does.
    """
    words = [word.replace("$PORT", "{port}") for word in shlex.split(line)]
    command = [word for word in words if "=" not in word or word.startswith("-")]
    name = "-".join(command[:3])
    way = start_bentoml if command[0] == "bentoml" else start
    server = way(["env", *words], ready=ready, name=name, cwd=cwd)
    typed = line.replace("$PORT", str(server.port))
    print(wrapped(f"$ {' '.join(typed.split())}", end=" \\"))
    for logged in first_lines(server.log, log_lines):
        print(wrapped(logged))
    return server


def wrapped(line: str, end: str = "") -> str:
    """Wrap *line* to the page's width; *end* follows each part but the last."""
    parts = textwrap.wrap(
        line, _COLUMNS, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False
    )
    return f"{end}\n".join(parts)
