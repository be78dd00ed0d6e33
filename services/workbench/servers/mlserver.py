"""Create MLServer's separate environment, and serve a model in it.

MLServer speaks the Open Inference Protocol ("V2"). MLflow could start it until version 3; today you
start it yourself. Its last release needs an older FastAPI than the other servers here, so
``make mlserver-env`` installs ``infra/mlserver/requirements.txt`` into a second environment::

    python -m services.workbench.servers.mlserver        # what the make target runs
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

import httpx

from services.environment import ROOT, build_dir
from services.setup.install import separate
from services.setup.preflight import MLSERVER, NOT_RUN, OK, find_tool
from services.workbench import servers
from services.workbench.servers import Server
from services.workbench.servers.ports import HOST, free_port

LOCK = ROOT / "infra" / "mlserver" / "requirements.txt"
"""The exact packages of the environment."""

RUNTIMES = {
    "recommender": "services.recommender.mlflow.mlserver_runtime.RecommenderRuntime",
    "recommender_mlflow": "mlserver_mlflow.MLflowRuntime",
}
"""The runtimes by model name: this repository's, on the core, and MLServer's own for MLflow."""


class NoEnvironmentError(RuntimeError):
    """There is no environment with MLServer; the message says how to create it."""


def install() -> Path:
    """Create or update the environment, and return its folder; uv's output says why it fails."""
    return separate(MLSERVER.parents[1], LOCK, quiet=not sys.stderr.isatty())


def server(model: Path, *, version: str = "unregistered") -> Server:
    """Serve a recommender's model folder with MLServer and return once it is ready.

    *model* is a registered recommender's folder, served under each name of :data:`RUNTIMES`;
    *version* is the version in the answers of ``recommender``. Raises NoEnvironmentError if ``make
    mlserver-env`` was not run, and ServerError if the server does not become ready.
    """
    row = find_tool("mlserver")
    if row.status != OK:
        raise NoEnvironmentError(f"{NOT_RUN}: {row.detail}; {row.remedy}")
    folder = Path(tempfile.mkdtemp(prefix="mlserver-", dir=build_dir()))
    _write_settings(folder, model.resolve(), version)
    # Clients here use the HTTP port only; gRPC and metrics get any free ports.
    try:
        running = servers.start(
            ["env", "MLSERVER_HTTP_PORT={port}", str(MLSERVER), "start", str(folder)],
            ready=_models_ready,
            name="mlserver",
            timeout=180.0,
            env={
                "MLSERVER_GRPC_PORT": str(free_port()),
                "MLSERVER_METRICS_PORT": str(free_port()),
                "TMPDIR": str(folder),
            },
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    running.on_stop(lambda: shutil.rmtree(folder, ignore_errors=True))
    return running


def _models_ready(running: Server) -> bool:
    """Check each model: "/v2/health/ready" answers 200 before the first model is loaded."""
    with httpx.Client(base_url=running.url, trust_env=False, timeout=5.0) as client:
        try:
            return all(client.get(f"/v2/models/{name}/ready").is_success for name in RUNTIMES)
        except httpx.HTTPError:
            return False


def _write_settings(folder: Path, model: Path, version: str) -> None:
    """Write the two kinds of files that MLServer reads: one for the server, one per model."""
    # No workers: each would load the model again.
    own = {"host": HOST, "parallel_workers": 0, "debug": False}
    (folder / "settings.json").write_text(json.dumps(own), encoding="utf-8")
    for name, implementation in RUNTIMES.items():
        settings = {
            "name": name,
            "implementation": implementation,
            "parameters": {"uri": str(model), "version": version},
        }
        (folder / name).mkdir()
        text = json.dumps(settings, indent=2)
        (folder / name / "model-settings.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    print(f"MLServer is in {install().relative_to(ROOT)}")
