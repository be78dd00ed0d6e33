"""Lab 07, exercise 3: one start after another, with a registry that counts."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from labs.checks.lab07_disk import watched
from labs.checks.lab07_pretended import FILES, PretendedRegistry
from labs.engine import Context


class _DownloadError(Exception):
    """A download broke off. Like MLflow's own exception, it is no OSError."""


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Call ``pull(client, name, alias, cache)`` start after start, while the alias moves."""
    numbers = sorted(context.random.sample(range(20, 90), 5))
    old, new, lost, moved, newest = map(str, numbers)
    name = f"recommender_{context.random.randrange(16**4):04x}"
    aliases = {"prod": old, "staging": newest}
    registry = PretendedRegistry([old, new, lost, moved, newest], aliases, name)
    with tempfile.TemporaryDirectory() as place:
        cache = Path(place).resolve() / "cache"
        cache.mkdir()

        def pull(where: str, alias: str = "prod", *, fresh: bool) -> None:
            _pulled(context, answer, registry, alias, cache, where, fresh)

        pull("the first start", fresh=True)
        pull("the second start, nothing has changed", fresh=False)
        aliases = registry.aliases
        aliases["prod"] = new
        pull(f"prod has moved from {old} to {new}", fresh=True)
        aliases["prod"] = old
        pull(f"prod was set back to {old}", fresh=False)
        pull(f"the alias staging, which names {newest}", "staging", fresh=True)
        aliases["prod"] = moved
        registry.on_ask = lambda: aliases.update(prod=new)
        pull(f"prod was {moved} when you asked, and moves to {new} a moment later", fresh=True)
        registry.on_ask = lambda: None
        aliases["prod"] = lost
        _broken_off(context, answer, registry, cache)
        pull("the next start, after a download that broke off", fresh=True)
    context.note(starts=8, downloads=6, versions=5)


def _pulled(
    context: Context,
    answer: Callable[..., Any],
    registry: PretendedRegistry,
    alias: str,
    cache: Path,
    where: str,
    fresh: bool,
) -> None:
    """Call ``pull`` once, and hold it to the version that the alias names now."""
    version = registry.aliases[alias]
    registry.asked.clear()
    registry.downloads.clear()
    registry.folders.clear()
    registry.searches = 0
    early: list[str] = []
    registry.on_file = lambda _: early.append(version) if (cache / version).exists() else None
    with watched() as disk:
        got = context.call(
            answer,
            registry,
            registry.name,
            alias,
            cache,
            where=where,
            because=lambda error: _ex3_error(error, registry, alias),
        )
    folder = _folder(context, got, cache, where)
    _asked_for(context, registry, folder, alias, version, where)
    context.expect(
        folder == cache / version,
        f"pull returned {_shown(folder, cache)}; {_shown(cache / version, cache)} was expected.",
        where=where,
        mistake="other_version" if folder.name in registry.versions else None,
    )
    count = len(registry.downloads)
    if count != int(fresh):
        context.fail(
            f"Number of downloads: {count}; {int(fresh)} was expected.",
            where=where,
            mistake="every_time" if count else None,
        )
    for file in FILES:
        path = folder / file
        content = path.read_text(encoding="utf-8") if path.is_file() else None
        if content != registry.content(version, file):
            held = re.search(r"version (\w+)", content or "")
            context.fail(
                f"{_shown(folder, cache)} holds version {held[1]}."
                if held
                else f"{_shown(path, cache)} is not there, or not what was downloaded.",
                where=where,
                mistake="alias_uri" if held else None,
            )
    if early or folder in disk.made:
        context.fail(
            f"{_shown(folder, cache)} was there before all of its files were.",
            where=where,
            mistake="partial",
        )
    if any(cache not in place.parents for place in registry.folders):
        context.fail(
            "The download went into a folder outside of cache.", where=where, mistake="elsewhere"
        )
    _nothing_else(context, registry, cache, where)


def _ex3_error(error: BaseException, registry: PretendedRegistry, alias: str) -> str | None:
    if not isinstance(error, LookupError) or "RESOURCE" not in str(error):
        return None
    if not registry.asked:
        return "fixed_version"
    if set(registry.asked) - {alias}:
        return "fixed_alias"
    if "runs:/" in str(error):
        return "run_uri"
    named = re.search(r"models:/([^/@]+)", str(error))
    return "fixed_name" if named and named[1] != registry.name else None


def _folder(context: Context, got: Any, cache: Path, where: str) -> Path:
    """Return the learner's folder; a text is as good as a Path."""
    if type(got) is not str and not isinstance(got, Path):
        context.fail(
            f"pull returned a {type(got).__name__}; the version's folder, a Path, was expected.",
            where=where,
            layer="schema",
        )
    return Path(got).absolute()


def _shown(path: Path, cache: Path) -> str:
    return f"cache/{path.relative_to(cache)}" if cache in path.parents else str(path.name)


def _asked_for(
    context: Context,
    registry: PretendedRegistry,
    folder: Path,
    alias: str,
    version: str,
    where: str,
) -> None:
    """Fail if the version was not found by asking for the alias."""
    if folder.name == alias:
        context.fail(
            f"pull returned {folder.parent.name}/{folder.name}.", where=where, mistake="by_alias"
        )
    if registry.searches or folder.name == "latest":
        context.fail(
            f"pull took the newest version, {registry.versions[-1]}; {alias} names {version}.",
            where=where,
            mistake="latest",
        )
    if not registry.asked:
        context.fail(
            f"pull returned version {folder.name} and did not ask which version {alias} names.",
            where=where,
            mistake="fixed_version" if registry.downloads else "never_asks",
        )
    if other := set(registry.asked) - {alias}:
        context.fail(
            f"pull asked for the alias {min(other)!r}; {alias!r} was given.",
            where=where,
            mistake="fixed_alias",
        )


def _nothing_else(context: Context, registry: PretendedRegistry, cache: Path, where: str) -> None:
    """Fail if there are folders in the cache that are no versions."""
    folders = [path for path in cache.iterdir() if path.is_dir()]
    left = [path for path in folders if path.name not in registry.versions]
    context.expect(
        not left,
        f"There are {len(folders)} folders in cache, and one of them is no whole version.",
        where=where,
        mistake="half_stays",
    )


def _broken_off(
    context: Context, answer: Callable[..., Any], registry: PretendedRegistry, cache: Path
) -> None:
    """Let a download break off after its first file."""
    where = "a download that breaks off after the first of two files"
    files: list[str] = []

    def on_file(version: str) -> None:
        files.append(version)
        if len(files) > 1:
            raise _DownloadError(f"the connection broke off during version {version}")

    registry.on_file = on_file
    try:
        got = answer(registry, registry.name, "prod", cache)
    except _DownloadError:
        pass
    except Exception as error:
        raise context.raised(error, where=where) from error
    else:
        context.fail(
            f"pull returned {got if got is None else type(got).__name__}; the exception of the "
            "download was expected.",
            where=where,
            mistake="swallowed",
        )
    version = registry.aliases["prod"]
    if (cache / version).exists():
        context.fail(
            f"{_shown(cache / version, cache)} is there with half of its files.",
            where=where,
            mistake="partial",
        )
    _nothing_else(context, registry, cache, where)
