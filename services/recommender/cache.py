"""Versions of the recommender on this machine's disk, and a pointer to the one that is served.

::

    FOLDER/versions/3-1f0c5a2b/recommender.npz    what a registry calls version 3
    FOLDER/versions/3-1f0c5a2b/about.json         where it came from
    FOLDER/prod.json                              the pointer of the alias "prod"
    FOLDER/imports.jsonl                          one line for each version that was brought here

Everything appears under its name whole or not at all, so a reader needs no lock. A version never
changes. The pointer does, and it is the only thing that does: whoever serves follows it, and when
the registry is down it still says what to serve. ("The newest in the store" says something else:
which version was *fetched* last, and that is the wrong one after a rollback.)
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from services.recommender.recommender import Recommender
from services.recommender.smoke import smoke_test

FILE = "recommender.npz"
"""The model's file, here and in a registered version's ``artifacts`` folder."""

KEEP = 5
"""How many versions stay on the disk, the pointed ones besides."""

_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True)
class Version:
    """A registered version, as the registry describes it.

    Attributes
    ----------
    name : str
        Of the registered model.
    number : str
        Of the version, ``"1"`` and up. Answers name it.
    source : str
        Where the registry has its files, and when they were registered: two registries may both
        have a version 1.

    Raises
    ------
    ValueError
        If the number is none. It becomes part of a path.
    """

    name: str
    number: str
    source: str

    def __post_init__(self) -> None:
        if not isinstance(self.number, str) or not _NUMBER.fullmatch(self.number):
            raise ValueError(f"a version's number is a text such as '3'; got {self.number!r:.60}")

    @property
    def key(self) -> str:
        """The name of its folder: the number, and eight digits that tell registries apart."""
        identity = "\0".join((self.name, self.number, self.source))
        return f"{self.number}-{hashlib.sha256(identity.encode()).hexdigest()[:8]}"


class VersionCache:
    """The versions in a folder, and one alias's pointer. Processes may share the folder.

    Parameters
    ----------
    folder : path
        Is made if it is not there.
    alias : str
        Whose pointer this is.
    """

    def __init__(self, folder: str | Path, alias: str = "prod") -> None:
        self.folder = Path(folder)
        self.alias = alias
        self._versions = self.folder / "versions"
        self._versions.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.folder / "versions.lock")

    # ------------------------------------------------------------ reading

    def pointed(self) -> Version | None:
        """Return the version that the pointer names; None without a readable pointer."""
        try:
            return Version(**json.loads(self._pointer(self.alias).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def file(self, version: Version) -> Path:
        """Return where a version's model file is, or would be."""
        return self._versions / version.key / FILE

    def load(self, version: Version) -> Recommender:
        """Read a version and put it through the smoke test.

        Raises
        ------
        FileNotFoundError
            If it is not here.
        ValueError
            If its file is damaged, or its model useless.
        """
        return smoke_test(Recommender.load(self.file(version), version=version.number))

    def __contains__(self, version: Version) -> bool:
        return self.file(version).is_file()

    # ------------------------------------------------------------ writing

    def add(self, version: Version, fetch: Callable[[Path], Path]) -> bool:
        """Bring a version here, once, whoever else tries at the same time.

        Parameters
        ----------
        version : Version
            Does nothing if it is here already.
        fetch : callable
            Is given an empty folder to work in, and returns the model's file in it.

        Returns
        -------
        bool
            Whether it was brought now.

        Raises
        ------
        ValueError
            If what was fetched is damaged, or its model useless; nothing of it stays.
        """
        with self._lock:
            if version in self:
                return False
            with tempfile.TemporaryDirectory(dir=self.folder, prefix="fetching-") as work:
                file = fetch(Path(work))
                smoke_test(Recommender.load(file))
                whole = Path(work) / "whole"
                whole.mkdir()
                digest = hashlib.sha256(file.read_bytes()).hexdigest()
                file.rename(whole / FILE)
                about = {**asdict(version), "sha256": digest, "time": time.time()}
                _write(whole / "about.json", about)
                whole.rename(self._versions / version.key)
            with (self.folder / "imports.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps(about) + "\n")
            self._prune(version)
            return True

    def point(self, version: Version) -> None:
        """Let the pointer name *version*."""
        if self.pointed() != version:
            _write(self._pointer(self.alias), asdict(version))

    def drop(self, version: Version) -> None:
        """Throw a version away: it has turned out to be damaged, and may be fetched anew."""
        with self._lock:
            shutil.rmtree(self._versions / version.key, ignore_errors=True)

    @contextmanager
    def leading(self) -> Iterator[bool]:
        """Ask to be the one process that follows the registry for this alias.

        Yields
        ------
        bool
            Whether it is; false means that another process is, and no waiting.
        """
        lock = FileLock(self.folder / f"{self.alias}.lock", blocking=False)
        try:
            lock.acquire()
        except TimeoutError:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def _pointer(self, alias: str) -> Path:
        return self.folder / f"{alias}.json"

    def _prune(self, newest: Version) -> None:
        """Delete the oldest versions, but none that a pointer names."""
        kept = {newest.key}
        for pointer in self.folder.glob("*.json"):
            version = VersionCache(self.folder, pointer.stem).pointed()
            if version:
                kept.add(version.key)
        folders = sorted(self._versions.iterdir(), key=lambda path: path.stat().st_mtime)
        for folder in [path for path in folders if path.name not in kept][:-KEEP]:
            shutil.rmtree(folder, ignore_errors=True)


def _write(path: Path, content: dict[str, object]) -> None:
    """Write JSON, whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
