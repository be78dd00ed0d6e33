"""Check of lab 07, exercise 3: one start after another, each in a new process."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from labs.checks.lab07.disk import watched
from labs.checks.lab07.fresh import in_new_process
from labs.checks.lab07.stubs import FILES, StubRegistry
from labs.engine import Context


class _DownloadError(Exception):
    """A download failed. Like MLflow's own exception, it is not an OSError."""


class _StoppedError(BaseException):
    """The process is told to end; like KeyboardInterrupt, it is not an Exception."""


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Call ``pull(client, name, alias, cache)`` start after start, while the alias moves."""
    old, new, lost, moved, newest = map(str, sorted(context.random.sample(range(20, 90), 5)))
    name = f"recommender_{context.random.randrange(16**4):04x}"
    registry = StubRegistry([old, new, lost, moved, newest], {"prod": old, "staging": newest}, name)
    with tempfile.TemporaryDirectory() as place:
        cache = Path(place).resolve() / "cache"
        cache.mkdir()
        starts = _Starts(context, answer, registry, cache)
        starts.pull("the first start", downloads=1)
        starts.pull("the second start, nothing has changed", downloads=0)
        registry.aliases["prod"] = new
        starts.pull(f"prod has moved from {old} to {new}", downloads=1)
        registry.aliases["prod"] = old
        starts.pull(f"prod was set back to {old}, in the same process", downloads=0, again=True)
        starts.pull(f"the alias staging, which points to {newest}", "staging", downloads=1)
        registry.aliases["prod"] = moved
        registry.on_ask = lambda: registry.aliases.update(prod=new)
        starts.pull(f"prod was {moved} when you asked, then moves to {new}", downloads=1)
        registry.on_ask = lambda: None
        registry.aliases["prod"] = lost
        for error in (_DownloadError, _StoppedError):
            what = "fails" if issubclass(error, Exception) else "is interrupted"
            starts.broken_off(f"a download that {what} after the first of two files", error)
        starts.pull("the next start, after a download that failed", downloads=1)
    context.note(starts=9, downloads=6, versions=5)


class _Starts:
    """The starts of a service that uses the learner's pull."""

    def __init__(
        self, context: Context, answer: Callable[..., Any], registry: StubRegistry, cache: Path
    ) -> None:
        self.context, self.answer, self.registry, self.cache = context, answer, registry, cache
        self._last = answer

    def pull(self, where: str, alias: str = "prod", *, downloads: int, again: bool = False) -> None:
        """Start once; fail unless the right version is there with so many *downloads*.

        With *again*, pull is called once more in the process of the last start.
        """
        context, registry, cache = self.context, self.registry, self.cache
        version = registry.aliases[alias]
        pull = self._last = self._last if again else in_new_process(self.answer)
        folder = cache / version
        registry.asked.clear()
        registry.downloads.clear()
        early: list[str] = []
        registry.on_file = lambda _: early.append(version) if folder.exists() else None
        with watched(cache) as disk:
            got = context.call(pull, registry, registry.name, alias, cache, where=where)
        if type(got) is not str and not isinstance(got, Path):
            context.plain(got, what="what pull returned", where=where)
            said = f"pull returned {got!r:.60}; the version's folder, a Path, was expected."
            context.fail(said, where=where, layer="schema")
        context.expect(
            set(registry.asked) == {alias},
            f"pull looked up the aliases {registry.asked}; [{alias!r}] was expected.",
            where=where,
            mistake=None if registry.asked or again else "never_asks",
            cause="pull has kept an earlier answer, but the alias may have moved." if again else "",
        )
        context.expect(
            Path(got).absolute() == folder,
            f"pull returned {self._shown(Path(got))}; {self._shown(folder)} was expected.",
            where=where,
        )
        count = len(registry.downloads)
        context.expect(
            count == downloads,
            f"Number of downloads: {count}; {downloads} was expected.",
            where=where,
            mistake="every_time" if count > downloads and "nothing has changed" in where else None,
        )
        self._is_whole(folder, version, where)
        context.expect(
            not early and folder not in disk.made,
            f"{self._shown(folder)} was there before all of its files were.",
            where=where,
            mistake="partial",
        )
        self._nothing_else(where)

    def _shown(self, path: Path) -> str:
        path = path.absolute()
        inside = self.cache in path.parents
        return f"cache/{path.relative_to(self.cache)}" if inside else str(path.name)

    def _is_whole(self, folder: Path, version: str, where: str) -> None:
        for file in FILES:
            path = folder / file
            content = path.read_text(encoding="utf-8") if path.is_file() else ""
            if content == self.registry.content(version, file):
                continue
            other = re.search(r"version (\w+)", content)
            self.context.fail(
                f"{self._shown(folder)} has the files of version {other[1]}."
                if other
                else f"{self._shown(path)} does not exist, or differs from the registry's file.",
                where=where,
                mistake="alias_uri" if other else None,
            )

    def _nothing_else(self, where: str) -> None:
        folders = [path for path in self.cache.iterdir() if path.is_dir()]
        left = [path.name for path in folders if path.name not in self.registry.versions]
        self.context.expect(
            not left,
            f"Folders in cache without a complete version: {len(left)} of {len(folders)}; "
            "0 was expected.",
            where=where,
            mistake="half_stays",
        )

    def broken_off(self, where: str, kind: type[BaseException]) -> None:
        """Let a download raise *kind* after its first file."""
        files: list[str] = []

        def on_file(version: str) -> None:
            files.append(version)
            if len(files) > 1:
                raise kind(f"the connection was lost during version {version}")

        self.registry.on_file = on_file
        self.registry.downloads.clear()
        try:
            in_new_process(self.answer)(self.registry, self.registry.name, "prod", self.cache)
        except kind:
            pass
        except Exception as error:
            raise self.context.raised(error, where=where) from error
        else:
            said = "pull returned normally; the exception of the download was expected."
            self.context.fail(said, where=where)
        count = len(self.registry.downloads)
        said = f"Number of downloads: {count}; 1 was expected, whose exception propagates."
        self.context.expect(count == 1, said, where=where)
        folder = self.cache / self.registry.aliases["prod"]
        said = f"{self._shown(folder)} is there with half of its files."
        self.context.expect(not folder.exists(), said, where=where, mistake="partial")
        self._nothing_else(where)
