"""Run the command of a HEALTHCHECK against servers that are healthy, unhealthy and not there."""

from __future__ import annotations

import os
import posixpath
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from labs.checks.lab06.image.dockerfile import Stage, json_list
from labs.checks.lab06.image.fault import PORT
from labs.checks.lab06.image.startup import probe_of

_SECONDS = 15.0
_NOT_FOUND = 127
"""A shell's exit status for a program that does not exist."""


def probe_fault(stage: Stage) -> str:
    """Say what is wrong with the probe of *stage*; empty if nothing is.

    The probe runs here, with another port in place of 3000. Where its program is missing on
    this machine, nothing is said.
    """
    probe = probe_of(stage.last["HEALTHCHECK"].rest)
    with _server() as server:
        port = server.server_port
        healthy = _exit_status(probe, stage, port)
        if healthy in (None, _NOT_FOUND):
            return ""
        asked = list(server.asked)
        accepted = []
        for server.status in (503, 404):
            if _exit_status(probe, stage, port) == 0:
                accepted.append(server.status)
    gone = _exit_status(probe, stage, port)
    if not asked:
        return f"HEALTHCHECK sends no request to port {PORT}"
    if wrong := [path for path in asked if path not in ("/livez", "/readyz")]:
        return f"HEALTHCHECK requests {wrong[0]}; /livez or /readyz was expected"
    if healthy:
        return f"HEALTHCHECK ends with {healthy} for a healthy server; 0 was expected"
    if not gone:
        return "HEALTHCHECK ends with 0 even if no server listens"
    if accepted:
        return f"HEALTHCHECK ends with 0 even if the server answers {accepted[0]}"
    return ""


class _Server(ThreadingHTTPServer):
    status = 200
    asked: list[str]


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, _Server)
        server.asked.append(self.path)
        self.send_response(server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def _server() -> Iterator[_Server]:
    server = _Server(("127.0.0.1", 0), _Handler)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _exit_status(probe: str, stage: Stage, port: int) -> int | None:
    """Run a probe as Docker does, its form respected; None if it cannot be run here."""
    listed = json_list(probe)
    words = listed if listed is not None else ["/bin/sh", "-c", probe]
    words = [re.sub(rf"(?<!\d){PORT}(?!\d)", str(port), word) for word in words]
    words[0] = _local(words[0])
    given = {name: value.replace(str(PORT), str(port)) for name, value in stage.env.items()}
    own = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
    if listed is None:
        words[2] = re.sub(r"(?<![\w/.:-])/[\w/.-]*/(python[\d.]*)(?!\S)", r"\1", words[2])
    try:
        done = subprocess.run(
            words,
            env={**own, **given, "PATH": path},
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
        )
    except FileNotFoundError:
        return None
    except subprocess.TimeoutExpired:
        return -1
    return done.returncode


def _local(program: str) -> str:
    """Return the program of this machine for a Python of the image."""
    name = posixpath.basename(program)
    return sys.executable if re.fullmatch(r"python[\d.]*", name) else program
