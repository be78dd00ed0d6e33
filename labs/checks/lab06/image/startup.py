"""The rules for how a container starts: its user, its port, its probe and its first process."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from labs.checks.lab06.image.dockerfile import Stage, expand, json_list, split
from labs.checks.lab06.image.fault import PORT, Fault, is_root, uid
from labs.checks.lab06.project import SERVICE

_ACCOUNT = re.compile(r"\b(useradd|adduser)\b([^;&|\n]*)")
_MAKES_HOME = {
    "useradd": re.compile(r"\s(?:-\w*m\w*|--create-home)\b"),
    "adduser": re.compile(r"^(?!.*\s(?:-\w*H|--no-create-home)\b)"),
}
_UID = re.compile(r"\s(?:-\w*u|--uid)[ =]*(\S+)")
_IS_SYSTEM = re.compile(r"\s(?:-\w*[rS]\w*|--system)\b")
_GIVES = re.compile(r"(?:chown|chmod|mkdir|install -|useradd|adduser)[^;&|\n]*")
_REQUESTS = re.compile(r"\bimport\s+(?:\w+\s*,\s*)*requests\b|\bfrom\s+requests\b")
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
    runs = "\n".join(expand(run.command, {"HOME": "/root", **run.env}) for run in stage.runs)
    place = stage.env.get("BENTOML_HOME") or stage.env.get("HOME", "")
    if not place and not _has_home(uid(stage.user), runs):
        said = f"user {uid(stage.user)} has no home, so BentoML may not write to /bentoml"
        yield Fault(stage.user_line, said, "no_home")
    elif place and not _is_writable(posixpath.join(stage.workdir, place), uid(stage.user), runs):
        said = f"user {uid(stage.user)} may not write to {place}, BentoML's folder"
        yield Fault(stage.user_line, said, "no_home")


def _has_home(user: str, runs: str) -> bool:
    """Say whether a RUN makes an account with this UID and a home; without -u, it is 1000."""
    for tool, options in _ACCOUNT.findall(runs):
        given = _UID.search(options)
        number = given[1] if given else "" if _IS_SYSTEM.search(options) else "1000"
        if _MAKES_HOME[tool].search(options) and (number == user or not number.isdigit()):
            return True
    return False


def _is_writable(place: str, user: str, runs: str) -> bool:
    """Say whether a folder is temporary, or a RUN gives it or a folder above it to the user."""
    above = [posixpath.normpath(place)]
    while above[-1] != "/":
        above.append(posixpath.dirname(above[-1]))
    if {"/tmp", "/var/tmp", "/dev/shm"} & set(above):
        return True
    if place.startswith("/home/") and _has_home(user, runs):
        return True
    return any(
        re.search(rf"{re.escape(one)}/?(?![\w./-])", run)
        for one in above[:-1]
        for run in _GIVES.findall(runs)
        if _gives_to(run, user)
    )


def _gives_to(command: str, user: str) -> bool:
    """Say whether a command may let the user write; accounts' names may stand for any UID."""
    tool, *words = split(command)
    first = next((word for word in words if not word.startswith("-")), "")
    owner = re.search(r"\s(?:-\w*o|--owner)[ =]*(\S+)", command)
    if tool == "mkdir":
        made = re.search(r"\s(?:-\w*m|--mode)[ =]*(\S+)", command)
        tool, first = "chmod", made[1] if made else "755"
    if tool == "chmod":
        if first.isdigit():
            return any(int(digit) & 2 for digit in first[-2:])
        return re.fullmatch(r"(?:u[-+=]\w+,?)+", first) is None
    number = {"chown": first.partition(":")[0], "install": owner[1] if owner else ""}.get(tool, "")
    return not number.isdigit() or number == user


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
    runs = " ".join(run.command for run in stage.runs)
    if _REQUESTS.search(probe) and not re.search(r"\binstall\b[^;&|]*\brequests\b", runs):
        yield Fault(one.line, "HEALTHCHECK imports requests, which is not in requirements.txt")


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
            kind, script = _of_shell(part.rest)
            kind = "no_json" if part.rest.startswith("[") else kind
            form = kind if form == "exec" else form
            listed = split(stage.expand(script))
        words += listed
    if form == "exec" and posixpath.basename(words[0] if words else "") in _SHELLS:
        script = words[words.index("-c") + 1] if "-c" in words[:-1] else ""
        form, script = _of_shell(script)
        words = split(stage.expand(script))
    return Command(parts[-1].line, form, tuple(words))


def _of_shell(script: str) -> tuple[str, str]:
    """Return the form of a shell's script, and its command that runs bentoml, without ``exec``."""
    commands = [one.strip() for one in re.split(r"&&|\|\||[;&|]", script)]
    last = next((one for one in commands if "bentoml" in one), script)
    return "exec" if last.startswith("exec ") else "shell", last.removeprefix("exec ")


RULES = (_user, _home, _exposed, _health, _server)
