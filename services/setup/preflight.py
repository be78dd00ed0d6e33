"""Report what this machine has, what it lacks, and the command that fixes it.

Standard library only, and any Python from 3.8 on: ``make`` runs the hard checks before anything is
installed. ``python -m services.setup.preflight [--hard]`` prints one line a check.
"""

from __future__ import annotations

import hashlib
import html
import os
import re
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from services.environment import ROOT
from services.setup.tools import (
    HOMEBREW,
    MISSING,
    MLSERVER,
    NOT_RUN,
    OK,
    TOOLS,
    Row,
    Tool,
    answers,
    find_tool,
    program,
)

__all__ = [
    "HOMEBREW",
    "MISSING",
    "MLSERVER",
    "NOT_RUN",
    "OK",
    "TOOLS",
    "Needs",
    "Row",
    "Tool",
    "answers",
    "check_disk",
    "check_packages",
    "check_ports",
    "check_python",
    "check_weights",
    "find_tool",
    "main",
    "needs",
    "program",
    "report",
]

GIGABYTE = 10**9
NEW_ENVIRONMENT = 10 * GIGABYTE
"""Bytes that a first installation needs: 8 GB installed, the rest for what is unpacked."""
CPU_ENVIRONMENT = 5 * GIGABYTE
"""The same without CUDA, from the index that ``TORCH_INDEX`` names."""
FURTHER_WORK = 1 * GIGABYTE


def check_python() -> Row:
    """Look for Python 3.11, the one version that the lock was made for."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] == (3, 11):
        return Row("python", OK, version)
    if answers(["python3.11", "--version"]):
        return Row("python", OK, "python3.11 on PATH")
    return Row("python", MISSING, f"3.11 is needed, this is {version}", "uv python install 3.11")


def check_disk(root: Path = ROOT) -> Row:
    """Check the disk space: for the environment if there is none yet, else for the notebooks."""
    new = CPU_ENVIRONMENT if os.environ.get("TORCH_INDEX") else NEW_ENVIRONMENT
    needed = FURTHER_WORK if (root / ".venv" / ".ready").exists() else new
    free = shutil.disk_usage(root).free
    detail = f"{free / GIGABYTE:.1f} GB free, {needed / GIGABYTE:.0f} GB needed"
    if free >= needed:
        return Row("disk", OK, detail)
    return Row(
        "disk", MISSING, detail, "free some, or: make environment TORCH=cpu TORCH_INDEX=URL (3 GB)"
    )


def check_ports() -> Row:
    """Check that servers can listen on the loopback."""
    try:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
    except OSError as error:
        return Row("ports", MISSING, f"cannot listen on 127.0.0.1: {error}", "ip link set lo up")
    return Row("ports", OK, "free ports on 127.0.0.1")


def check_weights(folder: Path = ROOT / "services" / "id_card" / "weights") -> Row | None:
    """Compare the models' weights with their published hashes; None where there are no hashes."""
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
    """Check that OpenCV, once installed, finds the shared libraries of a desktop."""
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
            # The first on the path is the one that is imported; setuptools, on import, appends a
            # folder with its own copies.
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
    """Run the checks and return their rows; *hard_only* leaves out the optional tools."""
    return list(_rows(hard_only))


class Needs(NamedTuple):
    """What one notebook needs of this machine: text in a terminal, foldable in a notebook.

    *rows*: what stops or shortens the notebook, and the tools that it uses. *rest*: the checks that
    passed, as on every machine that runs notebooks.
    """

    rows: list[Row]
    rest: list[Row]

    def _summary(self) -> str:
        return f"{', '.join(row.name for row in self.rest)}: {OK}"

    def __repr__(self) -> str:
        """Return one line a check."""
        return "\n".join([self._summary(), *map(str, self.rows)])

    def _repr_html_(self) -> str:
        shown = "\n".join(map(str, self.rows))
        folded = "\n".join([*map(str, self.rest), "", "make preflight: the tools of all notebooks"])
        return (
            (f"<pre>{html.escape(shown)}</pre>" if shown else "")
            + f"<details><summary>{html.escape(self._summary())}</summary>"
            + f"<pre>{html.escape(folded)}</pre></details>"
        )


def needs(*tools: str) -> Needs:
    """Return what a notebook that uses these of :data:`TOOLS` needs, and if it is here."""
    always = [row for check in (*HARD_CHECKS, check_packages) if (row := check()) is not None]
    failed = [row for row in always if row.status != OK]
    return Needs(
        rows=[*failed, *map(find_tool, tools)], rest=[row for row in always if row not in failed]
    )


def main(arguments: list[str] | None = None) -> int:
    """Print the rows; return 1 if something essential is missing."""
    hard_only = "--hard" in (sys.argv[1:] if arguments is None else arguments)
    rows = report(hard_only)
    failed = [row for row in rows if row.status == MISSING]
    for row in failed if hard_only else rows:
        print(row)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
