"""The rules for how a container starts: its user, its port, its probe and its first process."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from labs.checks.lab06.image.dockerfile import Stage, json_list, split
from labs.checks.lab06.image.fault import PORT, Fault, is_root, uid
from labs.checks.lab06.project import SERVICE

_MAKES_HOME = re.compile(r"\buseradd\b.*\s(?:-\w*m\w*|--create-home)\b|\badduser\b(?!.*\s-H\b)")
_GIVES = re.compile(r"(?:chown|chmod|install -|useradd|adduser)[^;&|\n]*")
_SHELLS = ("sh", "bash", "dash", "ash")


def _user(stages: list[Stage]) -> Iterator[Fault]:
    stage = stages[-1]
    if is_root(stage.user):
        yield Fault(stage.user_line, "the server runs as root")
    elif not re.fullmatch(r"\d+", uid(stage.user)):
        yield Fault(stage.user_line, f"the user is {uid(stage.user)!r}; a number was expected")


def _home(stages: list[Stage]) -> Iterator[Fault]:
    """Hold the user to a folder in which BentoML can write at its start."""
    stage = stages[-1]
    if is_root(stage.user):
        return
    runs = "\n".join(run.command for run in stage.runs)
    place = stage.env.get("BENTOML_HOME") or stage.env.get("HOME", "")
    if not place and not _MAKES_HOME.search(runs):
        said = f"user {uid(stage.user)} has no home, so BentoML may not write to /bentoml"
        yield Fault(stage.user_line, said, "no_home")
    elif place and not _is_writable(posixpath.join(stage.workdir, place), runs):
        said = f"user {uid(stage.user)} may not write to {place}, BentoML's folder"
        yield Fault(stage.user_line, said, "no_home")


def _is_writable(place: str, runs: str) -> bool:
    """Say whether a folder is temporary, or a RUN gives it or a folder above it to a user."""
    above = [posixpath.normpath(place)]
    while above[-1] != "/":
        above.append(posixpath.dirname(above[-1]))
    if {"/tmp", "/var/tmp", "/dev/shm"} & set(above):
        return True
    if place.startswith("/home/") and _MAKES_HOME.search(runs):
        return True
    return any(
        re.search(rf"{re.escape(one)}/?(?![\w./-])", run)
        for one in above[:-1]
        for run in _GIVES.findall(runs)
    )


def _exposed(stages: list[Stage]) -> Iterator[Fault]:
    exposed = stages[-1].exposed
    if not exposed:
        yield Fault(0, f"EXPOSE {PORT} is missing")
    for line, port in exposed:
        if port.strip("\"'").removesuffix("/tcp") != str(PORT):
            yield Fault(line, f"EXPOSE says {port}; the server listens on {PORT}")


def _health(stages: list[Stage]) -> Iterator[Fault]:
    """Hold the probe to a form that Docker can run. What it does is tried out elsewhere."""
    stage = stages[-1]
    one = stage.last.get("HEALTHCHECK")
    if one is None or one.rest.upper() == "NONE":
        yield Fault(one.line if one else 0, "HEALTHCHECK is missing")
        return
    probe = probe_of(one.rest)
    if not probe or (probe.startswith("[") and json_list(probe) is None):
        said = "Docker cannot run this; write HEALTHCHECK CMD and a command, or a list in JSON"
        yield Fault(one.line, said)
        return
    for tool in ("curl", "wget"):
        if re.search(rf"\b{tool}\b", probe) and not _has(stage, tool):
            yield Fault(one.line, f"HEALTHCHECK runs {tool}, which is not in the image")


def probe_of(rest: str) -> str:
    """Return the command of HEALTHCHECK as it is written; empty if there is none."""
    match = re.match(r"(?:--\S+\s+)*CMD\s+(.*)", rest, re.I | re.S)
    return match[1].strip() if match else ""


def _has(stage: Stage, tool: str) -> bool:
    installed = any(
        re.search(rf"\b(?:install|add)\b[^;&|]*\b{tool}\b", run.command) for run in stage.runs
    )
    small = "slim" in stage.base or ("alpine" in stage.base and tool == "curl")
    return installed or not small


def _server(stages: list[Stage]) -> Iterator[Fault]:
    """Hold the first process to the server, on the right port of every interface."""
    stage = stages[-1]
    started = command(stage)
    if started is None:
        yield Fault(0, "there is no CMD, so nothing starts")
        return
    line, words = started.line, started.words
    if started.form == "no_json":
        yield Fault(line, "the square brackets hold no JSON, which needs double quotation marks")
        return
    if started.form == "shell":
        yield Fault(line, "a shell is the first process, not the server", "shell_form")
    before_serve = words[: words.index("serve")] if "serve" in words else ()
    if not re.search(r"\bbentoml$", " ".join(before_serve)):
        yield Fault(line, f"{' '.join(words)!r} starts; `bentoml serve` was expected")
        return
    targets = {word.removeprefix("./").replace(".py", "", 1) for word in words}
    if not targets & {f"service:{SERVICE}", "service"}:
        yield Fault(line, f"the server does not serve service:{SERVICE}")
    if unknown := [word for word in words if "$" in word]:
        yield Fault(line, f"without a shell {unknown[0]} is not replaced by its value")
    elif (port := _port(stage, words)) != str(PORT):
        yield Fault(line, f"the server listens on port {port}; {PORT} was expected")
    host = re.search(r"--host[= ](\S+)", " ".join(words))
    address = host[1] if host else stage.env.get("BENTOML_HOST", "0.0.0.0")
    if address in ("127.0.0.1", "localhost", "::1"):
        said = f"the server listens on {address}, which cannot be reached from outside"
        yield Fault(line, said, "localhost")


def _port(stage: Stage, words: tuple[str, ...]) -> str:
    """Return the port on which the server listens."""
    for before, word in zip(("", *words), words, strict=False):
        if before in ("--port", "-p"):
            return word
        if word.startswith("--port="):
            return word.removeprefix("--port=")
    return stage.env.get("BENTOML_PORT", str(PORT))


@dataclass(frozen=True)
class Command:
    """The command of a container: its words, and how they were written.

    ``form`` is ``exec``; ``shell`` where a shell is the first process; ``no_json`` where square
    brackets hold no JSON, which Docker reads as the shell form.
    """

    line: int
    form: str
    words: tuple[str, ...]


def command(stage: Stage) -> Command | None:
    """Return the command of a container of *stage*: ENTRYPOINT and CMD put together."""
    parts = [stage.last[word] for word in ("ENTRYPOINT", "CMD") if word in stage.last]
    if not parts:
        return None
    words: list[str] = []
    form = "exec"
    for part in parts:
        listed = json_list(part.rest)
        if listed is None:
            kind = "no_json" if part.rest.startswith("[") else _shell_form(part.rest)
            form = kind if form == "exec" else form
            listed = split(stage.expand(part.rest.removeprefix("exec ")))
        words += listed
    if form == "exec" and posixpath.basename(words[0] if words else "") in _SHELLS:
        script = words[words.index("-c") + 1] if "-c" in words[:-1] else ""
        form, words = _shell_form(script), split(stage.expand(script.removeprefix("exec ")))
    return Command(parts[-1].line, form, tuple(words))


def _shell_form(script: str) -> str:
    return "exec" if script.startswith("exec ") else "shell"


RULES = (_user, _home, _exposed, _health, _server)
