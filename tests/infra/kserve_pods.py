"""A pod as KServe makes it from a manifest: which command, arguments and variables it starts with.

What a cluster would bring is handed in by the caller: free ports for the pod's own, the loopback
for its network, a folder for ``/mnt/models``. Nothing else of the manifest is changed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.id_card.kserve.image import DOCKERFILE
from services.id_card.model.checkpoint import SMALL_WEIGHTS, WEIGHTS
from services.id_card.model.export import exported
from services.recommender.model.models import Popularity
from services.recommender.recommender import Recommender
from services.recommender.training.synthetic import make_ratings
from services.workbench import servers
from services.workbench.servers import Server
from tests.infra.kserve_manifests import everything, named
from tests.infra.test_kubernetes_runs import variables

MODELS = "/mnt/models"


@dataclass(frozen=True)
class Pod:
    """The serving container of one component, with everything merged that KServe merges."""

    container: dict[str, Any]
    command: list[str]
    env: dict[str, str]
    model_name: str = field(default="")

    def probe(self, name: str) -> str:
        return str(self.container[f"{name}Probe"]["httpGet"]["path"])


def pod(service: str, component: str = "predictor") -> Pod:
    """Return the pod of a service's component.

    A model's container is the runtime's, with the service's arguments behind its own and the
    service's name in its placeholders; ``MergeRuntimeContainers`` and ``ReplacePlaceholders`` in
    KServe's pkg/controller/v1beta1/inferenceservice/utils/utils.go.
    """
    bodies = everything()
    spec = named(bodies, service)["spec"][component]
    if "model" in spec:
        model = spec["model"]
        [container] = named(bodies, model["runtime"])["spec"]["containers"]
        merged = {**container, **{k: v for k, v in model.items() if k in ("resources", "image")}}
        merged["args"] = [*container["args"], *model.get("args", ())]
        merged["env"] = [*container["env"], *model.get("env", ())]
    else:
        [merged] = spec["containers"]
    merged = _filled(merged, service)
    command = [*merged["command"], *merged["args"]]
    [name] = [one.partition("=")[2] for one in command if one.startswith("--model_name=")]
    return Pod(merged, command, {**image_variables(), **variables(merged)}, name)


def _filled(node: Any, name: str) -> Any:
    if isinstance(node, str):
        return node.replace("{{.Name}}", name)
    if isinstance(node, list):
        return [_filled(each, name) for each in node]
    return {k: _filled(v, name) for k, v in node.items()} if isinstance(node, dict) else node


def image_variables() -> dict[str, str]:
    """Return the project's own variables that the image sets."""
    text = DOCKERFILE.read_text(encoding="utf-8")
    return dict(re.findall(r"\b((?:ID_CARD|SERVING_LABS)\w+)=(\S+)", text))


def start(pod: Pod, scratch: Path, models: Path | None = None, *more: str) -> Server:
    """Start what the pod would start, here.

    Parameters
    ----------
    pod : Pod
    scratch : Path
        Stands for the volume at ``/tmp``.
    models : Path, optional
        Stands for ``/mnt/models``.
    more : str
        Arguments that KServe's controller adds.
    """
    substituted = {
        "--http_port=8080": "--http_port={port}",
        "--grpc_port=8081": f"--grpc_port={servers.free_port()}",
        f"--model_dir={MODELS}": f"--model_dir={models}",
        "python": sys.executable,
    }
    command = [substituted.get(one, one) for one in pod.command]
    env = {key: _here(value, scratch) for key, value in pod.env.items()}
    return servers.start([*command, *more], ready=pod.probe("startup"), name="pod", env=env)


def _here(value: str, scratch: Path) -> str:
    """Return what stands for a value of the pod on this machine."""
    images: Mapping[str, Path] = {
        f"/opt/serving-labs/{weights.stem}.onnx": weights for weights in (WEIGHTS, SMALL_WEIGHTS)
    }
    if value in images:
        return str(exported(images[value], "onnx"))
    if value == "0.0.0.0":
        return "127.0.0.1"
    return re.sub(r"^/tmp(?=/)", str(scratch), value)


def default_weights() -> Path:
    """Return the checkpoint that the image's detector is exported from."""
    stem = Path(image_variables()["ID_CARD_WEIGHTS"]).stem
    return WEIGHTS.with_name(f"{stem}.pt")


def model_in(folder: Path) -> Recommender:
    """Make what KServe would put into /mnt/models: a version's folder, as MLflow writes it."""
    ratings, _ = make_ratings(60, 80, 1500, seed=3)
    core = Recommender(Popularity.fit(ratings), ratings, "12")
    core.save(folder / "artifacts" / "recommender.npz")
    (folder / "registered_model_meta").write_text("model_name: any\nmodel_version: 12\n")
    return core
