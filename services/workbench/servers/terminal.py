"""Run a command line as a reader would type it, and print what a terminal would show."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

from services.environment import ROOT

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

    Parameters
    ----------
    line : str
        The command; there is no shell, so no pipes and no variables.
    begin : str, optional
        Show the output from the first line that contains this text; all of it if none does.
    lines : int, default 20
        The maximum number of lines to show.
    env : mapping of str to str, optional
        Variables added to those of this process.
    cwd : str or path, optional
        The folder to run in; the repository if not given.

    Raises
    ------
    FileNotFoundError
        If there is no such program.
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


def wrapped(line: str, end: str = "") -> str:
    """Wrap *line* to the page's width; *end* follows each part but the last."""
    parts = textwrap.wrap(
        line, _COLUMNS, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False
    )
    return f"{end}\n".join(parts)
