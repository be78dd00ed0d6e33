"""What infra/mlflow/compose.yaml runs, without containers: PostgreSQL, an S3 server, MLflow."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import httpx
import psutil
import psycopg2
import pytest
import yaml

from services.environment import ROOT
from services.manifests.kserve.pods import quantity
from services.recommender import registry
from services.recommender.recommender import Recommender
from services.workbench import servers
from services.workbench.servers import Server, tracking
from tests.infra import postgres

FOLDER = ROOT / "infra" / "mlflow"
SERVICES: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
API = "/api/2.0/mlflow/experiments/get?experiment_id=0"
USER = ("admin", "not a secret")


def test_the_packages_are_those_of_the_lock() -> None:
    assert tracking.REQUIREMENTS.read_text(encoding="utf-8") == tracking.requirements()


def test_it_is_open_on_this_machine_only_and_holds_no_password() -> None:
    published = [port for one in SERVICES.values() for port in one.get("ports", ())]
    assert published == ["127.0.0.1:5000:5000"]
    text = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
    assert "POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?" in text
    assert "AWS_SECRET_ACCESS_KEY: ${STORAGE_SECRET:?" in text
    assert "MLFLOW_AUTH_ADMIN_PASSWORD: ${MLFLOW_PASSWORD:?" in text
    assert "--app-name=basic-auth" in SERVICES["mlflow"]["command"]


@pytest.mark.parametrize("name", SERVICES)
def test_each_container_is_closed(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert "/tmp" in service["tmpfs"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert 2**28 <= quantity(service["mem_limit"].replace("m", "Mi").replace("g", "Gi")) <= 2**31
    assert not service["image"].endswith(":latest")


def test_its_probe_asks_what_a_client_asks() -> None:
    assert API in SERVICES["mlflow"]["healthcheck"]["test"][-1]


@pytest.fixture(scope="module")
def storage() -> Iterator[Server]:
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "{port}"]
    with servers.start(command, name="moto", ready="/moto-api/") as server:
        yield server


@pytest.fixture(scope="module")
def database(needs: Callable[[str], None]) -> Iterator[Server]:
    needs("postgres")
    with postgres.running() as server:
        yield server


@pytest.fixture(scope="module")
def here(storage: Server, database: Server) -> Callable[[dict[str, str]], dict[str, str]]:
    """Return a service's environment with this machine's addresses in the place of names."""
    password = quote(postgres.PASSWORD, safe="")
    places = {
        "http://storage:8333": storage.url,
        "@database:5432/": f"@127.0.0.1:{database.port}/",
        "${POSTGRES_PASSWORD}": password,
        "${STORAGE_SECRET:?put STORAGE_SECRET into infra/mlflow/.env}": "secret",
        "${MLFLOW_PASSWORD:?put MLFLOW_PASSWORD into infra/mlflow/.env}": USER[1],
        "${MLFLOW_SECRET_KEY:?put MLFLOW_SECRET_KEY into infra/mlflow/.env}": "another secret",
    }

    def replaced(environment: dict[str, str]) -> dict[str, str]:
        for name, place in places.items():
            environment = {key: value.replace(name, place) for key, value in environment.items()}
        return environment

    return replaced


@pytest.fixture(scope="module")
def team(
    here: Callable[[dict[str, str]], dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    bucket = SERVICES["bucket"]
    for _ in range(2):  # it is there already when the containers start again
        command = [sys.executable, *bucket["command"][1:]]
        environment = {**os.environ, **here(bucket["environment"])}
        subprocess.run(command, env=environment, check=True)
    mlflow = SERVICES["mlflow"]
    replaced = {"mlflow": sys.executable, "--host=0.0.0.0": "--host=127.0.0.1"}
    command = [replaced.get(part, part) for part in mlflow["command"]]
    command[1:1] = ["-m", "mlflow"]
    command = [part.replace("--port=5000", "--port={port}") for part in command]
    users = tmp_path_factory.mktemp("users")
    settings = (FOLDER / "basic_auth.ini").read_text("utf-8")
    (users / "auth.ini").write_text(settings.replace("/var/lib/mlflow", str(users)), "utf-8")
    env = {**here(mlflow["environment"]), "MLFLOW_AUTH_CONFIG_PATH": str(users / "auth.ini")}
    with pytest.MonkeyPatch.context() as patch, servers.start(
        command, ready="/health", name="mlflow-team", env=env, timeout=180
    ) as server:  # fmt: skip
        patch.setenv("MLFLOW_TRACKING_USERNAME", USER[0])
        patch.setenv("MLFLOW_TRACKING_PASSWORD", USER[1])
        yield server


@pytest.mark.system
def test_it_asks_who_is_there(team: Server) -> None:
    wrong = (USER[0], "guessed")
    answers = [httpx.get(team.url + API, auth=user).status_code for user in (None, wrong, USER)]
    assert answers == [401, 401, 200]
    assert httpx.get(team.url + "/health").status_code == 200


@pytest.mark.system
def test_train_promote_pull(
    team: Server, storage: Server, database: Server, tmp_path: Path
) -> None:
    """The same code as with a folder; the models lie in the bucket, the versions in PostgreSQL."""
    versions = registry.ensure(team.url)
    assert [version.aliases for version in versions] == [(), ("prod",), ("staging",)]
    folder = registry.fetch("prod", tmp_path, tracking_uri=team.url)
    recommender = Recommender.load(folder / "artifacts" / "recommender.npz", "2")
    assert len(recommender.recommend(1).items) == 10
    assert registry.promote(1, tracking_uri=team.url).outcome == "refused"
    s3 = boto3.client(
        "s3",
        endpoint_url=storage.url,
        region_name="us-east-1",
        aws_access_key_id="mlflow",
        aws_secret_access_key="secret",
    )
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket="mlflow")["Contents"]]
    assert len([key for key in keys if key.endswith("artifacts/recommender.npz")]) == 3
    with psycopg2.connect(
        host="127.0.0.1", port=database.port, user=postgres.USER, password=postgres.PASSWORD,
        dbname=postgres.DATABASE,
    ) as connection, connection.cursor() as cursor:  # fmt: skip
        cursor.execute("SELECT alias, version FROM registered_model_aliases ORDER BY alias")
        assert cursor.fetchall() == [("prod", 2), ("staging", 3)]


@pytest.mark.system
@pytest.mark.parametrize(("host", "status"), [("mlflow:5000", 200), ("tracking.example.org", 403)])
def test_it_answers_to_its_name_in_the_compose_network(
    team: Server, host: str, status: int
) -> None:
    assert httpx.get(team.url + "/health", headers={"Host": host}).status_code == 200
    assert httpx.get(team.url + API, headers={"Host": host}, auth=USER).status_code == status


@pytest.mark.system
def test_it_stays_below_its_limit_of_memory(team: Server) -> None:
    used = sum(psutil.Process(process.pid).memory_info().rss for process in team.processes())
    limit = quantity(SERVICES["mlflow"]["mem_limit"].replace("g", "Gi"))
    print(f"MLflow takes {used / 2**20:.0f} MiB")
    assert used < limit * 3 / 4
