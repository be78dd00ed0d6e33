"""The detector's image, built for real and run: the answers are those of the core in this process.

It runs as ``infra/kubernetes`` runs it. Building takes minutes the first time; the image's name is
made from its content, so the next time there is nothing to build.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from services.id_card.bento import build as bento_build
from services.id_card.detector import Detector
from services.packaging import container_engine, images
from services.workbench.servers import containers
from services.workbench.servers.containers import Container
from tests.services.id_card.adapter_contract import assert_boxes, assert_rendered
from tests.services.id_card.image_files import CARDS, sample_bytes

LARGEST_IMAGE = 1.5e9
READY_SECONDS = 120.0
STOP_SECONDS = 10.0
NOT_IN_IT = ("torch", "torchvision", "ultralytics", "openvino", "matplotlib", "jupyterlab", "pip")

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def image(needs: Callable[[str], None]) -> str:
    needs("engine")
    print(bento_build.container())
    return bento_build.image_name()


@pytest.fixture(scope="module")
def container(image: str) -> Iterator[Container]:
    with containers.run(image, timeout=READY_SECONDS) as running:
        yield running


@pytest.fixture
def client(container: Container) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=container.url, timeout=60.0, trust_env=False) as opened:
        yield opened


@pytest.fixture(scope="module")
def core() -> Detector:
    return Detector(backend="onnx")


def installed(container: Container) -> dict[str, str]:
    """Return name and version of the Python packages inside."""
    code = (
        "import importlib.metadata as m, json; found = m.distributions();"
        "print(json.dumps({d.name.lower().replace('_', '-'): d.version for d in found}))"
    )
    found: dict[str, str] = json.loads(container.execute("/app/.venv/bin/python", "-c", code))
    return found


def test_the_image_is_small(image: str) -> None:
    assert container_engine.size(container_engine.find_engine(), image) < LARGEST_IMAGE


def test_the_manifests_name_is_this_image(image: str) -> None:
    engine = container_engine.find_engine()
    ids = {
        json.loads(container_engine.command(engine, "image", "inspect", name))[0]["Id"]
        for name in (image, image.partition("-")[0])
    }
    assert len(ids) == 1


@pytest.mark.parametrize("name", CARDS)
def test_the_answers_are_the_cores(client: httpx.Client, core: Detector, name: str) -> None:
    data = sample_bytes(name)
    upload = {"image": data}

    assert_boxes(client.post("/inference", files=upload).json(), core, data)
    assert_rendered(client.post("/render", files=upload).content, core, data)


def test_a_bad_upload_is_told_what_to_change(client: httpx.Client) -> None:
    response = client.post("/inference", files={"image": b"no picture"})

    assert response.status_code == 415
    assert response.json()["error"]["code"] == "image_format"


def test_the_probes_and_the_metrics_answer(client: httpx.Client) -> None:
    for path in ("/livez", "/readyz", "/healthz"):
        assert client.get(path).status_code == 200, path
    client.post("/inference", files={"image": sample_bytes("one_card")})
    assert 'id_card_detections_count{model="yolov8_custom"' in client.get("/metrics").text


def test_it_is_no_root_and_cannot_become_it(container: Container) -> None:
    assert container.execute("id", "-u") == "1034"  # the number that the manifests demand
    status = container.execute("cat", "/proc/1/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["CapEff"] == "0" * 16
    assert fields["NoNewPrivs"] == "1"


@pytest.mark.parametrize("folder", ["/", "/home/bentoml", "/home/bentoml/bento/src", "/app/.venv"])
def test_nothing_can_be_written_but_tmp(container: Container, folder: str) -> None:
    with pytest.raises(container_engine.ContainerError, match="Read-only file system"):
        container.execute("touch", f"{folder}/file")
    container.execute("touch", "/tmp/file")


def test_inside_are_the_locked_packages_and_no_torch(container: Container) -> None:
    packages = installed(container)
    pins = [line for line in bento_build.requirements().splitlines() if "==" in line]
    wanted = dict(line.partition(" ;")[0].strip().split("==") for line in pins)

    assert packages == wanted
    assert not set(NOT_IN_IT) & set(packages)


def test_nothing_of_this_machine_is_inside(container: Container) -> None:
    with pytest.raises(container_engine.ContainerError):  # -s: there, and not empty
        container.execute("test", "-s", "/etc/uv/uv.toml")
    variables = container.execute("env")
    assert not {"UV_DEFAULT_INDEX", "PIP_INDEX_URL", "SSL_CERT_FILE"} & {
        line.partition("=")[0] for line in variables.splitlines()
    }


def test_sigterm_ends_it_when_every_answer_is_given(image: str, core: Detector) -> None:
    data = sample_bytes("two_cards")
    with (
        containers.run(image, timeout=READY_SECONDS) as own,
        httpx.Client(base_url=own.url, timeout=60.0, trust_env=False) as http,
        ThreadPoolExecutor(4) as pool,
    ):
        asked = [pool.submit(http.post, "/inference", files={"image": data}) for _ in range(4)]
        asked[0].result()  # the others are there, too
        start = time.monotonic()
        code = own.stop(grace=30)
        took = time.monotonic() - start

        assert code == 0
        assert took < STOP_SECONDS
        for future in asked:
            assert_boxes(future.result().json(), core, data)


def test_no_container_stays_behind(image: str) -> None:
    engine = container_engine.find_engine()
    with containers.run(image, timeout=READY_SECONDS) as own:
        name = own.name
    names = container_engine.command(engine, "ps", "--all", "--format={{.Names}}").splitlines()
    assert name not in names
    # Whoever is killed cannot clean up; the next one does.
    orphan = "serving-labs-999999999-1"
    label = f"--label={containers.label()}"
    container_engine.command(engine, "create", f"--name={orphan}", label, image)
    assert containers.sweep(engine) == [orphan]
    assert containers.sweep(engine) == []


def test_what_does_not_start_says_why(image: str) -> None:
    with pytest.raises(
        container_engine.ContainerError, match=r"ended at start:[\s\S]*Read-only file"
    ):
        containers.run(image, env={"BENTOML_HOME": "/nowhere"}, timeout=READY_SECONDS)


def test_the_builder_is_one_that_answers(needs: Callable[[str], None]) -> None:
    needs("engine")
    builder = images.find_builder()
    assert shutil.which(builder)
    assert subprocess.run([builder, "info"], capture_output=True).returncode == 0
