"""The image that infra/kserve names, run for real, with the manifests' commands and variables.

The container gets what the manifests allow: a read-only file system, a volume at ``/tmp``, no
capability, the user 1000. Only the model's folder is mounted as KServe's storage initialiser would.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from services.id_card.detector import Detector
from services.id_card.kserve import image as kserve_image
from services.id_card.model.checkpoint import SMALL_WEIGHTS
from services.id_card.model.images import decode
from services.packaging import container_engine
from services.recommender.recommender import Recommender
from services.recommender.training.splits import at_random
from services.recommender.training.synthetic import make_ratings
from services.recommender.training.trainer import RECIPES, fit
from services.workbench.servers import containers
from services.workbench.servers.containers import Container
from tests.infra import kserve_pods
from tests.services.id_card.image_files import CARDS, sample_bytes
from tests.services.kserve_requests import Request, answers, tensor, text, v1, v2

pytestmark = [pytest.mark.system, pytest.mark.timeout(1500)]

IMAGE = f"{kserve_image.NAME}:0.1.0"


@pytest.fixture(scope="module")
def image(needs: Callable[[str], None]) -> str:
    needs("engine")
    print(kserve_image.container())
    return IMAGE


def run(pod: kserve_pods.Pod, image: str, **options: object) -> Container:
    return containers.run(
        image,
        env=kserve_pods.variables(pod.container),
        ready=pod.probe("startup"),
        served=8080,
        arguments=pod.command,
        **options,  # type: ignore[arg-type]
    )


def send(request: Request, container: Container, model: str) -> httpx.Response:
    with httpx.Client(base_url=container.url, trust_env=False, timeout=60.0) as client:
        return request.send(client, model)


@pytest.fixture(scope="module")
def id_card(image: str) -> Iterator[Container]:
    with run(kserve_pods.pod("id-card"), image) as container:
        yield container


def test_the_detector_answers_as_the_core_does(id_card: Container) -> None:
    files = [sample_bytes(name) for name in CARDS]
    detector = Detector(kserve_pods.default_weights(), backend="onnx", conf=0.5)
    expected = [[one.as_dict() for one in detector.detect([decode(f)])[0]] for f in files]
    request = v1([{"image_b64": text(file)} for file in files])
    response = send(request, id_card, "id_card")
    assert answers(response, "detections") == expected


def test_it_runs_as_the_manifest_says(id_card: Container) -> None:
    context = kserve_pods.pod("id-card").container["securityContext"]
    assert id_card.execute("id", "-u").strip() == str(context["runAsUser"])
    with pytest.raises(container_engine.ContainerError, match="Read-only file system"):
        id_card.execute("touch", "/opt/serving-labs/x")
    assert id_card.stop() == 0


def test_the_recommender_serves_what_lies_in_mnt_models(image: str, tmp_path: Path) -> None:
    ratings, _ = make_ratings(60, 80, 1500, seed=3)
    known = at_random(ratings).development
    core = Recommender(fit(RECIPES["popularity"], known, progress=False), known, "12")
    core.save(tmp_path / "artifacts" / "recommender.npz")
    (tmp_path / "registered_model_meta").write_text("model_version: 12\n")
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o755)  # the container's user is another one
    user = int(core.user_ids.ids[0])
    pod = kserve_pods.pod("recommender")
    request = v2(tensor("user_id", [user], "INT64"), parameters={"content_type": "pd"})
    with run(pod, image, mounts={kserve_pods.MODELS: tmp_path}) as container:
        response = send(request, container, pod.model_name)
    assert answers(response, "answer") == [core.recommend(user).as_dict()]


def test_the_second_detector_has_the_other_weights(image: str) -> None:
    pod = kserve_pods.pod("id-card-small")
    core = Detector(SMALL_WEIGHTS, backend="onnx", conf=float(pod.env["ID_CARD_CONF"]))
    file = sample_bytes("one_card")
    with run(pod, image) as container:
        response = send(v1([{"image_b64": text(file)}]), container, pod.model_name)
    found = [one.as_dict() for one in core.detect([decode(file)])[0]]
    assert found
    assert answers(response, "detections") == [found]


def test_the_graphs_first_step_starts(image: str) -> None:
    pod = kserve_pods.pod("grayscale")
    with run(pod, image) as container:
        request = v1([{"image_b64": text(sample_bytes("two_cards"))}])
        [grey] = send(request, container, pod.model_name).json()["predictions"]
    assert decode(base64.b64decode(grey["image_b64"])).size
