"""Lab 06, the Dockerfile: the broken one, and the rules for the image that it should make."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from labs.checks.lab06_dockerfile import Run, Stage, command, instructions, is_json, stages
from labs.checks.lab06_project import FILES, NEEDED, SERVICE

PORT = 3000
SECRET = "sk-cards-4711"

BROKEN = f"""\
FROM python:latest
WORKDIR /app
ENV PORT={PORT}
ENV API_TOKEN={SECRET}
COPY . .
RUN pip install bentoml numpy onnxruntime pillow
EXPOSE 8080
CMD bentoml serve service:{SERVICE} --host 127.0.0.1 --port $PORT
"""

_PIP = re.compile(
    r"(?:^|[\s/;&(])(?:uv\s+)?pip3?(?:\.\d+)?((?:\s+-\S+)*)\s+(install|sync)\s([^;&|\n]*)"
)
_LOCK = re.compile(r"(?:-r\s*|--requirements?[= ]|^sync\b.*\s)(?:\S*/)?requirements\.txt")
_SECRET_NAME = re.compile(
    r"(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|CREDENTIALS?)(?:_|$)", re.I
)
_PATHS = re.compile(r"/(?:livez|readyz|healthz)\b")
_HEALTH_CMD = re.compile(r"(?:--\S+\s+)*CMD\s+(.*)", re.I | re.S)
_OWN_PLACE = re.compile(r"--user\b|--target|-t\s|venv|useradd|adduser|/bin/pip|--prefix")


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: its line (0: something is missing), its mistake, and the text."""

    line: int
    mistake: str | None
    says: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.says}" if self.line else self.says


def is_broken_one(text: str) -> bool:
    """Say whether a Dockerfile has the same instructions as the broken one."""
    mine, theirs = ([(one.word, one.rest) for one in instructions(t)] for t in (text, BROKEN))
    return mine == theirs


def faults(text: str) -> list[Fault]:
    """Return what is wrong with a Dockerfile, by line; what is missing comes last."""
    found = stages(text, FILES)
    if not found:
        return [Fault(0, None, "there is no FROM, so there is no image")]
    rules = (_bases, _secrets, _dependencies, _files, _user, _exposed, _health, _server)
    wrong = [fault for rule in rules for fault in rule(found)]
    if SECRET in text and not any(fault.mistake == "secret" for fault in wrong):
        line = text[: text.index(SECRET)].count("\n") + 1
        wrong.append(Fault(line, "secret", "the token is in the text"))
    return sorted(dict.fromkeys(wrong), key=lambda fault: fault.line or 10**6)


def _bases(found: list[Stage]) -> Iterator[Fault]:
    for stage in found:
        if not stage.is_from_image or stage.base == "scratch" or "@sha256:" in stage.base:
            continue
        repository, _, tag = stage.base.rpartition("/")[2].partition(":")
        if not re.match(r"v?\d", tag):
            said = f"the base {stage.base!r} has no version"
            yield Fault(stage.line, "latest", said)
        elif repository == "python" and not re.match(r"3\.11(?!\d)", tag):
            yield Fault(stage.line, None, f"the base is {stage.base!r}; Python 3.11 was expected")


def _secrets(found: list[Stage]) -> Iterator[Fault]:
    for stage in found:
        for line, name, value in stage.named:
            if SECRET in value or (value and _SECRET_NAME.search(name)):
                yield Fault(line, "secret", f"{name} gets a value")


def _installs(stage: Stage) -> Iterator[tuple[Run, str]]:
    """Yield each RUN with each ``install …`` or ``sync …`` of pip in it."""
    for run in stage.runs:
        for match in _PIP.finditer(run.command):
            yield run, f"{match[2]} {match[3]} {match[1]}"


def _dependencies(found: list[Stage]) -> Iterator[Fault]:
    """Hold the installation to the lock, to its place before the code, and to an empty cache."""
    installs = [(stage, run, rest) for stage in found for run, rest in _installs(stage)]
    from_lock = [run for _, run, rest in installs if _LOCK.search(rest)]
    if not from_lock:
        line = installs[0][1].line if installs else 0
        yield Fault(line, "unpinned", "nothing is installed from requirements.txt")
    for run in from_lock:
        mounted = re.search(r"--mount=\S*requirements\.txt", run.command)
        if "requirements.txt" not in run.files.values() and not mounted:
            yield Fault(run.line, "no_lock", "requirements.txt is not in the image yet")
    for stage, run, rest in installs:
        loose = [word for word in _packages(rest) if "==" not in word]
        if loose and from_lock:
            yield Fault(run.line, "unpinned", f"{', '.join(loose)} without a version")
        code = sorted({path for path in run.files.values() if path != "requirements.txt"})
        if code:
            said = f"before this, COPY brought {_few(code)}; requirements.txt alone was expected"
            yield Fault(run.line, "code_first", said)
        if stage is found[-1] and not _without_cache(run, rest):
            yield Fault(run.line, "cache", "pip keeps its downloads in the image")
        may_write = _OWN_PLACE.search(" ".join(one.command for one in stage.runs))
        if _is_other(run.user) and not may_write:
            said = f"pip runs as {run.user}, who may not write where packages go"
            yield Fault(run.line, "user_first", said)


def _packages(rest: str) -> list[str]:
    """Return what pip is asked to install by name."""
    words, found = rest.split()[1:], []
    takes_value = ("-r", "--requirement", "-c", "--constraint", "-t", "--target", "--prefix")
    for before, word in zip(["", *words], words, strict=False):
        value = before in takes_value or before.endswith(("-url", "-links"))
        if not (value or word.startswith("-") or "requirements.txt" in word or word == "\\"):
            found.append(word.strip("\"'"))
    return found


def _without_cache(run: Run, rest: str) -> bool:
    by_env = [run.env.get(name, "") for name in ("PIP_NO_CACHE_DIR", "UV_NO_CACHE")]
    return (
        "--no-cache" in rest
        or "type=cache" in run.command
        or re.search(
            r"PIP_NO_CACHE_DIR=\w|UV_NO_CACHE=\w|pip3? cache purge|\brm -\w+ \S*/\.cache\b",
            run.command,
        )
        is not None
        or any(value.lower() not in ("", "0", "false", "off", "no") for value in by_env)
    )


def _files(found: list[Stage]) -> Iterator[Fault]:
    """Hold what is in the image to what a server needs, under the same paths."""
    stage = found[-1]
    line = stage.copies[-1][0] if stage.copies else 0
    there = set(stage.files.values())
    more = sorted(there - {*NEEDED, "requirements.txt"})
    if more:
        first = next(n for n, brought in stage.copies if set(brought.values()) & set(more))
        yield Fault(first, "copies_all", f"COPY brings {_few(more)}")
    if less := [path for path in NEEDED if path not in there]:
        yield Fault(line, "file_lost", f"{_few(less)} is not in the image")
        return
    for path in NEEDED:
        places = [at for at, source in stage.files.items() if source == path]
        if f"{stage.workdir.rstrip('/')}/{path}" not in places:
            said = f"{path} lies at {places[0]}; {stage.workdir.rstrip('/')}/{path} was expected"
            copied = next(n for n, brought in stage.copies if places[0] in brought)
            yield Fault(copied, "other_place", said)


def _user(found: list[Stage]) -> Iterator[Fault]:
    stage = found[-1]
    who = stage.user.partition(":")[0]
    if who in ("", "root", "0"):
        yield Fault(stage.user_line, "root", "the server runs as root")
    elif not re.fullmatch(r"\d+", who):
        yield Fault(stage.user_line, "user_name", f"the user is {who!r}; a number was expected")


def _is_other(user: str) -> bool:
    return user.partition(":")[0] not in ("", "root", "0")


def _port(stage: Stage) -> str:
    """Return the port on which the server listens."""
    started = command(stage)
    words = started.words if started else ()
    for before, word in zip(("", *words), words, strict=False):
        if before in ("--port", "-p"):
            return word
        if word.startswith("--port="):
            return word.removeprefix("--port=")
    return stage.env.get("BENTOML_PORT", str(PORT))


def _exposed(found: list[Stage]) -> Iterator[Fault]:
    stage = found[-1]
    for line, text in stage.exposed:
        if text.strip("\"'").partition("/")[0] != str(PORT):
            yield Fault(line, "port", f"EXPOSE says {text}; the server has to listen on {PORT}")
    if not stage.exposed:
        yield Fault(0, "port", f"EXPOSE is missing; {PORT} was expected")


def _health(found: list[Stage]) -> Iterator[Fault]:
    stage = found[-1]
    one = stage.last.get("HEALTHCHECK")
    if one is None or one.rest.upper() == "NONE":
        yield Fault(one.line if one else 0, "no_healthcheck", "HEALTHCHECK is missing")
        return
    asks = _HEALTH_CMD.match(one.rest)
    if asks is None or (asks[1].startswith("[") and not is_json(asks[1])):
        yield Fault(one.line, "health_form", "Docker cannot run what HEALTHCHECK says")
        return
    # In JSON nobody puts the values of variables in.
    text = one.rest if "[" in one.rest else stage.expand(one.rest)
    if not _PATHS.search(text) or not re.search(rf"(?<!\d){PORT}(?!\d)", text):
        said = f"HEALTHCHECK does not ask /livez or /readyz on port {PORT}"
        yield Fault(one.line, "other_health", said)
    for tool in ("curl", "wget"):
        if re.search(rf"\b{tool}\b", text) and not _has(stage, tool):
            yield Fault(one.line, "no_curl", f"HEALTHCHECK runs {tool}, which is not in the image")


def _has(stage: Stage, tool: str) -> bool:
    installed = any(
        re.search(rf"\b(?:install|add)\b[^;&|]*\b{tool}\b", run.command) for run in stage.runs
    )
    small = "slim" in stage.base or ("alpine" in stage.base and tool == "curl")
    return installed or not small


def _server(found: list[Stage]) -> Iterator[Fault]:
    """Hold the container's first process to the server itself."""
    started = command(found[-1])
    if started is None:
        yield Fault(0, None, "there is no CMD, so nothing starts")
        return
    line, words = started.line, started.words
    if started.form == "no_json":
        yield Fault(line, "single_quotes", "the square brackets hold no JSON")
        return
    if started.form == "shell":
        yield Fault(line, "shell_form", "a shell is the first process, not the server")
    if "serve" not in words or not re.search(
        r"\bbentoml$", " ".join(words[: words.index("serve")])
    ):
        yield Fault(
            line, None, f"`bentoml serve` is not what starts; {_few(list(words)) or 'a shell'} is"
        )
        return
    targets = {word.removeprefix("./").replace(".py", "", 1) for word in words}
    if not targets & {f"service:{SERVICE}", "service"}:
        yield Fault(line, None, f"service:{SERVICE} is not what is served")
    if any("$" in word for word in words):
        yield Fault(line, "not_expanded", f"{next(w for w in words if '$' in w)} stays as it is")
    elif _port(found[-1]) != str(PORT):
        yield Fault(
            line, "other_port", f"the server listens on {_port(found[-1])}; {PORT} was expected"
        )
    host = re.search(r"--host[= ](\S+)", " ".join(words))
    address = host[1] if host else found[-1].env.get("BENTOML_HOST", "0.0.0.0")
    if address in ("127.0.0.1", "localhost", "::1"):
        yield Fault(line, "localhost", f"the server listens on {address} alone")


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
