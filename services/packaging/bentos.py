"""What building a Bento takes, whatever it serves: its requirements, and its build file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import bentoml
import yaml
from bentoml.exceptions import NotFound

from services.environment import ROOT
from services.packaging.requirements import resolve_pins


def requirements(
    imported: Iterable[str], command: str, *, instead: Mapping[str, str] | None = None
) -> str:
    """Return the content of a ``requirements.txt``: what serving needs, at the lock's versions.

    *imported* are the packages that the served modules import. *command* is what writes the file,
    for its first line. *instead* is as for :func:`services.packaging.requirements.resolve_pins`.
    """
    lines = resolve_pins(imported, instead=instead)
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


def included(options: Mapping[str, Any]) -> list[Path]:
    """Return the files that a build file's ``include`` names, in order."""
    patterns = [pattern.lstrip("/") for pattern in options["include"]]
    return sorted({path for pattern in patterns for path in ROOT.glob(pattern)})


def build(
    options: Mapping[str, Any],
    *,
    name: str,
    version: str | None = None,
    arguments: Mapping[str, str] | None = None,
) -> bentoml.Bento:
    """Build a Bento of this repository's code with ``bentoml build``.

    The build runs in a process of its own. In-process, ``bentoml.build`` switches BentoML's
    configuration to its second version, after which the Runner API raises ``KeyError: 'runners'``
    (BentoML 1.4.39); and a service's arguments are read once, when its module is imported.

    *options* is the content of a build file; *arguments* are for ``--arg``. BentoML generates a
    version if none is given. Raises ValueError if the version exists (versions are never
    overwritten), or the build fails; the message ends with what BentoML printed last.
    """
    refuse_to_overwrite(name, version)
    with tempfile.TemporaryDirectory() as folder:
        bentofile = Path(folder, "bentofile.yaml")
        bentofile.write_text(yaml.safe_dump(dict(options)), encoding="utf-8")
        command = [sys.executable, "-W", "ignore", "-m", "bentoml", "build", str(ROOT)]
        command += ["-f", str(bentofile), "--name", name, "--output", "tag"]
        command += ["--version", version] if version else []
        for key, value in (arguments or {}).items():
            command += ["--arg", f"{key}={value}"]
        # Jupyter's kernels request colours, and BentoML would colour the tag.
        plain = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "CLICOLOR_FORCE")}
        plain["NO_COLOR"] = "1"
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=plain)
    tag = re.search(r"^__tag__:(\S+)$", done.stdout, re.M)
    if done.returncode or tag is None:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise ValueError(f"the Bento was not built: {''.join(last)}")
    return bentoml.get(tag[1])
