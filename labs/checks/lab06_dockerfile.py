"""A small reader of Dockerfiles: the stages of an image, and what is in them when it is built.

It follows Docker's reference for what lab 06 needs: continued lines, here-documents, stages, ENV
and ARG, COPY with files, folders and patterns, and both forms of CMD. It builds nothing.
The rules are in :mod:`labs.checks.lab06_image`.
"""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

_CONTINUED = re.compile(r"\\\s*$")
_HERE = re.compile(r"<<-?\s*[\"']?(\w+)[\"']?")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::-([^}]*))?\})")
_SHELLS = ("sh", "bash", "dash", "ash")


@dataclass(frozen=True)
class Instruction:
    """One instruction: the line on which it begins, its word in capitals, and the rest."""

    line: int
    word: str
    rest: str


@dataclass(frozen=True)
class Run:
    """A RUN, with what was there when it ran."""

    line: int
    command: str
    files: Mapping[str, str]
    user: str
    env: Mapping[str, str]


@dataclass
class Stage:
    """What one FROM and the instructions below it make.

    Attributes
    ----------
    base : str
        The image that FROM names, variables put in; that of the stage that it names.
    is_from_image : bool
        Whether FROM names an image and not an earlier stage.
    files : dict of str to str
        Paths in the image, each with the path in the project's folder that was copied to it.
    copies : list of (int, dict)
        The line of each COPY, with the files that it brought.
    """

    line: int
    base: str
    name: str
    is_from_image: bool = True
    workdir: str = "/"
    user: str = ""
    user_line: int = 0
    env: dict[str, str] = field(default_factory=dict)
    named: list[tuple[int, str, str]] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    copies: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    exposed: list[tuple[int, str]] = field(default_factory=list)
    last: dict[str, Instruction] = field(default_factory=dict)

    def expand(self, text: str) -> str:
        """Put the values of variables in, as a shell or Docker does."""
        return expand(text, self.env)


def expand(text: str, values: Mapping[str, str]) -> str:
    """Put *values* in the place of ``$NAME`` and ``${NAME}``; unknown ones become empty."""
    return _VARIABLE.sub(lambda m: values.get(m[1] or m[2], m[3] or ""), text)


def instructions(text: str) -> list[Instruction]:
    """Return a Dockerfile's instructions; comments and blank lines are left out."""
    found: list[Instruction] = []
    lines = enumerate(text.splitlines(), start=1)
    for number, line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        whole = line.strip()
        while _CONTINUED.search(whole):
            whole = _CONTINUED.sub(" ", whole)
            following = next(lines, (0, ""))[1].strip()
            # A comment or a blank line among continued lines is passed over.
            whole += "\\" if following.startswith("#") or not following else following
            if not following:
                whole = whole.rstrip("\\")
        word, _, rest = whole.partition(" ")
        if word.upper() == "RUN" and (here := _HERE.search(rest)):
            body = []
            for _, more in lines:
                if more.strip() == here[1]:
                    break
                body.append(more.strip())
            rest = rest.replace(here[0], "") + " && ".join(body)
        found.append(Instruction(number, word.upper(), rest.strip()))
    return found


def stages(text: str, project: Iterable[str]) -> list[Stage]:
    """Return the stages of a Dockerfile, for a folder with the files *project*.

    Parameters
    ----------
    text : str
        The Dockerfile.
    project : iterable of str
        The files in the folder that is sent to the builder, by their paths.
    """
    found: list[Stage] = []
    arguments: dict[str, str] = {}
    for one in instructions(text):
        if one.word == "FROM":
            found.append(_stage(one, arguments, found))
        elif not found:
            arguments.update(_pairs(one.rest) if one.word == "ARG" else {})
        else:
            _follow(one, found, tuple(project), arguments)
    return found


def _stage(one: Instruction, arguments: Mapping[str, str], earlier: list[Stage]) -> Stage:
    words = [word for word in expand(one.rest, arguments).split() if not word.startswith("--")]
    words = words or [""]
    name = words[2] if len(words) > 2 and words[1].lower() == "as" else str(len(earlier))
    stage = Stage(one.line, words[0], name)
    if (parent := _named(earlier, words[0])) is not None:
        stage.base, stage.is_from_image, stage.workdir = parent.base, False, parent.workdir
        stage.user, stage.user_line, stage.env = parent.user, parent.user_line, dict(parent.env)
        stage.files, stage.runs = dict(parent.files), list(parent.runs)
        stage.exposed, stage.last = list(parent.exposed), dict(parent.last)
        stage.copies = list(parent.copies)
    return stage


def _named(earlier: list[Stage], name: str) -> Stage | None:
    return next((stage for stage in reversed(earlier) if stage.name == name), None)


def _follow(
    one: Instruction, found: list[Stage], project: tuple[str, ...], arguments: Mapping[str, str]
) -> None:
    """Do what one instruction does to the last stage."""
    stage = found[-1]
    if one.word in ("ENV", "ARG"):
        given = _pairs(stage.expand(one.rest), arguments)
        stage.env.update(given)
        # What a build is given counts as a value: it is in the image's history.
        stage.named += [
            (one.line, name, value or ("$" + name if one.word == "ARG" or "$" in one.rest else ""))
            for name, value in given.items()
        ]
    elif one.word == "WORKDIR":
        stage.workdir = posixpath.normpath(posixpath.join(stage.workdir, stage.expand(one.rest)))
    elif one.word == "USER":
        stage.user, stage.user_line = stage.expand(one.rest).strip(), one.line
    elif one.word in ("COPY", "ADD"):
        brought = _copied(one, found, project)
        stage.files.update(brought)
        stage.copies.append((one.line, brought))
    elif one.word == "RUN":
        words = " ".join(_json(one.rest) or [one.rest])
        run = Run(one.line, words, dict(stage.files), stage.user, dict(stage.env))
        stage.runs.append(run)
    elif one.word == "EXPOSE":
        stage.exposed += [(one.line, port) for port in stage.expand(one.rest).split()]
    else:
        stage.last[one.word] = one


def _pairs(rest: str, known: Mapping[str, str] | None = None) -> dict[str, str]:
    """Read ``A=1 B="x y"``, the old ``A 1``, and ARG's bare ``A``."""
    words = _words(rest)
    if words and "=" not in words[0] and len(words) > 1:
        return {words[0]: " ".join(words[1:])}
    pairs = [word.partition("=")[::2] for word in words]
    return {name: value or (known or {}).get(name, "") for name, value in pairs}


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # a quotation mark that is never closed
        return text.split()


def _copied(one: Instruction, found: list[Stage], project: tuple[str, ...]) -> dict[str, str]:
    """Return the files that a COPY brings: paths in the image, each with where it comes from."""
    stage = found[-1]
    rest, flags = stage.expand(one.rest), {}
    while match := re.match(r"--(\w+)(?:=(\S+))?\s+", rest):
        rest = rest[match.end() :]
        flags[match[1]] = match[2]
    listed = _json(rest)
    words = listed if listed is not None else _words(rest)
    if len(words) < 2:
        return {}
    *sources, target = words
    tree = {path: path for path in project}
    if "from" in flags:
        other = _named(found[:-1], flags["from"] or "")
        tree = {path.lstrip("/"): where for path, where in other.files.items()} if other else {}
    return _placed(tree, sources, target, stage, parents="parents" in flags)


def _placed(
    tree: Mapping[str, str], sources: list[str], target: str, stage: Stage, *, parents: bool
) -> dict[str, str]:
    """Return where the files of *tree* come to lie that *sources* name; *parents*: with folders."""
    place = posixpath.normpath(posixpath.join(stage.workdir, target))
    folders = {path[:end] for path in tree for end, c in enumerate(path) if c == "/"} | {""}
    entries: list[str] = []
    for source in sources:
        pattern = posixpath.normpath("/" + source).strip("/")
        depth = pattern.count("/")
        names = folders | set(tree)
        entries += [
            name
            for name in sorted(names)
            if name.count("/") == depth and fnmatchcase(name, pattern)
        ]
    into = (
        len(entries) > 1
        or target.endswith(("/", "."))
        or place == stage.workdir
        or any(path.startswith(f"{place}/") for path in stage.files)
    )
    brought: dict[str, str] = {}
    for entry in entries:
        if entry in tree:
            name = posixpath.basename(entry)
            name = entry if parents else name
            brought[posixpath.join(place, name) if into else place] = tree[entry]
            continue
        inside = f"{entry}/" if entry else ""
        for path, where in tree.items():
            if path.startswith(inside):
                # The content of a folder is copied, not the folder itself.
                name = path if parents else path.removeprefix(inside)
                brought[posixpath.join(place, name)] = where
    return brought


def _json(text: str) -> list[str] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, list) and all(isinstance(x, str) for x in value) else None


def is_json(text: str) -> bool:
    """Say whether Docker takes *text* for the exec form: a list of texts in JSON."""
    return _json(text) is not None


@dataclass(frozen=True)
class Command:
    """What starts: its words, and how they were written.

    ``form`` is ``exec``; ``shell`` where a shell is the first process; ``no_json`` where square
    brackets hold no JSON, which Docker takes for the shell form.
    """

    line: int
    form: str
    words: tuple[str, ...]


def command(stage: Stage) -> Command | None:
    """Return what a container of *stage* starts, ENTRYPOINT and CMD put together."""
    parts = [stage.last[word] for word in ("ENTRYPOINT", "CMD") if word in stage.last]
    if not parts:
        return None
    words: list[str] = []
    form = "exec"
    for part in parts:
        listed = _json(part.rest)
        if listed is None:
            kind = "no_json" if part.rest.startswith("[") else _shell_form(part.rest)
            form = kind if form == "exec" else form
            listed = _words(stage.expand(part.rest.removeprefix("exec ")))
        words += listed
    if form == "exec" and posixpath.basename(words[0] if words else "") in _SHELLS:
        script = words[words.index("-c") + 1] if "-c" in words[:-1] else ""
        form, words = _shell_form(script), _words(stage.expand(script.removeprefix("exec ")))
    return Command(parts[-1].line, form, tuple(words))


def _shell_form(script: str) -> str:
    return "exec" if script.startswith("exec ") else "shell"
