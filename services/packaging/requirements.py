"""Take from the lock what one server needs: some packages and all their dependencies.

The lock holds everything that this repository uses, torch and Jupyter included. A container should
hold what it serves with, at the very versions that the tests ran with. The lock says under every
package which others require it (``# via``), so the dependencies of a few names can be followed, on
any machine and without an index.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from services.environment import ROOT

LOCK = ROOT / "requirements.txt"

_PIN = re.compile(r"^(?P<name>[\w.-]+)==\S+")
_VIA = re.compile(r"^ +#(?: via)? +(?P<name>[\w.-]+)")


def resolve_pins(
    roots: Iterable[str],
    *,
    instead: Mapping[str, str] | None = None,
    without: Iterable[str] = (),
    lock: Path = LOCK,
) -> list[str]:
    """Return the lock's lines for *roots* and for everything that they need, with their markers.

    Parameters
    ----------
    roots : iterable of str
        Names as the lock spells them; KeyError if one is not in it.
    instead : mapping of str to str, optional
        Packages that are published under a second name, by the name in the lock:
        ``{"opencv-python": "opencv-python-headless"}``. The version stays.
    without : iterable of str
        Packages that are required but not used here; their own dependencies are left out, too.
    lock : Path
        A file that ``uv pip compile`` wrote with its annotations.
    """
    lines, wants = _read(lock)
    instead = instead or {}
    waiting, found, left_out = list(roots), set(), set(without)
    while waiting:
        name = waiting.pop()
        if name not in lines:
            raise KeyError(f"{name} is not in {lock.name}; add it to pyproject.toml; run make lock")
        if name not in found and name not in left_out:
            found.add(name)
            waiting += wants.get(name, ())
    return [_renamed(line, name, instead) for name, line in lines.items() if name in found]


def _read(lock: Path) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the pins' lines by name, and for each name the packages that it requires."""
    lines: dict[str, str] = {}
    wants: dict[str, list[str]] = {}
    name = ""
    for line in lock.read_text(encoding="utf-8").splitlines():
        if pin := _PIN.match(line):
            name = pin["name"]
            # Two lines for one name have different markers; both are kept.
            lines[name] = f"{lines[name]}\n{line}" if name in lines else line
        elif name and (via := _VIA.match(line)):
            wants.setdefault(via["name"], []).append(name)
    return lines, wants


def _renamed(line: str, name: str, instead: Mapping[str, str]) -> str:
    return line.replace(f"{name}==", f"{instead[name]}==") if name in instead else line
