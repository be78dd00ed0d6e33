"""The folders of a submission: a read-only copy of the code, and a folder that it may write."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from labs.engine import api, progress
from services.environment import ROOT, build_dir, settings
from services.workbench.servers import processes

_COPIED = ("labs", "services", "infra", "pyproject.toml", "requirements.txt", "environment.yml")
"""The parts of the repository that checks need: no solutions, tests or other submissions."""

_SHARED = ("mlserver", "exports")
"""Folders in ``build/`` that take long to create; checks read them."""


@dataclass(frozen=True)
class Place:
    """The folders of one submission's processes.

    Attributes
    ----------
    tree : Path
        The copy of the repository's code; it is only read.
    own : Path
        The working directory, the home folder, and the folder for temporary files.
    """

    tree: Path
    own: Path

    @classmethod
    def make(cls, base: Path) -> Place:
        """Copy the code into *base*, and create the folders."""
        place = cls(base / "tree", base / "own")
        place.tree.mkdir()
        for name in _COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, place.tree / name, symlinks=True)
            elif (ROOT / name).exists():
                shutil.copy2(ROOT / name, place.tree / name)
        (place.own / "build").mkdir(parents=True)
        (place.own / "home").mkdir()
        for folder in cls.shared():
            (place.own / "build" / folder.name).symlink_to(folder)
        return place

    @staticmethod
    def shared() -> list[Path]:
        """Return the folders outside a place that its processes read."""
        return [build_dir() / name for name in _SHARED if (build_dir() / name).is_dir()]

    def environment(self, mark: str) -> dict[str, str]:
        """Return the environment of the processes: every library writes into ``own``."""
        build = str(self.own / "build")
        with patch.dict(os.environ, {"SERVING_LABS_BUILD": build}):
            wanted = settings()
        kept = {name: value for name, value in os.environ.items() if name not in _SECRET}
        return {
            **kept,
            **wanted,
            "SERVING_LABS_BUILD": build,
            "PYTHONPATH": str(self.tree),
            "HOME": str(self.own / "home"),
            "TMPDIR": str(self.own),
            processes.MARK: mark,
            progress.VARIABLE: "",
            api.STRICT: "0",
        }


_SECRET = ("PROMETHEUS_MULTIPROC_DIR", api.SEED)
"""Environment variables of the parent that would change what a check does."""
