"""What every test stands on: the project's settings, missing tools, and nothing left running."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

# The settings count when a library is imported, and BentoML's metrics hang in-process unless this
# folder is there before prometheus_client is; so both come before any other import.
# BentoML leaves folders behind. Its sockets need short paths, so a worker's folder is not in the
# controller's.
os.environ["TMPDIR"] = tempfile.mkdtemp(
    prefix="serving-labs-",
    dir=Path(os.environ["TMPDIR"]).parent if "PYTEST_XDIST_WORKER" in os.environ else None,
)
os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(dir=os.environ["TMPDIR"])
from services.environment import usable_cores

# More threads than cores wait for each other, so each worker computes on its share of them.
if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    os.environ["OMP_NUM_THREADS"] = str(max(1, usable_cores() // int(workers)))

import psutil
import pytest

from services.workbench.servers import Server, processes, tracking
from tests.missing_tools import require

if TYPE_CHECKING:
    from services.recommender.registry import Version

tempfile.tempdir = os.environ["TMPDIR"]  # it had looked before the variable was there
os.environ[processes.NOTEBOOK] = OWN = f"/pytest-{os.getpid()}/"


ALONE = ("test_notebook", "test_solved_it_passes_and_says_what_is_committed")
"""Tests that execute a whole notebook: any worker may take one, they share no fixture."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With ``-n 2 --dist loadgroup``, keep a file's tests together: they share servers.

    Of the file with the answers, keep each lab's together: they share its executed cells.
    """
    for item in items:
        file, _, name = item.nodeid.partition("::")
        if getattr(item, "originalname", None) not in ALONE:
            lab = re.search(r"lab\d\d", name) if file.endswith("test_answers.py") else None
            item.add_marker(pytest.mark.xdist_group(file + (lab[0] if lab else "")))


def pytest_unconfigure() -> None:
    """Remove the temporary folder, of every worker too."""
    shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)


def _listening(process: psutil.Process) -> list[str]:
    """Return the addresses a process listens on."""
    try:
        found = process.connections(kind="inet")
    except psutil.Error:
        return []
    return [f"{c.laddr.ip}:{c.laddr.port}" for c in found if c.status == psutil.CONN_LISTEN]


@pytest.fixture(scope="session", autouse=True)
def _nothing_left_running() -> Iterator[None]:
    """Fail the session when a server outlives its tests, and end it."""
    yield
    me = psutil.Process()
    ports = {p.pid: _listening(p) for p in (me, *me.children(recursive=True))}
    left = [*processes.sweep(me.pid), *processes.sweep(notebook=OWN)]  # not a neighbour's
    assert not left, f"server processes were left behind: {left}"
    open_ports = {pid: addresses for pid, addresses in ports.items() if addresses}
    assert not open_ports, f"still listening at the end of the session: {open_ports}"


@pytest.fixture(scope="module", autouse=True)
def _same_imports() -> Iterator[None]:
    """Take back what a model's own code folder (MLflow) adds to the path of imports."""
    before = list(sys.path)
    yield
    sys.path[:] = before


@pytest.fixture(scope="session")
def needs() -> Callable[[str], None]:
    """Skip a test whose tool is missing, with the remedy: ``needs("chromium")``."""
    return require


@pytest.fixture(scope="session")
def tracking_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The one MLflow server of all tests."""
    with tracking.server(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


class Registered(NamedTuple):
    """A version in the registry and its model folder, as a server would have fetched it."""

    version: Version
    folder: Path


@pytest.fixture(scope="session")
def registry_versions(
    tracking_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> list[Registered]:
    """Versions 1 (popularity), 2 (mf-bce, prod) and 3 (mf-bce, staging) of the recommender.

    Read only: whoever changes aliases registers under a name of their own.
    """
    from services.recommender import registry

    uri = tracking_server.url
    root = tmp_path_factory.mktemp("versions")
    return [
        Registered(v, registry.fetch(v.number, root / str(v.number), tracking_uri=uri))
        for v in registry.ensure(uri)
    ]
