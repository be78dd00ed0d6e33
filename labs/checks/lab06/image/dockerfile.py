"""A small reader of Dockerfiles: the stages of an image, and the files in them after a build.

It follows Docker's reference as far as lab 06 needs it: continued lines, here-documents, stages,
ENV and ARG, COPY with files, folders and patterns, and both forms of CMD. (The package
dockerfile-parse splits a text into instructions, but without here-documents; what COPY brings, it
does not say.) The rules for the image are in the modules beside this one.
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
_NO_FILE = ("<<", "http://", "https://", "git@")


@dataclass(frozen=True)
class Instruction:
    """One instruction: the line on which it begins, its keyword in capitals, and the rest."""

    line: int
    word: str
    rest: str


@dataclass(frozen=True)
class Run:
    """A RUN, with the files, the user and the variables that it had."""

    line: int
    command: str
    files: Mapping[str, str]
    user: str
    env: Mapping[str, str]


@dataclass
class Stage:
    """The result of one FROM and the instructions below it.

    Attributes
    ----------
    base : str
        The image that FROM names, with variables replaced; for a FROM that names an earlier
        stage, that stage's base.
    is_from_image : bool
        Whether FROM names an image and not an earlier stage.
    named : list of (int, str, str)
        The variables of ENV and ARG: line, name and value.
    files : dict of str to str
        Paths in the image, each with the path in the project's folder that was copied to it.
    copies : list of (int, dict)
        The line of each COPY, with the files that it brought.
    missing : list of (int, str)
        Sources of COPY that are not in the project's folder, with their lines.
    last : dict of str to Instruction
        The last instruction of each other keyword: CMD, ENTRYPOINT, HEALTHCHECK.
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
    missing: list[tuple[int, str]] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    exposed: list[tuple[int, str]] = field(default_factory=list)
    last: dict[str, Instruction] = field(default_factory=dict)

    def expand(self, text: str) -> str:
        """Replace variables by their values, as a shell or Docker does."""
        return expand(text, self.env)


def expand(text: str, values: Mapping[str, str]) -> str:
    """Replace ``$NAME`` and ``${NAME}`` by *values*; unknown names become empty."""
    return _VARIABLE.sub(lambda m: values.get(m[1] or m[2], m[3] or ""), text)


def instructions(text: str) -> list[Instruction]:
    """Return a Dockerfile's instructions, without comments and blank lines."""
    found: list[Instruction] = []
    lines = enumerate(text.splitlines(), start=1)
    for number, line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        whole = line.strip()
        while _CONTINUED.search(whole):
            whole = _CONTINUED.sub(" ", whole)
            following = next(lines, (0, None))[1]
            if following is None:
                break
            # A comment or a blank line among continued lines is skipped.
            skipped = not following.strip() or following.lstrip().startswith("#")
            whole += "\\" if skipped else following.strip()
        word, _, rest = whole.partition(" ")
        if word.upper() in ("RUN", "COPY", "ADD") and (here := _HERE.search(rest)):
            body = []
            for _, more in lines:
                if more.strip() == here[1]:
                    break
                body.append(more.strip())
            if word.upper() == "RUN":
                rest = rest.replace(here[0], "") + " && ".join(body)
        found.append(Instruction(number, word.upper(), rest.strip()))
    return found


def stages(text: str, project: Iterable[str]) -> list[Stage]:
    """Return the stages of a Dockerfile.

    Parameters
    ----------
    text : str
        The Dockerfile.
    project : iterable of str
        The paths of the files in the build context.
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
    """Apply one instruction to the last stage."""
    stage = found[-1]
    if one.word in ("ENV", "ARG"):
        given = _pairs(stage.expand(one.rest), arguments)
        stage.env.update(given)
        # A build argument counts as a value: the image's history shows it.
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
        words = " ".join(json_list(one.rest) or [one.rest])
        run = Run(one.line, words, dict(stage.files), stage.user, dict(stage.env))
        stage.runs.append(run)
    elif one.word == "EXPOSE":
        stage.exposed += [(one.line, port) for port in stage.expand(one.rest).split()]
    else:
        stage.last[one.word] = one


def _pairs(rest: str, known: Mapping[str, str] | None = None) -> dict[str, str]:
    """Read ``A=1 B="x y"``, the old ``A 1``, and ARG's bare ``A``."""
    words = split(rest)
    if words and "=" not in words[0] and len(words) > 1:
        return {words[0]: " ".join(words[1:])}
    pairs = [word.partition("=")[::2] for word in words]
    return {name: value or (known or {}).get(name, "") for name, value in pairs}


def split(text: str) -> list[str]:
    """Split a text into words as a shell does."""
    try:
        return shlex.split(text)
    except ValueError:  # a quotation mark that is never closed
        return text.split()


def _copied(one: Instruction, found: list[Stage], project: tuple[str, ...]) -> dict[str, str]:
    """Return the files that a COPY brings: paths in the image, each with its source."""
    stage = found[-1]
    rest, flags = stage.expand(one.rest), {}
    while match := re.match(r"--(\w+)(?:=(\S+))?\s+", rest):
        rest = rest[match.end() :]
        flags[match[1]] = match[2]
    listed = json_list(rest)
    words = listed if listed is not None else split(rest)
    if len(words) < 2:
        return {}
    *sources, target = words
    tree = {path: path for path in project}
    if "from" in flags:
        other = _named(found[:-1], flags["from"] or "")
        tree = {path.lstrip("/"): where for path, where in other.files.items()} if other else {}
    entries: list[str] = []
    for source in sources:
        matched = _matches(tree, source)
        if not matched and "from" not in flags and not source.startswith(_NO_FILE):
            stage.missing.append((one.line, source))
        entries += matched
    return _placed(tree, entries, target, stage, parents="parents" in flags)


def _matches(tree: Mapping[str, str], source: str) -> list[str]:
    """Return the files and folders of *tree* that one source of COPY names."""
    folders = {path[:end] for path in tree for end, c in enumerate(path) if c == "/"} | {""}
    pattern = posixpath.normpath("/" + source).strip("/")
    same_depth = [name for name in folders | set(tree) if name.count("/") == pattern.count("/")]
    return [name for name in sorted(same_depth) if fnmatchcase(name, pattern)]


def _placed(
    tree: Mapping[str, str], entries: list[str], target: str, stage: Stage, *, parents: bool
) -> dict[str, str]:
    """Return the paths to which *entries* of *tree* are copied; *parents*: with their folders."""
    place = posixpath.normpath(posixpath.join(stage.workdir, target))
    into = (
        len(entries) > 1
        or target.endswith(("/", "."))
        or place == stage.workdir
        or any(path.startswith(f"{place}/") for path in stage.files)
    )
    brought: dict[str, str] = {}
    for entry in entries:
        if entry in tree:
            name = entry if parents else posixpath.basename(entry)
            brought[posixpath.join(place, name) if into else place] = tree[entry]
            continue
        inside = f"{entry}/" if entry else ""
        for path, where in tree.items():
            if path.startswith(inside):
                # The content of a folder is copied, not the folder itself.
                name = path if parents else path.removeprefix(inside)
                brought[posixpath.join(place, name)] = where
    return brought


def json_list(text: str) -> list[str] | None:
    """Return the list of an exec form; None if Docker does not read *text* as one."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, list) and all(isinstance(x, str) for x in value) else None
