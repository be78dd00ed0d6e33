"""The image of the KServe predictors, built for real and run as infra/kserve's manifests say.

The container gets what the manifests allow: a read-only file system, a volume at ``/tmp``, no
capability, the user 1000. Building takes about a minute the first time; the image's name is made
from its content, so the next time there is nothing to build.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.id_card.detector import Detector
from services.id_card.kserve import image as kserve_image
from services.id_card.model.checkpoint import SMALL_WEIGHTS
from services.id_card.model.images import decode
from services.packaging import container_engine
from services.workbench.servers import containers
from services.workbench.servers.containers import Container
from tests.infra import kserve_pods
from tests.services.id_card.image_files import CARDS, sample_bytes
from tests.services.kserve_requests import Request, answers, tensor, text, v1, v2, v2_binary

POD = kserve_pods.pod("id-card")
LARGEST_IMAGE = 1.0e9
NOT_IN_IT = ("torch", "ultralytics", "mlflow", "bentoml", "kserve-storage", "pip")

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def image(needs: Callable[[str], None]) -> str:
    needs("engine")
    print(kserve_image.container())
    return kserve_image.image_name(kserve_image.code())


def run(pod: kserve_pods.Pod, image: str, **options: Any) -> Container:
    return containers.run(
        image,
        env=kserve_pods.variables(pod.container) | options.pop("env", {}),
        ready=pod.probe("startup"),
        served=8080,
        arguments=pod.command,
        **options,
    )


def send(request: Request, container: Container, model: str) -> httpx.Response:
    with httpx.Client(base_url=container.url, trust_env=False, timeout=60.0) as client:
        return request.send(client, model)


@pytest.fixture(scope="module")
def container(image: str) -> Iterator[Container]:
    with run(POD, image) as running:
        yield running


def found_by(core: Detector, file: bytes) -> list[Any]:
    return [found.as_dict() for found in core.detect([decode(file)])[0]]


@pytest.mark.parametrize("name", CARDS)
def test_the_answers_are_the_cores(container: Container, name: str) -> None:
    file, conf = sample_bytes(name), float(POD.env["ID_CARD_CONF"])
    wanted = found_by(Detector(kserve_pods.default_weights(), backend="onnx", conf=conf), file)
    for request in v1([{"image_b64": text(file)}]), v2_binary("image", file):
        [found] = answers(send(request, container, POD.model_name), "detections")
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
    context = POD.container["securityContext"]
    assert container.execute("id", "-u") == str(context["runAsUser"])
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


def test_the_second_detector_has_the_other_weights(image: str) -> None:
    pod = kserve_pods.pod("id-card-small")
    core = Detector(SMALL_WEIGHTS, backend="onnx", conf=float(pod.env["ID_CARD_CONF"]))
    file = sample_bytes("one_card")
    with run(pod, image) as container:
        response = send(v1([{"image_b64": text(file)}]), container, pod.model_name)
    assert answers(response, "detections") == [found_by(core, file)]


def test_the_recommender_serves_what_lies_in_mnt_models(image: str, tmp_path: Path) -> None:
    core = kserve_pods.model_in(tmp_path)
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o755)  # the container's user is another one
    user = int(core.user_ids.ids[0])
    pod = kserve_pods.pod("recommender")
    request = v2(tensor("user_id", [user], "INT64"), parameters={"content_type": "pd"})
    with run(pod, image, mounts={kserve_pods.MODELS: tmp_path}) as container:
        response = send(request, container, pod.model_name)
    assert answers(response, "answer") == [core.recommend(user).as_dict()]


def test_sigterm_ends_it_when_every_answer_is_given(image: str) -> None:
    request = v1([{"image_b64": text(sample_bytes("two_cards"))}])
    with (
        run(POD, image, env={"OMP_NUM_THREADS": "1"}) as own,
        httpx.Client(base_url=own.url, timeout=60.0, trust_env=False) as http,
        ThreadPoolExecutor(4) as pool,
    ):
        asked = [pool.submit(request.send, http, POD.model_name) for _ in range(4)]
        asked[0].result()  # the others are there, too
        begun = time.monotonic()
        code = own.stop(grace=30)
        took = time.monotonic() - begun

    assert [one.result().status_code for one in asked] == [200] * 4
    assert (code, took < 10) == (0, True)
