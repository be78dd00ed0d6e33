"""Build what a ``kustomization.yaml`` describes, with the Kustomize inside ``kubectl``."""

from __future__ import annotations

import subprocess
from pathlib import Path

from services.workbench import preflight
from services.workbench.manifests.documents import ManifestError

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")


class NotRunError(Exception):
    """There is no ``kubectl`` here, so nothing was built; the message says what would help."""


def folder_of(path: Path) -> Path | None:
    """Return the folder that *path* asks to be built: itself, or that of a kustomization file."""
    if path.is_dir() and any((path / name).is_file() for name in NAMES):
        return path
    return path.parent if path.name in NAMES and path.is_file() else None


def build(folder: Path) -> str:
    """Return what ``kubectl kustomize`` prints for a folder. It needs no cluster.

    Raises
    ------
    NotRunError
        If ``kubectl`` is missing.
    ManifestError
        If the folder cannot be built: a file is missing, a patch fits nothing, a field is unknown.
    """
    row = preflight.find_tool("kubectl")
    if row.status != preflight.OK:
        raise NotRunError(f"{row.detail}; {row.remedy}")
    command = ["kubectl", "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise ManifestError(f"{' '.join(command)}: {' '.join(done.stderr.split())}")
    return done.stdout
