"""What building a Bento takes, whatever it serves: its requirements, and its build file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import bentoml
import yaml
from bentoml.exceptions import NotFound

from services.environment import ROOT
from services.workbench.requirements import needed


def requirements(
    imported: Iterable[str], command: str, *, instead: Mapping[str, str] | None = None
) -> str:
    """Return the content of a ``requirements.txt``: what serving needs, at the lock's versions.

    Parameters
    ----------
    imported : iterable of str
        The packages that the served modules import.
    command : str
        What writes the file, for its first line.
    instead : mapping of str to str, optional
        As for :func:`services.workbench.requirements.needed`.
    """
    lines = needed(imported, instead=instead)
    return "\n".join([f"# Taken from the repository's lock by: {command}", *lines]) + "\n"


def read(bentofile: Path) -> dict[str, Any]:
    """Return a build file's options."""
    options: dict[str, Any] = yaml.safe_load(bentofile.read_text(encoding="utf-8"))
    return options


def exists(tag: str) -> bool:
    """Return whether the store has this Bento."""
    try:
        bentoml.get(tag)
    except NotFound:
        return False
    return True


def refuse_to_overwrite(name: str, version: str | None) -> None:
    """Raise a ValueError if this version of a Bento exists."""
    if version is not None and exists(f"{name}:{version}"):
        raise ValueError(
            f"{name}:{version} is built already; choose another version, or: "
            f"bentoml delete {name}:{version}"
        )


def build(
    options: Mapping[str, Any],
    *,
    name: str,
    version: str | None = None,
) -> bentoml.Bento:
    """Build a Bento of this repository's code.

    Parameters
    ----------
    options : mapping
        Of a build file, perhaps changed.
    name, version : str
        The Bento's; BentoML makes up a version if none is given.

    Raises
    ------
    ValueError
        If the version exists already: versions are never overwritten.
    """
    refuse_to_overwrite(name, version)
    with tempfile.TemporaryDirectory() as folder:
        bentofile = Path(folder, "bentofile.yaml")
        bentofile.write_text(yaml.safe_dump(dict(options)), encoding="utf-8")
        return bentoml.bentos.build_bentofile(
            str(bentofile), name=name, version=version, build_ctx=str(ROOT)
        )
