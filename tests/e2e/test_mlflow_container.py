"""Two images with a registered recommender: ours, and the one that MLflow's own command makes.

Both are built and run for real, and answer as the core does in this process. MLflow's command calls
docker and names base images of a registry; where there is neither, a shim on the ``PATH`` hands the
build to buildah with a base of Debian's packages.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.packaging import container_engine, images
from services.recommender.mlflow import image as mlflow_image
from services.recommender.recommender import Recommender
from services.setup import preflight
from services.workbench.servers import containers, scoring
from services.workbench.servers.containers import Container
from services.workbench.servers.scoring_requests import bad_questions
from tests.services.recommender.served import assert_same

pytestmark = pytest.mark.timeout(1500)

OWN, MLFLOWS = "recommender_mlflow:test", "localhost/recommender_service:test"
MLFLOW_BASE = "localhost/serving-labs-mlflow-base:bookworm"
LARGEST_OWN = 0.5e9

SHIM = """#!/bin/sh
# docker, as far as MLflow needs it: its version, and a build.
case "$1" in
version) echo 27.0.0 ;;
build)
    shift
    for argument; do
        shift
        case "$argument" in --platform | linux/amd64) ;; *) set -- "$@" "$argument" ;; esac
    done
    exec buildah build --isolation chroot --network host --from "$MLFLOW_BASE" "$@"
    ;;
*) exit 1 ;;
esac
"""


@pytest.fixture(scope="module")
def folder(registry_versions: list[Any]) -> Path:
    [found] = [each for each in registry_versions if each.version.number == 2]
    return Path(found.folder)


@pytest.fixture(scope="module")
def core(folder: Path) -> Recommender:
    return Recommender.load(folder / "artifacts" / "recommender.npz", version="2")


def run(image: str, **options: Any) -> Container:
    return containers.run(image, ready="/ping", served=mlflow_image.SERVED_PORT, **options)


def assert_answers(container: Container, core: Recommender) -> None:
    users = [int(one) for one in core.user_ids.ids[:10]] + [10**9]
    answers = scoring.ask(container.url, [{"user_id": one} for one in users], top_k=7)
    for one, answer in zip(users, answers, strict=True):
        assert_same(answer, core, user_id=one, top_k=7)


# ------------------------------------------------------------ ours


@pytest.fixture(scope="module")
def own(needs: Callable[[str], None], folder: Path) -> Iterator[Container]:
    needs("engine")
    print("base:", mlflow_image.build(folder, OWN))
    with run(OWN) as running:
        yield running


@pytest.mark.system
def test_our_image_answers_as_the_core(own: Container, core: Recommender) -> None:
    assert_answers(own, core)


@pytest.mark.system
def test_our_image_refuses_in_the_houses_shape(own: Container, core: Recommender) -> None:
    for sent in bad_questions(int(core.user_ids.ids[0])):
        found = scoring.send(own.url, sent.body, content_type=sent.content_type)
        assert found.status < 500, sent.name
        assert not found.trace, sent.name
    probe = httpx.post(f"{own.url}/invocations", content=b"{}")
    assert set(probe.json()["error"]) == {"code", "message", "hint"}


@pytest.mark.system
def test_our_image_is_small_and_no_root(own: Container) -> None:
    size = container_engine.size(own.engine, OWN)
    print(f"{size / 1e6:.0f} MB")
    assert size < LARGEST_OWN
    assert own.execute("id", "-u") == "1034"
    for package in ("torch", "sklearn", "matplotlib", "flask"):
        with pytest.raises(container_engine.ContainerError, match="ModuleNotFoundError"):
            own.execute("python", "-c", f"import {package}")


@pytest.mark.system
def test_our_image_ends_when_asked(folder: Path, own: Container) -> None:
    with run(OWN) as second:
        assert second.stop(grace=20) == 0


# ------------------------------------------------------------ MLflow's


@pytest.fixture(scope="module")
def mlflows(
    needs: Callable[[str], None], folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """Run the chapter's command, without the option that is gone."""
    needs("engine")
    command = [sys.executable, "-m", "mlflow", "models", "build-docker", "-m", str(folder)]
    command += ["--name", MLFLOWS, "--env-manager", "local"]
    env = dict(os.environ)
    if not preflight.answers(["docker", "info"]):
        if shutil.which("buildah") is None:
            pytest.skip("NOT RUN HERE: neither docker nor buildah; apt-get install buildah")
        shim = tmp_path_factory.mktemp("shim") / "docker"
        shim.write_text(SHIM, encoding="utf-8")
        shim.chmod(0o755)
        if not container_engine.has_image("buildah", MLFLOW_BASE):
            packages = ("nginx-light", "python3-pip", "python-is-python3")
            container_engine.command(
                str(images.MAKE_BASE), "buildah", MLFLOW_BASE, *packages, timeout=900
            )
        env |= {
            "PATH": f"{shim.parent}{os.pathsep}{env['PATH']}",
            "MLFLOW_BASE": MLFLOW_BASE,
            "CONTAINERS_CONF": str(images.write_build_config()),
        }
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return MLFLOWS


@pytest.fixture(scope="module")
def behind_nginx(mlflows: str) -> Iterator[Container]:
    with run(mlflows, hardened=False) as running:
        yield running


@pytest.mark.nightly
def test_mlflows_image_answers_as_the_core(behind_nginx: Container, core: Recommender) -> None:
    assert_answers(behind_nginx, core)


@pytest.mark.nightly
@pytest.mark.parametrize("path", ["/health", "/version", "/docs"])
def test_behind_nginx_two_paths_are_left(behind_nginx: Container, path: str) -> None:
    inside = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8000{}').status)"
    assert httpx.get(behind_nginx.url + path).status_code == 404
    assert behind_nginx.execute("python", "-c", inside.format(path)) == "200"


@pytest.mark.nightly
def test_mlflows_image_is_root_and_large(behind_nginx: Container) -> None:
    size = container_engine.size(behind_nginx.engine, MLFLOWS)
    print(f"{size / 1e6:.0f} MB")
    assert behind_nginx.execute("id", "-u") == "0"
    assert size > LARGEST_OWN


@pytest.mark.nightly
def test_mlflows_image_does_not_start_on_a_read_only_root(mlflows: str) -> None:
    with pytest.raises(container_engine.ContainerError, match="ended at start"):
        run(mlflows)


@pytest.mark.nightly
def test_without_nginx_nobody_outside_is_answered(mlflows: str) -> None:
    with pytest.raises(container_engine.ContainerError, match="was not ready") as caught:
        run(mlflows, hardened=False, env={"DISABLE_NGINX": "true"}, timeout=60)
    # It runs and is content; it listens where only the container itself can ask.
    assert "Uvicorn running on http://127.0.0.1:8000" in str(caught.value)
    assert json.dumps(MLFLOWS)[1:-1] in str(caught.value)
