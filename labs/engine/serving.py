"""Start a learner's service, send it HTTP requests, and say at which layer it failed."""

from __future__ import annotations

import linecache
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from labs.engine import frames
from labs.engine.export import CopyDiffersError, service_module
from labs.engine.host import IMPORT_FAILED
from labs.engine.outcome import FailedError, Layer
from labs.engine.pickling import pickled
from labs.engine.plain import shown
from services.environment import build_dir
from services.workbench import servers
from services.workbench.servers.server import last_lines

_READY_SECONDS = 120.0
_ERROR_LINE = re.compile(r"^(?:\w+\.)*(\w+(?:Error|Exception|NotFound|Exit)\b.*)$")
_FRAME_LINE = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<name>\S+)')


_LIVE = """import pickle
from pathlib import Path

{name} = pickle.loads(Path(__file__).with_suffix(".pickle").read_bytes())
"""

_running: list[Service] = []


class Service:
    """A learner's running service.

    Attributes
    ----------
    url : str
        Its address, without a slash at the end.
    server : services.workbench.servers.Server
        The server itself: its processes, its log.
    """

    def __init__(self, server: servers.Server, file: Path, seconds: float) -> None:
        self.server = server
        self.url = server.url
        self._file = file
        self._client = httpx.Client(base_url=server.url, timeout=seconds, trust_env=False)
        _running.append(self)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request, as httpx does.

        Raises
        ------
        FailedError
            Layer ``request``, if no answer comes.
        """
        try:
            return self._client.request(method, path, **options)
        except httpx.TimeoutException:
            what = f"{method} {path} had no answer within {self._client.timeout.read:g} s."
            raise FailedError(what, layer="request", frames=self.frames()) from None
        except httpx.HTTPError as error:
            what = f"{method} {path} had no answer: {type(error).__name__}."
            raise FailedError(what, layer="request", frames=self.frames()) from None

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Send a GET request."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        """Send a POST request."""
        return self.request("POST", path, **options)

    def json(self, response: httpx.Response, status: int = 200, where: str = "") -> Any:
        """Return the JSON of an answer that must have this status.

        Raises
        ------
        FailedError
            Layer ``request`` for another status, ``schema`` for a body that is not JSON.
        """
        request = f"{response.request.method} {response.request.url.path}"
        if response.status_code != status:
            raise FailedError(
                f"{request} answered {response.status_code}; {status} was expected.",
                where=where,
                layer="request",
                cause=self._cause(response),
                frames=self.frames() if response.status_code >= 500 else (),
            )
        try:
            return response.json()
        except ValueError:
            kind = response.headers.get("content-type", "no type")
            what = f"{request} answered with {kind}; JSON was expected."
            raise FailedError(what, where=where, layer="schema") from None

    def paths(self) -> list[str]:
        """Return the service's own paths, without BentoML's."""
        try:
            described = self._client.get("/docs.json").json()["paths"]
        except (httpx.HTTPError, ValueError, KeyError):
            return []
        return [path for path in described if "post" in described[path]]

    def frames(self) -> tuple[str, ...]:
        """Return the learner's lines of the last traceback in the log."""
        return _frames(self.server.tail(200), self._file)

    def error(self) -> str:
        """Return the last error in the log, ``"KeyError: 'box'"``; empty if there is none."""
        return _last_error(self.server.tail(200))

    def _cause(self, response: httpx.Response) -> str:
        if response.status_code == 404:
            return f"Your service has these paths: {', '.join(self.paths()) or 'none'}."
        if response.status_code >= 500 and self.error():
            return f"Your code raised {self.error()}"
        return f"Your service answered: {shown(response.text, 200)}"

    def close(self) -> None:
        """Close the client and stop the server."""
        self._client.close()
        self.server.stop(grace=3.0)
        if self in _running:
            _running.remove(self)


def close_all() -> None:
    """Close the services that are still running after a check's time was up."""
    for service in list(_running):
        service.close()


@contextmanager
def serve(
    answer: Any, *, fake_core: bool = False, full: bool = False, seconds: float = 20.0
) -> Iterator[Service]:
    """Serve *answer* while the block runs.

    Parameters
    ----------
    answer : bentoml service of either API, or an ASGI application
        The service, defined in a notebook.
    fake_core : bool
        Use the detector of :mod:`labs.engine.fake_core`. Not allowed with *full*.
    full : bool
        Start ``bentoml serve`` with all its processes, instead of one process.
    seconds : float
        How long a request may take.

    Raises
    ------
    FailedError
        Layer ``import``, ``start`` or ``readiness``, with the learner's lines.
    """
    (build_dir() / "labs").mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=build_dir() / "labs"))
    file = folder / "service.py"
    text, name = service_module(answer)
    file.write_text(text, encoding="utf-8")
    try:
        try:
            server = _start(file, name, fake_core, full)
        except FailedError as failure:
            server = _start_live(answer, failure, file, name, fake_core, full)
        service = Service(server, file, seconds)
        try:
            yield service
        finally:
            service.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start_live(
    answer: Any, failure: FailedError, file: Path, name: str, *options: bool
) -> servers.Server:
    """Serve the live object because the copy of its cells cannot be imported or lacks something."""
    if failure.layer != "import":
        raise failure
    try:
        file.with_suffix(".pickle").write_bytes(pickled(answer))
        file.write_text(_LIVE.format(name=name), encoding="utf-8")
        return _start(file, name, *options)
    except Exception:  # pickling can raise any exception
        raise failure from None


def _start(file: Path, name: str, fake_core: bool, full: bool) -> servers.Server:
    try:
        if full:
            return servers.bentoml(
                f"service:{name}", working_dir=file.parent, api_workers=1, timeout=_READY_SECONDS
            )
        command = [sys.executable, "-m", "labs.engine.host", str(file), name, "{port}"]
        return servers.start(
            command + ["--fake-core"] * fake_core, name=f"labs-{name}", timeout=_READY_SECONDS
        )
    except servers.ServerError as error:
        log = last_lines(error.log, 200) if error.log else ""
        raise _not_started(log, isinstance(error, servers.NotReadyError), file) from None


def _not_started(log: str, started: bool, file: Path) -> FailedError:
    """Return the failure that a server's log describes."""
    said = _last_error(log)
    copy = said.startswith(CopyDiffersError.__name__)
    layer: Layer = "import" if copy or IMPORT_FAILED in log else "readiness" if started else "start"
    if copy:
        return FailedError(
            f"The check copied your service {said.partition(': ')[2]}.",
            layer=layer,
            cause="Define and complete the service with top-level statements in its cell.",
        )
    what = {
        "import": "The module with your service cannot be imported",
        "start": "Your service does not start",
        "readiness": "Your service started, but /readyz did not answer 200",
    }[layer]
    return FailedError(
        f"{what}: {said or 'the log holds no error'}",
        layer=layer,
        cause=_cause(said),
        frames=_frames(log, file),
    )


def _cause(said: str) -> str:
    missing = re.match(r"NameError: name '(\w+)' is not defined", said)
    if missing:
        return (
            f"A server is a separate program: '{missing[1]}' exists in the notebook, but the check "
            "could not copy a cell that defines it. Import it, or define it in the class."
        )
    return ""


def _last_error(log: str) -> str:
    for line in reversed(log.splitlines()):
        found = _ERROR_LINE.match(line.strip())
        if found:
            return found[1]
    return ""


def _frames(log: str, file: Path, last: int = 3) -> tuple[str, ...]:
    """Return the learner's lines in a log, from the copied module or from the cells."""
    found = []
    for match in _FRAME_LINE.finditer(log):
        name, number = match["file"], int(match["line"])
        copied = Path(name).name == file.name
        if copied or frames.is_learners(name):
            line = linecache.getline(str(file) if copied else name, number).strip()
            found += [f"in {match['name']}: {line}"] if line else []
    return tuple(dict.fromkeys(found[-last:]))
