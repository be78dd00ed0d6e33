"""The image of the KServe predictors, built for real and run: the answers are the core's.

Where an engine is, building takes about a minute the first time; the image's name is made from its
content, so the next time there is nothing to build.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from services.id_card.detector import Detector
from services.id_card.kserve import image as kserve_image
from services.id_card.model.images import decode
from services.packaging import container_engine
from services.workbench.servers import containers
from services.workbench.servers.containers import Container
from tests.services.id_card.image_files import CARDS, sample_bytes
from tests.services.kserve_requests import answers, text, v1, v2_binary

NAME = "id_card"
READY = f"/v2/models/{NAME}/ready"
LARGEST_IMAGE = 1.0e9
NOT_IN_IT = ("torch", "ultralytics", "mlflow", "bentoml", "kserve-storage", "pip")

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def image(needs: Callable[[str], None]) -> str:
    needs("engine")
    print(kserve_image.container())
    return kserve_image.image_name(kserve_image.code())


def start(image: str, **env: str) -> Container:
    return containers.run(image, ready=READY, served=8080, env=env)


@pytest.fixture(scope="module")
def container(image: str) -> Iterator[Container]:
    with start(image) as running:
        yield running


@pytest.fixture
def client(container: Container) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=container.url, timeout=60.0, trust_env=False) as opened:
        yield opened


@pytest.fixture(scope="module")
def core() -> Detector:
    return Detector(backend="onnx")


@pytest.mark.parametrize("name", CARDS)
def test_the_answers_are_the_cores(client: httpx.Client, core: Detector, name: str) -> None:
    file = sample_bytes(name)
    expected = [[found.as_dict() for found in core.detect([decode(file)])[0]]]
    requests = v1([{"image_b64": text(file)}]), v2_binary("image", file)
    for request in requests:
        [found], [wanted] = answers(request.send(client, NAME), "detections"), expected
        assert [one["name"] for one in found] == [one["name"] for one in wanted]
        for one, other in zip(found, wanted, strict=True):
            assert one["confidence"] == pytest.approx(other["confidence"], abs=1e-3)
            assert one["box"] == pytest.approx(other["box"], abs=0.5)


def test_it_is_small_and_the_manifests_name_is_this_image(image: str) -> None:
    engine = container_engine.find_engine()
    assert container_engine.size(engine, image) < LARGEST_IMAGE
    names = (image, image.rpartition("-")[0])
    ids = {
        json.loads(container_engine.command(engine, "image", "inspect", name))[0]["Id"]
        for name in names
    }
    assert len(ids) == 1


def test_it_is_no_root_and_can_write_to_tmp_only(container: Container) -> None:
    assert container.execute("id", "-u") == "1000"  # the number that the manifests demand
    with pytest.raises(container_engine.ContainerError, match="Read-only file system"):
        container.execute("touch", "/opt/serving-labs/file")
    container.execute("touch", "/tmp/file")


def test_inside_are_the_locked_packages_and_no_torch(container: Container) -> None:
    program = (
        "import importlib.metadata as m, json; found = m.distributions();"
        "print(json.dumps({d.name.lower().replace('_', '-'): d.version for d in found}))"
    )
    packages = json.loads(container.execute("python", "-c", program))
    pins = [line for line in kserve_image.requirements().splitlines() if "==" in line]
    assert packages == dict(line.partition(" ;")[0].strip().split("==") for line in pins)
    assert not set(NOT_IN_IT) & set(packages)


@pytest.mark.parametrize("module", kserve_image.STARTED)
def test_every_module_that_a_manifest_starts_is_inside(container: Container, module: str) -> None:
    assert "--model_name" in container.execute("python", "-m", module, "--help")


def test_the_smaller_detector_is_inside(container: Container) -> None:
    container.execute("test", "-s", "/opt/serving-labs/yolov8_small.onnx")


def test_sigterm_ends_it_when_every_answer_is_given(image: str) -> None:
    request = v1([{"image_b64": text(sample_bytes("two_cards"))}])
    with (
        start(image, OMP_NUM_THREADS="1") as own,
        httpx.Client(base_url=own.url, timeout=60.0, trust_env=False) as http,
        ThreadPoolExecutor(4) as pool,
    ):
        asked = [pool.submit(request.send, http, NAME) for _ in range(4)]
        asked[0].result()  # the others are there, too
        begun = time.monotonic()
        code = own.stop(grace=30)
        took = time.monotonic() - begun

    assert [one.result().status_code for one in asked] == [200] * 4
    assert (code, took < 10) == (0, True)
