"""Where a submission runs: a copy of the code that it may read, and a folder that it may write."""

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
"""What checks need of the repository: no solution, no test, no other submission."""

_SHARED = ("mlserver", "exports")
"""Folders of ``build/`` that take long to make; checks read them."""


@dataclass(frozen=True)
class Place:
    """The folders of one submission's processes.

    Attributes
    ----------
    tree : Path
        The copy of the repository's code; it is read only.
    own : Path
        The working directory, the home, and the place of everything temporary.
    """

    tree: Path
    own: Path

    @classmethod
    def make(cls, base: Path) -> Place:
        """Copy the code into *base*, and make the folders."""
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
        """Return the folders outside of a place that are read from it."""
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
"""Variables of the parent that would change what a check does."""
