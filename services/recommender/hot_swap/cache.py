"""Versions of a registered model on this machine's disk, and a pointer to the one that is served.

::

    FOLDER/MODEL/versions/3-1f0c5a2b/recommender.npz   what the registry calls version 3
    FOLDER/MODEL/versions/3-1f0c5a2b/about.json        where it came from, and its hash
    FOLDER/MODEL/@prod.json                            the pointer of the alias "prod"
    FOLDER/MODEL/imports.jsonl                         one line for each download

Everything is written completely, flushed to disk and then renamed to its name, so readers need no
lock. A version never changes. The pointer does; it still names the version to serve when the
registry is down. ("The newest version on disk" would be wrong after a rollback.)
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from filelock import FileLock

from services.recommender.hot_swap.smoke import load_tested
from services.recommender.recommender import Recommender

FILE = "recommender.npz"
"""The model's file, here and in a registered version's ``artifacts`` folder."""

KEEP = 5
"""How many versions are kept besides those that pointers name."""

Result = TypeVar("Result")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


class DamagedError(ValueError):
    """A version's folder does not hold what was downloaded into it."""


@dataclass(frozen=True)
class CachedVersion:
    """A registered version, as it is identified on disk.

    *number* is the version, ``"1"`` or higher; answers name it. *source* says where and since when
    the registry keeps it: two registries may both have a version 1. Raises ValueError if *number*,
    which becomes part of a path, is not a version number.
    """

    name: str
    number: str
    source: str

    def __post_init__(self) -> None:
        if not isinstance(self.number, str) or not _NUMBER.fullmatch(self.number):
            raise ValueError(
                f"a version number must be a text such as '3'; got {self.number!r:.60}"
            )

    @property
    def key(self) -> str:
        """The name of its folder: the number, and a hash that tells registries apart."""
        identity = f"{self.name}\0{self.number}\0{self.source}"
        return f"{self.number}-{hashlib.sha256(identity.encode()).hexdigest()[:8]}"


class VersionCache:
    """The versions of one registered model in a folder, and one alias's pointer.

    Processes may share the folder, also for different models and aliases. The folder is
    made if it does not exist.
    """

    def __init__(self, folder: str | Path, model: str, alias: str = "prod") -> None:
        self.model = model
        self.folder = Path(folder) / _file_name(model)
        self._versions = self.folder / "versions"
        self._versions.mkdir(parents=True, exist_ok=True)
        self._pointer = self.folder / f"@{_file_name(alias)}.json"
        self._writing = FileLock(self.folder / "versions.lock")
        self._leading = FileLock(self._pointer.with_suffix(".lock"), thread_local=False)

    # ------------------------------------------------------------ reading

    def pointed(self) -> CachedVersion | None:
        """Return the version that the pointer names; None without a valid pointer."""
        try:
            version = CachedVersion(**json.loads(_retried(self._pointer.read_bytes)))
        except (OSError, ValueError, TypeError):
            return None
        return version if version.name == self.model else None

    def load(self, version: CachedVersion) -> Recommender:
        """Read a version, compare it with what was downloaded, and smoke-test it.

        Raises
        ------
        OSError
            If it is missing, or cannot be read; nothing is removed.
        DamagedError
            If it is not what was downloaded. It counts as missing until :meth:`add` replaces it.
        ValueError
            If this code cannot read it, or its model is useless.
        """
        try:
            _retried(lambda: self._verify(version))
        except DamagedError:
            with suppress(OSError):
                self._damaged(version).touch()
            raise
        return _retried(lambda: load_tested(self.file(version), version.number))

    def file(self, version: CachedVersion) -> Path:
        """Return the path of a version's model file, which may not exist."""
        return self._versions / version.key / FILE

    def __contains__(self, version: CachedVersion) -> bool:
        return self.file(version).is_file() and not self._damaged(version).exists()

    def _damaged(self, version: CachedVersion) -> Path:
        """Return the file that marks a version as damaged."""
        return self.file(version).with_name("damaged")

    def _verify(self, version: CachedVersion) -> None:
        """Compare a version's folder with the requested version, and the file with its hash."""
        with self.file(version).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        with suppress(FileNotFoundError, ValueError, TypeError):
            about = json.loads(self.file(version).with_name("about.json").read_bytes())
            if {**about, "time": 0} == {**asdict(version), "sha256": digest, "time": 0}:
                return
        raise DamagedError(f"version {version.number} on disk is not what was downloaded")

    # ------------------------------------------------------------ writing

    def add(self, version: CachedVersion, fetch: Callable[[Path], Path]) -> bool:
        """Download a version if it is not here, once for all processes; return whether it was.

        *fetch* is called with an empty folder and returns the model's file in it. A damaged copy is
        replaced only when the new one has been checked.

        Raises
        ------
        ValueError
            If what was downloaded is damaged or useless; nothing of it stays.
        OSError
            If something cannot be read or written.
        """
        with self._writing:
            with suppress(FileNotFoundError, DamagedError):
                self._verify(version)
                self._damaged(version).unlink(missing_ok=True)
                return False
            for unfinished in self.folder.glob("fetching-*"):  # by a process that was killed
                shutil.rmtree(unfinished, ignore_errors=True)
            with tempfile.TemporaryDirectory(dir=self.folder, prefix="fetching-") as work:
                file = fetch(Path(work))
                load_tested(file)
                whole, target = Path(work) / "whole", self._versions / version.key
                whole.mkdir()
                digest = hashlib.sha256(file.read_bytes()).hexdigest()
                file.rename(whole / FILE)
                about = {**asdict(version), "sha256": digest, "time": time.time()}
                (whole / "about.json").write_text(json.dumps(about), encoding="utf-8")
                for path in (whole / FILE, whole / "about.json", whole):
                    _flush(path)
                if target.exists():
                    target.rename(Path(work) / "damaged")
                whole.rename(target)
                _flush(self._versions)
            with (self.folder / "imports.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps(about) + "\n")
            self._prune(version)
            return True

    def point(self, version: CachedVersion) -> None:
        """Let the pointer name *version*."""
        if self.pointed() == version:
            return
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="pointing-") as work:
            new = Path(work) / "pointer"
            new.write_text(json.dumps(asdict(version)), encoding="utf-8")
            _flush(new)
            new.replace(self._pointer)
        _flush(self.folder)

    def lead(self) -> bool:
        """Try to become the one process that polls for this alias; it stays so until it ends."""
        if not self._leading.is_locked:
            try:
                self._leading.acquire(blocking=False)
            except TimeoutError:
                return False
        return True

    def _prune(self, newest: CachedVersion) -> None:
        """Delete the oldest versions, but none that a pointer names."""
        kept = {newest.key}
        for pointer in self.folder.glob("@*.json"):
            kept.add(CachedVersion(**json.loads(pointer.read_bytes())).key)
        folders = sorted(self._versions.iterdir(), key=lambda path: path.stat().st_mtime)
        for folder in [path for path in folders if path.name not in kept][:-KEEP]:
            shutil.rmtree(folder, ignore_errors=True)


def _file_name(name: str) -> str:
    """Return a unique file name for a model or an alias."""
    return quote(name, safe="").replace(".", "%2E")


def _retried(read: Callable[[], Result]) -> Result:
    """Read once more after an error that may be transient."""
    try:
        return read()
    except FileNotFoundError:
        raise
    except OSError:
        time.sleep(0.1)
        return read()


def _flush(path: Path) -> None:
    """Wait until a file or a folder is on the disk: a rename must not get there first."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
