"""The programs that some notebooks and tests use, and how to check that they work.

Standard library only, and any Python from 3.8 on, as :mod:`services.setup.preflight` needs it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from services.environment import ROOT, build_dir

OK, MISSING, NOT_RUN = "ok", "MISSING", "NOT RUN HERE"

WIDTH = 100
"""Characters in a line; a notebook's output scrolls sideways beyond that."""

MLSERVER = build_dir() / "mlserver" / "bin" / "mlserver"
"""MLServer, in the separate environment that ``make mlserver-env`` makes."""


class Row(NamedTuple):
    """The result of one check: what was looked at, its status, and what was found.

    The status is ``ok``, ``MISSING`` (nothing works without it) or ``NOT RUN HERE`` (something is
    skipped). The remedy is the command that fixes it, on Debian; empty when there is nothing to
    fix.
    """

    name: str
    status: str
    detail: str
    remedy: str = ""

    def __str__(self) -> str:
        """Return the row with this system's remedy, in two lines if one would be too wide."""
        line = f"{self.name:<12} {self.status:<12} {self.detail}"
        if not self.remedy:
            return line
        whole = f"{line}; {on_this_system(self.remedy)}"
        if len(whole) <= WIDTH:
            return whole
        return f"{line};\n{' ' * 26}{on_this_system(self.remedy)}"


HOMEBREW = {
    "apt-get install curl": "xcode-select --install",
    "apt-get install podman": "brew install podman, then podman machine init --now",
    "apt-get install prometheus": "brew install prometheus",
    "apt-get install hey": "brew install hey",
    "apt-get install nginx-light": "brew install nginx",
    "apt-get install chromium": "brew install --cask chromium",
    "apt-get install postgresql": "brew install postgresql",
}
"""What a remedy is on a Mac."""


def on_this_system(remedy: str) -> str:
    """Return a remedy as it is typed here: on a Mac with Homebrew instead of Debian's packages."""
    return HOMEBREW.get(remedy, remedy) if sys.platform == "darwin" else remedy


class Tool(NamedTuple):
    """A program that some notebooks and tests use, and how to check that it works.

    One of the *probes*, which are commands, has to succeed; *remedy* is the command that fixes it.
    *silent* says what it means when the program is installed and its probe fails.
    """

    name: str
    probes: list[list[str]]
    remedy: str
    silent: str = "is installed, but does not answer"


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("curl", [["curl", "--version"]], "apt-get install curl"),
        # An engine whose client is installed but whose service is not running fails on "info".
        Tool("engine", [["docker", "info"], ["podman", "info"]], "apt-get install podman"),
        Tool(
            "kubectl",
            [["kubectl", "version", "--client"]],
            "install it as kubernetes.io/docs/tasks/tools says",
        ),
        Tool(
            "namespaces",
            [["unshare", "--user", "--map-root-user", "--mount", "true"]],
            "a Linux that lets users make namespaces; Ubuntu: "
            "sysctl kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        Tool(
            "cluster",
            [["kubectl", "version", "--request-timeout=3s"]],
            "point kubectl at a cluster, e.g. kind create cluster",
            "is installed, but reaches no cluster",
        ),
        Tool("prometheus", [["prometheus", "--version"]], "apt-get install prometheus"),
        Tool("nginx", [["nginx", "-v"]], "apt-get install nginx-light"),
        # It has no --version. One request that nobody answers shows that it runs.
        Tool("hey", [["hey", "-n", "1", "-c", "1", "http://127.0.0.1:1"]], "apt-get install hey"),
        Tool("chromium", [["chromium", "--version"]], "apt-get install chromium"),
        Tool("postgres", [["initdb", "--version"]], "apt-get install postgresql"),
        # Its own "--version" imports everything first: half a minute when the cores are busy.
        Tool(
            "mlserver",
            [
                [
                    str(MLSERVER.with_name("python")),
                    "-c",
                    "import importlib.metadata as m; m.version('mlserver')",
                ]
            ],
            "make mlserver-env",
        ),
    )
}
"""Optional tools by name. A test asks for one with the ``needs`` fixture."""


def program(name: str) -> str | None:
    """Return where a program is, on the PATH or where Debian keeps daemons; None if nowhere."""
    folders = [str(folder) for folder in Path("/usr/lib/postgresql").glob("*/bin")]
    folders.append("/usr/sbin")  # nginx; not on the PATH of a user without root
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(folders))


def answers(command: list[str], seconds: float = 15) -> bool:
    """Say whether a command exists and succeeds."""
    found = program(command[0])
    if found is None:
        return False
    try:
        done = subprocess.run(
            [found, *command[1:]], stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def find_tool(name: str) -> Row:
    """Look for one of :data:`TOOLS`."""
    tool = TOOLS[name]
    for command in tool.probes:
        if answers(command):
            return Row(name, OK, command[0].replace(f"{ROOT}/", ""))
    found = {command[0].replace(f"{ROOT}/", ""): program(command[0]) for command in tool.probes}
    silent = [f"{tried} {tool.silent}" for tried, where in found.items() if where]
    detail = "; ".join(silent) or f"{' and '.join(found)} not found"
    return Row(name, NOT_RUN, detail, tool.remedy)
