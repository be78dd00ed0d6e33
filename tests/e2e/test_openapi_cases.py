"""schemathesis makes requests of each service's OpenAPI document, valid and not, and reads replies.

A document is what clients are generated from, so every answer has to be one that it describes, and
none may be a 5xx.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.environment import ROOT, build_dir
from services.id_card import samples
from services.setup.install import separate
from services.workbench import servers
from services.workbench.servers import Server
from services.workbench.servers.ports import HOST
from tests.services.recommender.served import settings

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

CASES = 1000
"""How many requests each service must have answered."""

_HOOKS = "tests.e2e.schemathesis_hooks"


@pytest.fixture(scope="module")
def schemathesis() -> Path:
    lock = ROOT / "infra" / "schemathesis" / "requirements.txt"
    return separate(build_dir() / "schemathesis", lock, quiet=True) / "bin" / "schemathesis"


def assert_conforms(schemathesis: Path, server: Server, per_path: int) -> None:
    """Run schemathesis, which must find nothing in at least :data:`CASES` requests."""
    command = [str(schemathesis), "--no-color", "run", f"{server.url}/docs.json"]
    # No document can say which bytes are an image, or how many movies a user has not rated; and
    # 7.0, an integer to JSON Schema, is none to the recommender. So what fits may be refused.
    command += ["--exclude-checks", "positive_data_acceptance"]
    command += ["--max-examples", str(per_path), "--seed", "1", "--generation-database", "none"]
    environment = {"PYTHONPATH": str(ROOT), "NO_PROXY": HOST, "SCHEMATHESIS_HOOKS": _HOOKS}
    environment["SAMPLES"] = str(Path(samples.__file__).parent)
    done = subprocess.run(
        [*command, "--continue-on-failure"],
        cwd=build_dir(),  # it keeps its cache where it runs
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr + server.tail()
    [generated] = re.findall(r"(\d+) generated", done.stdout)
    assert int(generated) >= CASES, done.stdout


UVICORN = [sys.executable, "-m", "uvicorn", "--host", HOST, "--port", "{port}"]

DETECTORS: dict[str, Callable[[], Server]] = {
    "detector": lambda: servers.bentoml("services.id_card.bento.service:IdCardDetector"),
    "observed": lambda: servers.bentoml("services.id_card.bento.observed_service:IdCardDetector"),
    "fastapi": lambda: servers.start([*UVICORN, "services.id_card.baselines.fastapi_app:app"]),
}


@pytest.mark.parametrize("name", DETECTORS)
def test_the_detector(schemathesis: Path, name: str) -> None:
    with DETECTORS[name]() as server:
        assert_conforms(schemathesis, server, per_path=360)


@pytest.fixture(scope="module")
def recommender(
    tracking_server: Server, registry_versions: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    env = settings(tmp_path_factory.mktemp("recommender"), tracking_server.url)
    with servers.bentoml("services.recommender.bento.service:Recommender", env=env) as running:
        yield running


def test_the_recommender(schemathesis: Path, recommender: Server) -> None:
    assert_conforms(schemathesis, recommender, per_path=CASES)
