"""Find out whether docker or podman runs here, and which images it has."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping

from services.setup import preflight


class NotRunError(RuntimeError):
    """Something is missing on this machine; the message says what would run it."""


class ContainerError(RuntimeError):
    """An engine's command failed; the message ends with the last lines that it printed."""


def find_engine() -> str:
    """Return the engine that can run containers here, ``"docker"`` or ``"podman"``.

    Raises NotRunError if neither answers ``info``: a client without its service does not.
    """
    row = preflight.find_tool("engine")
    if row.status != preflight.OK:
        raise NotRunError(f"{row.status}: {row.detail}; {row.remedy}")
    return row.detail


def command(*arguments: str, timeout: float = 120.0, env: Mapping[str, str] | None = None) -> str:
    """Run an engine's command and return what it printed.

    Raises ContainerError if it fails, or takes longer than *timeout* seconds.
    """
    try:
        done = subprocess.run(
            arguments,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, **(env or {})},
        )
    except subprocess.TimeoutExpired as error:
        raise ContainerError(f"{' '.join(arguments)}: still running after {timeout:g} s") from error
    if done.returncode:
        tail = "\n  ".join((done.stderr or done.stdout).splitlines()[-20:])
        raise ContainerError(f"{' '.join(arguments)} failed ({done.returncode}):\n  {tail}")
    return done.stdout.strip()


def has_image(engine: str, image: str) -> bool:
    """Say whether the engine's own store holds *image*."""
    try:
        command(engine, "inspect", "--type", "image", image)
    except ContainerError:
        return False
    return True


def size(engine: str, image: str) -> int:
    """Return the size of an image in bytes, unpacked, its base included."""
    return int(json.loads(command(engine, "image", "inspect", image))[0]["Size"])
