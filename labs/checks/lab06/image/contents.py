"""The rules for what an image contains: its base, its packages and its files, and no secret."""

from __future__ import annotations

import re
from collections.abc import Iterator

from labs.checks.lab06.image.dockerfile import Run, Stage
from labs.checks.lab06.image.fault import SECRET, Fault, few, is_root
from labs.checks.lab06.project import NEEDED

_PIP = re.compile(
    r"(?:^|[\s/;&(])(?:uv\s+)?pip3?(?:\.\d+)?((?:\s+-\S+)*)\s+(install|sync)\s([^;&|\n]*)"
)
_LOCK = re.compile(r"(?:-r\s*|--requirements?[= ]|^sync\b.*\s)(?:\S*/)?requirements\.txt")
_SECRET_NAME = re.compile(
    r"(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|CREDENTIALS?)(?:_|$)", re.I
)
_OFFICIAL = re.compile(r"(?:\S*library/|docker\.io/)?python")
_PURGED = re.compile(
    r"PIP_NO_CACHE_DIR=\w|UV_NO_CACHE=\w|pip3? cache purge|\brm -\w+ \S*/\.cache\b"
)
_OWN_PLACE = re.compile(r"--user\b|--target|-t\s|venv|useradd|adduser|/bin/pip|--prefix")


def _bases(stages: list[Stage]) -> Iterator[Fault]:
    for stage in stages:
        if not stage.is_from_image or stage.base == "scratch":
            continue
        name, _, digest = stage.base.partition("@")
        folder, _, last = name.rpartition("/")
        repository, _, tag = last.partition(":")
        if not digest and not re.match(r"v?\d", tag):
            yield Fault(stage.line, f"the base {stage.base!r} has no version")
        elif repository == "python" and tag and not re.match(r"3\.11(?!\d)", tag):
            yield Fault(stage.line, f"the base is {stage.base!r}; Python 3.11 was expected")
        elif stage.base == stages[-1].base and not _OFFICIAL.fullmatch(
            f"{folder}/{repository}".lstrip("/")
        ):
            said = f"the base is {stage.base!r}; the official image `python` was expected"
            yield Fault(stage.line, said)


def _secrets(stages: list[Stage]) -> Iterator[Fault]:
    for stage in stages:
        for line, name, value in stage.named:
            if SECRET in value or (value and _SECRET_NAME.search(name)):
                yield Fault(line, f"{name} gets a value", "secret")


def _installs(stage: Stage) -> Iterator[tuple[Run, str]]:
    """Yield each RUN with each ``install …`` or ``sync …`` of pip in it."""
    for run in stage.runs:
        for match in _PIP.finditer(run.command):
            yield run, f"{match[2]} {match[3]} {match[1]}"


def _dependencies(stages: list[Stage]) -> Iterator[Fault]:
    """Hold the packages to the lock, to their place before the code, and to no cache."""
    installs = [(stage, run, rest) for stage in stages for run, rest in _installs(stage)]
    from_lock = [run for _, run, rest in installs if _LOCK.search(rest)]
    if not from_lock:
        line = installs[0][1].line if installs else 0
        yield Fault(line, "nothing is installed from requirements.txt")
    for run in from_lock:
        mounted = re.search(r"--mount=\S*requirements\.txt", run.command)
        if "requirements.txt" not in run.files.values() and not mounted:
            yield Fault(run.line, "requirements.txt is not in the image yet")
    for stage, run, rest in installs:
        loose = [word for word in _packages(rest) if "==" not in word]
        if loose and from_lock:
            yield Fault(run.line, f"{', '.join(loose)} without a version")
        code = sorted({path for path in run.files.values() if path != "requirements.txt"})
        if code:
            said = f"before this, COPY brought {few(code)}; requirements.txt alone was expected"
            yield Fault(run.line, said, "code_first")
        if stage is stages[-1] and not _without_cache(run, rest):
            yield Fault(run.line, "pip keeps its downloads in the image")
        may_write = _OWN_PLACE.search(" ".join(one.command for one in stage.runs))
        if not is_root(run.user) and not may_write:
            said = f"pip runs as user {run.user}, who may not write to root's site-packages"
            yield Fault(run.line, said)


def _packages(rest: str) -> list[str]:
    """Return the packages that pip installs by name."""
    words, found = rest.split()[1:], []
    takes_value = ("-r", "--requirement", "-c", "--constraint", "-t", "--target", "--prefix")
    for before, word in zip(["", *words], words, strict=False):
        value = before in takes_value or before.endswith(("-url", "-links"))
        if not (value or word.startswith("-") or "requirements.txt" in word or word == "\\"):
            found.append(word.strip("\"'"))
    return found


def _without_cache(run: Run, rest: str) -> bool:
    settings = [run.env.get(name, "") for name in ("PIP_NO_CACHE_DIR", "UV_NO_CACHE")]
    return (
        "--no-cache" in rest
        or "type=cache" in run.command
        or _PURGED.search(run.command) is not None
        or any(value.lower() not in ("", "0", "false", "off", "no") for value in settings)
    )


def _files(stages: list[Stage]) -> Iterator[Fault]:
    """Hold the files to those that the server needs, under the same paths."""
    for line, source in [pair for stage in stages for pair in stage.missing]:
        yield Fault(line, f"{source} is not in the project, so the build fails")
    stage = stages[-1]
    there = set(stage.files.values())
    more = sorted(there - {*NEEDED, "requirements.txt"})
    if more:
        first = next(n for n, brought in stage.copies if set(brought.values()) & set(more))
        yield Fault(first, f"COPY brings {few(more)}", "copies_all")
    if less := [path for path in NEEDED if path not in there]:
        line = stage.copies[-1][0] if stage.copies else 0
        yield Fault(line, f"{few(less)} is not in the image")
        return
    for path in NEEDED:
        places = [at for at, source in stage.files.items() if source == path]
        want = f"{stage.workdir.rstrip('/')}/{path}"
        if want not in places:
            copied = next((n for n, brought in stage.copies if places[0] in brought), 0)
            yield Fault(copied, f"{path} is at {places[0]}; {want} was expected", "other_place")


RULES = (_bases, _secrets, _dependencies, _files)
