"""Run ``bentoml serve`` with its own home and temporary folder."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from services.environment import ROOT, build_dir
from services.workbench.servers.launch import Ready, start
from services.workbench.servers.ports import HOST
from services.workbench.servers.server import Server

LONGEST = 47
"""Characters that a temporary folder may have: BentoML's sockets in it have 55 more, below 103."""


def short_place(longest: int = LONGEST) -> str | None:
    """Return ``/tmp`` if the path of the temporary folder (macOS's own, a nested one) is longer."""
    return "/tmp" if len(tempfile.gettempdir()) > longest and Path("/tmp").is_dir() else None


def bentoml(
    target: str,
    *,
    api_workers: int | None = None,
    working_dir: str | Path = ROOT,
    ready: Ready = "/readyz",
    name: str | None = None,
    timeout: float = 120.0,
    env: Mapping[str, str] | None = None,
) -> Server:
    """Run ``bentoml serve`` and return once the service is ready.

    The server gets its own ``BENTOML_HOME``, in which only the stores of models and Bentos are
    shared. BentoML keeps the counts behind ``/metrics`` in that folder and empties it at each
    start, so a second server in the same folder would reset the first one's metrics to zero.

    *target* is ``"package.module:Name"``, to be imported from *working_dir* (the repository if not
    given), the tag of a Bento, or a Bento's folder. *api_workers* is the number of API processes, 1
    or more, of a ``bentoml.legacy.Service``, one per core if not given; BentoML ignores it for a
    ``@bentoml.service``, which states its ``workers=`` itself. The rest is as for :func:`start`;
    with another *ready* than ``"/readyz"``, a model that cannot be loaded is not detected, with it,
    it is a :class:`CrashedError`.
    """
    command = [sys.executable, "-m", "bentoml", "serve", target, "--host", HOST]
    command += ["--port", "{port}", "--working-dir", str(working_dir)]
    if api_workers is not None:
        command += ["--api-workers", str(api_workers)]
    return start_bentoml(
        command,
        ready=ready,
        name=name or f"bentoml-{target}",
        timeout=timeout,
        env=env or {},
        cwd=working_dir,
    )


def start_bentoml(
    command: Sequence[str],
    *,
    ready: Ready,
    name: str,
    env: Mapping[str, str] | None = None,
    **options: Any,
) -> Server:
    """Start BentoML with its own BENTOML_HOME and temporary folder, removed when it stops."""
    env = env or {}
    home = _own_bentoml_home(env.get("BENTOML_HOME"))
    temporary = _folder_for_sockets()
    try:
        server = start(
            command,
            ready=ready,
            name=re.sub(r"\W+", "-", name).strip("-"),
            env={"TMPDIR": temporary, **env, "BENTOML_HOME": str(home)},
            gives_up="Application startup failed. Exiting." if ready == "/readyz" else None,
            pages={"Swagger UI": "/", "metrics": "/metrics"},
            **options,
        )
    except BaseException:
        _remove(home, temporary)
        raise
    server.on_stop(partial(_remove, home, temporary))
    return server


def _remove(*folders: str | Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _folder_for_sockets() -> str:
    """Make a folder for what BentoML would leave behind, and for its sockets, with short paths."""
    try:
        return tempfile.mkdtemp(prefix="serving-labs-", dir=short_place())
    except OSError:  # the grader lets a submission write into its own folder only
        return tempfile.mkdtemp(prefix="serving-labs-")


def _own_bentoml_home(shared: str | None) -> Path:
    """Make a BENTOML_HOME for one server, with links to the stores in *shared*."""
    store = Path(shared or os.environ["BENTOML_HOME"])
    homes = build_dir() / "bentoml-servers"
    homes.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(dir=homes))
    for name in ("bentos", "models"):
        (store / name).mkdir(parents=True, exist_ok=True)
        (home / name).symlink_to((store / name).resolve())
    return home
