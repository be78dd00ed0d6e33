"""The servers under comparison: how each is started and queried, and how its answers are read.

All of them serve the detector's core with one worker process and the same number of threads, and
log as little as possible. The Runner service is an exception by design: it has one process per CPU
core, with one thread each (Figure 10.2).
"""

from __future__ import annotations

import base64
import json
import logging
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from services.environment import build_dir, usable_cores
from services.id_card.detector import DetectionDict
from services.workbench import servers
from services.workbench.servers import Server, scoring

Environment = Mapping[str, str]


@dataclass(frozen=True)
class Ask:
    """One request: its path and its content."""

    path: str
    content_type: str
    body: bytes

    def send(self, client: httpx.Client, url: str) -> httpx.Response:
        """Send the request unchanged."""
        headers = {"Content-Type": self.content_type}
        return client.post(url + self.path, content=self.body, headers=headers)


def upload(picture: bytes, field: str) -> Ask:
    """Return an upload as browsers and curl send it."""
    files = {field: ("card.jpg", picture, "image/jpeg")}
    request = httpx.Request("POST", "http://localhost", files=files)
    return Ask("/inference", request.headers["content-type"], request.read())


def instances(picture: bytes, field: str) -> Ask:
    """Return the request of KServe's V1 protocol."""
    body = {"instances": [{field: base64.b64encode(picture).decode()}]}
    return Ask("/v1/models/id_card:predict", "application/json", json.dumps(body).encode())


def records(picture: bytes, field: str) -> Ask:
    """Return the request of MLflow's scoring protocol."""
    body = {"dataframe_records": [{field: base64.b64encode(picture).decode()}]}
    return Ask("/invocations", "application/json", json.dumps(body).encode())


def same(answer: Any) -> list[DetectionDict]:
    """Return an answer that consists of the boxes alone."""
    found: list[DetectionDict] = answer
    return found


@dataclass(frozen=True)
class Peer:
    """A server that takes part."""

    name: str  # its key in the results
    title: str  # its name in tables and plots
    start: Callable[[Environment, Path], Server]  # takes an environment and the exported network
    adapter: tuple[str, ...]  # the files written for it, relative to the repository's root
    support: tuple[str, ...]  # our files that work around its bugs, or catch clients' mistakes
    batching: str  # what it offers for computing several requests at once, from its documentation
    field: str = "image"  # the field in which the server expects an image
    ask: Callable[[bytes, str], Ask] = upload  # makes a request of an image and a field's name
    read: Callable[[Any], list[DetectionDict]] = same  # extracts the boxes from an answer

    def request(self, picture: bytes) -> Ask:
        """Return the request for one image, well-formed."""
        return self.ask(picture, self.field)


def environment(network: Path) -> dict[str, str]:
    """Return the environment of every server: the network, and the number of threads."""
    return {
        "ID_CARD_WEIGHTS": str(network),
        "ID_CARD_BACKEND": "onnx",
        "ID_CARD_CONF": "0.5",
        "ID_CARD_DEVICE": "cpu",
        "OMP_NUM_THREADS": str(usable_cores()),
    }


# ---------------------------------------------------------------- starts


# In three places: of the API server, of the Runners, and of a service by its name.
_NO_ACCESS_LOG = " ".join(
    f"{place}.logging.access.enabled=false"
    for place in ("api_server", "runners", "services.id_card_detector")
)


def _bentoml(target: str, workers: int | None, environment: Environment, _: Path) -> Server:
    quiet = {"BENTOML_CONFIG_OPTIONS": _NO_ACCESS_LOG}
    return servers.bentoml(target, api_workers=workers, env={**environment, **quiet})


def _mlflow(environment: Environment, network: Path) -> Server:
    quiet = {"UVICORN_LOG_LEVEL": "warning", "UVICORN_ACCESS_LOG": "0"}
    return scoring.server(str(mlflow_folder(network)), "sqlite://", env={**environment, **quiet})


def mlflow_folder(network: Path) -> Path:
    """Return the folder of a network as an MLflow model, which :func:`save_for_mlflow` writes."""
    return build_dir() / "bench" / f"{network.stem}.mlflow"


def save_for_mlflow(network: Path) -> None:
    """Save a network as an MLflow model, as in the registry, but without a tracking server."""
    import mlflow.pyfunc

    from services.id_card.mlflow import registry
    from services.packaging.model_code import copy_modules

    folder = mlflow_folder(network)
    shutil.rmtree(folder, ignore_errors=True)
    # It warns that the headless OpenCV, which a container gets, is not installed here.
    logging.getLogger("mlflow.utils.requirements_utils").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no input example is needed: the signature is explicit
        mlflow.pyfunc.save_model(
            folder,
            python_model=str(Path(registry.__file__).with_name("model.py")),
            artifacts={"detector": str(network)},
            code_paths=[str(copy_modules(registry.CORE, Path(scratch)))],
            signature=registry.SIGNATURE,
            pip_requirements=registry.requirements(),
        )


def _kserve(environment: Environment, _: Path) -> Server:
    command = [sys.executable, "-m", "services.id_card.kserve.predictor"]
    command += ["--http_port", "{port}", "--enable_grpc", "false"]
    ready = "/v2/models/id_card/ready"
    return servers.start(command, ready=ready, name="kserve", env=environment)


def _fastapi(environment: Environment, _: Path) -> Server:
    command = [sys.executable, "-m", "uvicorn", "services.id_card.baselines.fastapi_app:app"]
    command += ["--host", "127.0.0.1", "--port", "{port}", "--log-level", "warning"]
    return servers.start(command, name="fastapi", env=environment)


def _litserve(environment: Environment, _: Path) -> Server:
    command = [sys.executable, "-m", "services.id_card.baselines.litserve_app", "--port", "{port}"]
    return servers.start(command, ready="/health", name="litserve", env=environment)


# ---------------------------------------------------------------- the list

_ID_CARD, _BENTOML = "services/id_card", "services/bentoml_support"
_VALIDATION = ("services/http/validation.py", "services/http/asgi.py", f"{_ID_CARD}/validation.py")
_KSERVE = tuple(
    f"services/kserve_support/{name}.py"
    for name in ("__init__", "grpc_interceptor", "metrics", "payloads", "rest", "server", "wire")
)


PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer(
            "bentoml",
            "BentoML service",
            partial(_bentoml, "services.id_card.bento.service:IdCardDetector", None),
            (f"{_ID_CARD}/bento/service.py",),
            _VALIDATION,
            "adaptive, by a switch at the endpoint (off here)",
        ),
        Peer(
            "runner",
            "BentoML Runner",
            partial(_bentoml, "services.id_card.bento.runner_service:svc", 1),
            (f"{_ID_CARD}/bento/runner_service.py",),
            (*_VALIDATION, f"{_BENTOML}/runner_timeout.py", f"{_BENTOML}/shutdown.py"),
            "adaptive, by a switch at the Runner's method (off here)",
        ),
        Peer(
            "mlflow",
            "MLflow scoring server",
            _mlflow,
            (f"{_ID_CARD}/mlflow/model.py",),
            (f"{_ID_CARD}/mlflow/registry.py",),
            "none across requests; a request may hold many rows",
            "image_b64",
            records,
            lambda answer: same(answer["predictions"][0]["detections"]),
        ),
        Peer(
            "kserve",
            "KServe ModelServer",
            _kserve,
            (f"{_ID_CARD}/kserve/predictor.py",),
            _KSERVE,
            "none in the server; an agent container beside it batches V1 requests",
            "image_b64",
            instances,
            lambda answer: same(answer["predictions"][0]),
        ),
        Peer(
            "litserve",
            "LitServe",
            _litserve,
            (f"{_ID_CARD}/baselines/litserve_app.py",),
            _VALIDATION,
            "by two settings, size and wait (off here)",
        ),
        Peer(
            "fastapi",
            "FastAPI",
            _fastapi,
            (f"{_ID_CARD}/baselines/fastapi_app.py",),
            _VALIDATION,
            "none",
        ),
    )
}
"""The servers by name, in the order of the tables."""

CORE = "core"
"""The name of the bare core in the results; no server can be faster than it."""

TITLES = {CORE: "bare core", **{name: peer.title for name, peer in PEERS.items()}}
"""The display names of the core and the servers."""
