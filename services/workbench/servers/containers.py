"""Run a container image on a free loopback port, wait until it answers, and leave nothing behind.

::

    with containers.run("id_card_detector:0.2.0") as container:
        httpx.get(f"{container.url}/readyz")

The container runs as under the manifests in ``infra/kubernetes``: only ``/tmp`` is writable, it has
no Linux capabilities, and it cannot gain privileges. Either docker or podman is used, whichever
answers ``info``. :mod:`services.packaging.images` builds images.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import psutil

from services.environment import build_dir
from services.packaging.container_engine import (
    ContainerError,
    NotRunError,
    command,
    find_engine,
    has_image,
)
from services.setup import preflight
from services.workbench.servers.ports import HOST, free_port
from services.workbench.servers.processes import POLL
from services.workbench.servers.server import Stoppable

SERVED_PORT = 3000
"""The port inside BentoML's images."""

HARDENED = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")
"""Options that restrict the container; see the security context in ``infra/kubernetes``."""

# podman would raise the limits to the maximum of the machine, which often fails inside a virtual
# machine or a container. A server of this size does not need more.
LIMITS = {"podman": ("--ulimit=nofile=4096:4096", "--ulimit=nproc=1024:1024")}


class Container(Stoppable):
    """A running container, made by :func:`run`; as a context manager it is removed at the end.

    It has the *engine* that runs it, its *name* and *image*, and its *url*,
    ``http://127.0.0.1:<port>``, without a slash at the end.
    """

    def __init__(self, engine: str, name: str, image: str, port: int) -> None:
        self.engine = engine
        self.name = name
        self.image = image
        self.url = f"http://{HOST}:{port}"
        self.exit_code: int | None = None

    @property
    def running(self) -> bool:
        """Whether its first process is running."""
        return self.exit_code is None and bool(self._state()["Running"])

    def execute(self, *arguments: str) -> str:
        """Run a command inside, as its own user, and return its output; else ContainerError."""
        return command(self.engine, "exec", self.name, *arguments)

    def tail(self, n: int = 20) -> str:
        """Return the last *n* lines that the container printed."""
        done = subprocess.run(
            [self.engine, "logs", "--tail", str(n), self.name],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.stdout.strip()

    def stop(self, grace: int = 30) -> int:
        """Stop it with SIGTERM, kill it after *grace* seconds, and remove it.

        Return the exit code of its first process, 137 if it had to be killed, also when called
        again.
        """
        if self.exit_code is None:
            command(self.engine, "stop", "--time", str(grace), self.name, timeout=grace + 60)
            self.exit_code = int(self._state()["ExitCode"])
            remove(self.engine, self.name)
        return self.exit_code

    def _state(self) -> dict[str, Any]:
        described: list[dict[str, Any]] = json.loads(command(self.engine, "inspect", self.name))
        return described[0]["State"]


def run(
    image: str,
    *,
    env: Mapping[str, str | None] | None = None,
    ready: str = "/readyz",
    timeout: float = 120.0,
    engine: str | None = None,
    served: int = SERVED_PORT,
    hardened: bool = True,
    arguments: Sequence[str] = (),
    mounts: Mapping[str, str | Path] | None = None,
) -> Container:
    """Run an image of the engine's own store and return once *ready*, a path, answers 200.

    *env* are variables for the container; None removes one that would be passed on. *engine* is as
    :func:`find_engine` returns it, and *served* the port inside, 1 to 65535. An image that writes
    elsewhere than to ``/tmp`` must not be *hardened*. *arguments* replace the image's own command,
    and *mounts* are folders inside, mapped to folders of this machine, which the container may
    read.

    Raises NotRunError if there is no engine, or no such image (nothing is downloaded), and
    ContainerError if the container ends, or is not ready in time, with the last lines it printed.
    """
    engine = engine or find_engine()
    if not has_image(engine, image):
        raise NotRunError(f"{preflight.NOT_RUN}: there is no image {image}; make container")
    sweep(engine)
    port = free_port()
    name = f"serving-labs-{os.getpid()}-{port}"
    # BentoML writes to its home folder, which the image sets to the user's folder.
    variables = {"BENTOML_HOME": "/tmp/bentoml", **(env or {})}
    container = Container(engine, name, image, port)
    atexit.register(remove, engine, name)
    try:
        command(
            engine,
            "run",
            "--detach",
            f"--name={name}",
            f"--label={label()}",
            f"--publish={HOST}:{port}:{served}",
            *(f"--env={key}={value}" for key, value in variables.items() if value is not None),
            *(HARDENED if hardened else ()),
            *LIMITS.get(engine, ()),
            *(f"--volume={outer}:{inner}:ro" for inner, outer in (mounts or {}).items()),
            image,
            *arguments,
        )
        _wait_until_ready(container, ready, timeout)
    except BaseException:
        remove(engine, name)
        raise
    return container


def remove(engine: str, name: str) -> None:
    """Remove a container, running or not; it is not an error if it no longer exists."""
    subprocess.run([engine, "rm", "--force", name], capture_output=True)


def sweep(engine: str) -> list[str]:
    """Remove this checkout's containers whose owner no longer runs, and return their names."""
    names = command(engine, "ps", "--all", f"--filter=label={label()}", "--format={{.Names}}")
    left = [name for name in names.splitlines() if not psutil.pid_exists(int(name.split("-")[2]))]
    for name in left:
        remove(engine, name)
    return left


def label() -> str:
    """Return the label that marks this checkout's containers."""
    return f"serving-labs.build={build_dir()}"


def _wait_until_ready(container: Container, ready: str, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    answer = "no request was sent"
    with httpx.Client(trust_env=False, timeout=5.0) as client:
        while time.monotonic() < deadline:
            if not container.running:
                raise ContainerError(f"{container.image} ended at start:\n{container.tail()}")
            try:
                status = client.get(container.url + ready).status_code
            except httpx.HTTPError as error:
                answer = type(error).__name__
            else:
                if status == HTTPStatus.OK:
                    return
                answer = str(status)
            time.sleep(POLL)
    raise ContainerError(
        f"{container.image} was not ready in {timeout:g} s ({answer}):\n{container.tail()}"
    )
