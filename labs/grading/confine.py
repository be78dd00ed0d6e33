"""Confine this process and its children with Landlock, which needs no root and no container.

The kernel (Linux 5.13 or newer) then forbids writing outside some folders, reading outside some
others, inspecting processes that are not confined and, since 6.12, sending them signals. This
cannot be undone. On other systems nothing is confined, and :func:`available` returns 0.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # system calls, the same on every architecture
_PATH_BENEATH = 1
_NO_NEW_PRIVILEGES = 38
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_FOR_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | 1 << 14 | 1 << 15
_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1}
"""All access rights by version of Landlock; from version 5 on, the first 16 bits."""
_SCOPES = 0b11  # abstract sockets and signals

SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/etc",
    "/opt",
    "/run",
    "/proc",
    "/sys",
    "/dev",
)
"""Paths that every program reads."""


class _Ruleset(ctypes.Structure):
    _fields_ = [
        ("fs", ctypes.c_uint64),
        ("net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    ]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def available() -> int:
    """Return the version of Landlock; 0 where there is none."""
    return max(_call(_CREATE, None, 0, 1), 0) if sys.platform == "linux" else 0


def confine(read: Iterable[Path | str], write: Iterable[Path | str]) -> bool:
    """Let this process read and write only these folders; return whether it is now confined.

    Parameters
    ----------
    read, write : iterable of path
        Folders or files; missing ones are ignored. Writable paths are also readable.

    Raises
    ------
    OSError
        If the kernel has Landlock, but the call fails.
    """
    version = available()
    if not version:
        return False
    rights = _RIGHTS.get(version, (1 << 15) - 1 if version < 5 else (1 << 16) - 1)
    ruleset = _Ruleset(rights, 0, _SCOPES if version >= 6 else 0)
    size = 24 if version >= 6 else 8
    rules = _done(_call(_CREATE, ctypes.byref(ruleset), size, 0))
    for paths, allowed in ((read, _READ), (write, rights)):
        for path in paths:
            _allow(rules, path, allowed & rights)
    _done(ctypes.CDLL(None, use_errno=True).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    _done(_call(_RESTRICT, rules, 0))
    os.close(rules)
    return True


def _allow(rules: int, path: Path | str, allowed: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not Path(path).is_dir():
        allowed &= _FOR_FILES
    beneath = _Beneath(allowed, parent)
    _done(_call(_ADD, rules, _PATH_BENEATH, ctypes.byref(beneath), 0))
    os.close(parent)


def _call(number: int, *arguments: object) -> int:
    return int(ctypes.CDLL(None, use_errno=True).syscall(number, *arguments))


def _done(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), f"Landlock: {os.strerror(ctypes.get_errno())}")
    return result
