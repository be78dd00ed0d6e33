"""How a model gets from the registry to the predictor, by KServe's own downloader."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from kserve_storage import Storage

from services.recommender.kserve import storage
from services.recommender.kserve.predictor import RecommenderPredictor
from services.recommender.kserve.storage import storage_uri
from services.workbench import servers
from services.workbench.servers import Server
from tests.conftest import Registered

QUESTION = {"instances": [{"user_id": 1, "top_k": 3}]}


def answer(folder: Path | str, version: str | None = None) -> Any:
    model = RecommenderPredictor("recommender", folder, version)
    assert model.load()
    return model._answer(QUESTION)


def destination(tracking_server: Server) -> Path:
    command = tracking_server.command
    return Path(command[command.index("--artifacts-destination") + 1])


@pytest.fixture(scope="module")
def s3(monkeypatch_module: pytest.MonkeyPatch) -> Iterator[Any]:
    """A local S3, and a client of it; KServe finds it by the usual variables."""
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", "{port}"]
    with servers.start(command, ready="/moto-api/", name="moto") as server:
        for name, value in {
            "AWS_ENDPOINT_URL": server.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            monkeypatch_module.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket="models")
        yield client


@pytest.fixture(scope="module")
def monkeypatch_module() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def test_from_a_folder_it_is_linked_and_loads(
    registry_versions: list[Registered], tmp_path: Path
) -> None:
    folder = registry_versions[1].folder
    got = Storage.download(f"file://{folder}", str(tmp_path))
    assert Path(got, "artifacts").is_symlink()
    assert answer(got) == answer(folder)
    assert answer(got)[0]["version"] == "2"  # the registry's, from registered_model_meta


def test_from_a_bucket(registry_versions: list[Registered], s3: Any, tmp_path: Path) -> None:
    folder = registry_versions[1].folder
    for file in folder.rglob("*"):
        if file.is_file():
            s3.upload_file(str(file), "models", f"recommender/{file.relative_to(folder)}")
    got = Storage.download("s3://models/recommender", str(tmp_path))
    assert answer(got) == answer(folder)


@pytest.mark.parametrize(
    "uri",
    [
        "models:/recommender_production@prod",
        "runs:/0123/recommender",
        "mlflow-artifacts:/1/models/m-0123/artifacts",
    ],
)
def test_what_it_refuses(uri: str, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="Cannot recognize storage type"):
        Storage.download(uri, str(tmp_path))


def test_the_way_around(
    registry_versions: list[Registered], tracking_server: Server, tmp_path: Path
) -> None:
    artifacts = f"file://{destination(tracking_server)}"
    uri = storage_uri(2, artifacts=artifacts, tracking_uri=tracking_server.url)
    assert uri.startswith(artifacts)
    got = answer(Storage.download(uri, str(tmp_path)))
    assert got[0]["version"] == registry_versions[1].version.model_id  # no registry wrote here
    assert got[0]["items"] == answer(registry_versions[1].folder)[0]["items"]
    with pytest.raises(ValueError, match="--artifacts-destination"):
        storage_uri(2, tracking_uri=tracking_server.url)
    with pytest.raises(LookupError):
        storage_uri(99, tracking_uri=tracking_server.url)


def test_the_command_prints_it(
    registry_versions: list[Registered], tracking_server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--artifacts", "s3://models/", "--tracking-uri", tracking_server.url, "--alias"]
    assert storage.main([*given, "2"]) == 0
    assert capsys.readouterr().out.startswith("s3://models/")
    assert storage.main([*given, "nobody"]) == 1
    assert "nobody" in capsys.readouterr().err
