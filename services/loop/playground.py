"""Everything a run needs on one machine: ratings, a tracking server, a service with version 1."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow

from services.loop import world
from services.recommender import registry
from services.recommender.training.movielens import load_movielens
from services.workbench import servers
from services.workbench.notebooks.files import short
from services.workbench.servers import Server, tracking

SERVICE = "services.recommender.bento.ab_service:AbTest"


@dataclass(frozen=True)
class Playground:
    """The two servers, and the parameters for a run that uses them.

    Attributes
    ----------
    mlflow, service : Server
        The tracking server and the recommender, which follows ``prod`` and ``staging``.
    parameters : dict
        For :func:`services.loop.runs.start`.
    """

    mlflow: Server
    service: Server
    parameters: dict[str, Any]


@contextmanager
def playground(folder: Path, *, seed: int = 1) -> Iterator[Playground]:
    """Start everything, and stop it at the end of the block.

    A *folder* that was used before keeps its versions. Inside the block, environment variables name
    the servers: ``MLFLOW_TRACKING_URI``, ``RECOMMENDER_URL``, ``BENTOML_HOME``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before = dict(os.environ)
    uri = mlflow.get_tracking_uri()
    with ThreadPoolExecutor() as pool:
        starting = pool.submit(tracking.server, folder / "mlflow")
        data = folder / "data"
        users = world.write(data, seed)
        split = world.old_split(load_movielens(data), users.since, seed)
        import services.recommender.training.trainer  # noqa: F401, torch: seconds, meanwhile
    try:
        with starting.result() as server:
            mlflow.set_tracking_uri(server.url)
            os.environ["MLFLOW_TRACKING_URI"] = server.url
            os.environ["BENTOML_HOME"] = str(folder / "bentoml")
            if not registry.versions():
                [logged] = registry.train(split, ["mf-bce"], seed=seed, progress=False)
                registry.promote(registry.register(logged.model_id).number)
            served = registry.version_of(registry.PROD)
            mlflow.MlflowClient().set_registered_model_alias(
                registry.MODEL, registry.STAGING, str(served.number)
            )
            with servers.bentoml(SERVICE, env=_settings(folder)) as service:
                os.environ["RECOMMENDER_URL"] = service.url
                parameters = {"data": short(data), "since": users.since, "seed": seed}
                yield Playground(server, service, parameters)
    finally:
        mlflow.set_tracking_uri(uri)
        os.environ.clear()
        os.environ.update(before)


def _settings(folder: Path) -> dict[str, str]:
    return {
        "RECOMMENDER_CACHE": str(folder / "served"),
        "RECOMMENDER_LOG": str(folder / "log"),
        "RECOMMENDER_POLL_SECONDS": "0.5",
        "RECOMMENDER_SHARE_STAGING": "0.3",
        "RECOMMENDER_WORKERS": "1",
    }
