"""Say what this machine has, what it lacks, and the command that mends it.

Standard library only, and any Python from 3.8 on: ``make`` runs the hard checks before anything is
installed. ``python -m services.workbench.preflight [--hard]`` prints one line a check.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from services.environment import ROOT, build_dir

OK, MISSING, NOT_RUN = "ok", "MISSING", "NOT RUN HERE"

GIGABYTE = 10**9
NEW_ENVIRONMENT = 10 * GIGABYTE
"""Bytes that a first installation needs: 8 GB installed, the rest for what is unpacked."""
FURTHER_WORK = 1 * GIGABYTE


MLSERVER = build_dir() / "mlserver" / "bin" / "mlserver"
"""MLServer, in the environment of its own that ``make mlserver-env`` makes."""


class Row(NamedTuple):
    """The result of one check.

    Attributes
    ----------
    name : str
        What was looked at.
    status : str
        ``ok``, ``MISSING`` (nothing works without it) or ``NOT RUN HERE`` (something is skipped).
    detail : str
        What was found.
    remedy : str
        The command that mends it; empty when there is nothing to mend.
    """

    name: str
    status: str
    detail: str
    remedy: str = ""

    def __str__(self) -> str:
        """Return the row as one line."""
        line = f"{self.name:<12} {self.status:<12} {self.detail}"
        return f"{line}; {self.remedy}" if self.remedy else line


class Tool(NamedTuple):
    """A program that some notebooks and tests use, and how to find out that it works."""

    name: str
    probes: list[list[str]]
    remedy: str


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("curl", [["curl", "--version"]], "apt-get install curl"),
        # An engine whose client is there but whose service is not running answers no "info".
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
        ),
        Tool("prometheus", [["prometheus", "--version"]], "apt-get install prometheus"),
        # It has no --version. One request that nobody answers shows that it runs.
        Tool("hey", [["hey", "-n", "1", "-c", "1", "http://127.0.0.1:1"]], "apt-get install hey"),
        Tool("chromium", [["chromium", "--version"]], "apt-get install chromium"),
        Tool("postgres", [["initdb", "--version"]], "apt-get install postgresql"),
        Tool("mlserver", [[str(MLSERVER), "--version"]], "make mlserver-env"),
    )
}
"""Optional tools by name. A test asks for one with the ``needs`` fixture."""


def program(name: str) -> str | None:
    """Return where a program is, on the PATH or where Debian keeps PostgreSQL's; None if not."""
    folders = [str(folder) for folder in Path("/usr/lib/postgresql").glob("*/bin")]
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(folders))


def answers(command: list[str], seconds: float = 15) -> bool:
    """Say whether a command is there and succeeds."""
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
            return Row(name, OK, command[0])
    tried = " or ".join(command[0].replace(f"{ROOT}/", "") for command in tool.probes)
    return Row(name, NOT_RUN, f"{tried} is missing or does not answer", tool.remedy)


def check_python() -> Row:
    """Look for Python 3.11, the one version that the lock was made for."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] == (3, 11):
        return Row("python", OK, version)
    if answers(["python3.11", "--version"]):
        return Row("python", OK, "python3.11 on PATH")
    return Row(
        "python", MISSING, f"3.11 is needed, this is {version}", "apt-get install python3.11-venv"
    )


def check_disk(root: Path = ROOT) -> Row:
    """Ask for room: for the environment where there is none yet, else for notebooks' work."""
    needed = FURTHER_WORK if (root / ".venv" / ".ready").exists() else NEW_ENVIRONMENT
    free = shutil.disk_usage(root).free
    detail = f"{free / GIGABYTE:.1f} GB free, {needed / GIGABYTE:.0f} GB wanted"
    if free >= needed:
        return Row("disk", OK, detail)
    return Row("disk", MISSING, detail, "make room, or: make environment TORCH_INDEX=URL (3 GB)")


def check_ports() -> Row:
    """Ask that servers can listen on loopback."""
    try:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
    except OSError as error:
        return Row("ports", MISSING, f"cannot listen on 127.0.0.1: {error}", "ip link set lo up")
    return Row("ports", OK, "free ports on 127.0.0.1")


def check_weights(folder: Path = ROOT / "services" / "id_card" / "weights") -> Row | None:
    """Compare the models' weights with their published sums; None where there are no sums."""
    sums = folder / "SHA256SUMS"
    if not sums.exists():
        return None
    lines = [line.split() for line in sums.read_text(encoding="utf-8").splitlines() if line]
    for expected, name in ((fields[0], fields[-1].lstrip("*")) for fields in lines):
        path = folder / name
        actual = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "nothing"
        if actual != expected:
            detail = f"{name} is damaged or absent"
            return Row(
                "weights", MISSING, detail, f"git checkout -- services/id_card/weights/{name}"
            )
    return Row("weights", OK, f"{len(lines)} files as published")


def check_opencv() -> Row | None:
    """Ask OpenCV, once installed, whether it finds the shared libraries of a desktop."""
    python = ROOT / ".venv" / "bin" / "python"
    if not list(ROOT.glob(".venv/lib/*/site-packages/cv2/__init__.py")):
        return None
    if answers([str(python), "-c", "import cv2"], seconds=60):
        return Row("opencv", OK, "its libraries load")
    return Row(
        "opencv", MISSING, "a shared library is absent", "apt-get install libgl1 libglib2.0-0"
    )


def check_packages(lock: Path = ROOT / "requirements.txt") -> Row | None:
    """Compare the installed packages with the lock; None where nothing is installed yet.

    A line for another platform counts only if its package is there. What follows a ``+`` in a
    version, the build of torch, may differ.
    """
    lines = re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==([^\s;]+)( ;)?", lock.read_text("utf-8"), re.M)
    installed: dict[str, str] = {}
    for found in metadata.distributions():
        if name := found.metadata["Name"]:
            # The first on the path is the one that is imported: setuptools, once it is imported,
            # adds a folder with copies of its own at the end.
            key = re.sub(r"[-_.]+", "-", name).lower()
            installed.setdefault(key, found.version.split("+")[0])
    if "bentoml" not in installed:
        return None
    # A package may be locked twice, each time for other Pythons or platforms.
    locked: dict[str, list[str]] = {}
    for name, version, _ in lines:
        locked.setdefault(name, []).append(version)
    optional = {name for name, _, elsewhere in lines if elsewhere}
    wrong = [
        f"{name} {installed.get(name, 'is absent')}, locked {' or '.join(versions)}"
        for name, versions in locked.items()
        if installed.get(name) not in versions and not (name in optional and name not in installed)
    ]
    if not wrong:
        return Row("packages", OK, f"{len(set(locked) & set(installed))} as locked")
    more = f" and {len(wrong) - 1} others" if len(wrong) > 1 else ""
    return Row("packages", MISSING, f"{wrong[0]}{more}", "make environment")


HARD_CHECKS: list[Callable[[], Row | None]] = [
    check_python,
    check_disk,
    check_ports,
    check_weights,
    check_opencv,
]
"""Checks without which nothing works. One that does not apply yet returns None."""


def _rows(hard_only: bool) -> Iterator[Row]:
    for check in HARD_CHECKS:
        row = check()
        if row is not None:
            yield row
    if not hard_only:
        packages = check_packages()
        if packages is not None:
            yield packages
        for name in TOOLS:
            yield find_tool(name)


def report(hard_only: bool = False) -> list[Row]:
    """Run the checks and return their rows.

    Parameters
    ----------
    hard_only : bool, default=False
        Leave out the optional tools.
    """
    return list(_rows(hard_only))


def main(arguments: list[str] | None = None) -> int:
    """Print the rows; return 1 if something is missing without which nothing works."""
    hard_only = "--hard" in (sys.argv[1:] if arguments is None else arguments)
    rows = report(hard_only)
    failed = [row for row in rows if row.status == MISSING]
    for row in failed if hard_only else rows:
        print(row)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
