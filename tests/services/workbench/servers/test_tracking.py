"""The tracking server is ready when it says so, and its traps are what we say they are."""

from __future__ import annotations

import httpx
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from services.workbench.servers import Server, tracking

EXPERIMENTS = "/api/2.0/mlflow/experiments/get-by-name?experiment_name=Default"


def test_a_client_finds_it_at_its_url(tracking_server: Server) -> None:
    assert MlflowClient(tracking_server.url).get_experiment_by_name("Default") is not None


def test_it_is_one_worker_and_no_jobs(tracking_server: Server) -> None:
    # The command and its one worker. With jobs, there would be three processes more.
    assert len(tracking_server.processes()) == 2


@pytest.mark.parametrize(("host", "status"), [("localhost:5000", 200), ("mlflow:5000", 403)])
def test_a_name_that_is_not_allowed_gets_403_while_health_is_green(
    tracking_server: Server, host: str, status: int
) -> None:
    def get(path: str) -> int:
        return httpx.get(tracking_server.url + path, headers={"Host": host}).status_code

    assert get("/health") == 200
    assert get(EXPERIMENTS) == status


def test_more_names_can_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = []
    monkeypatch.setattr(tracking.servers, "start", lambda command, **_: commands.append(command))
    tracking.server(backend_uri="postgresql://x", artifacts="s3://x", hosts=["mlflow:5000"])
    [command] = commands
    assert command[command.index("--allowed-hosts") + 1].endswith("127.0.0.1:*,mlflow:5000")
    assert command[command.index("--backend-store-uri") + 1] == "postgresql+psycopg2://x"


@pytest.mark.parametrize("uri", ["file:///somewhere", "somewhere", "./mlruns"])
def test_a_folder_is_no_backend_any_more(uri: str) -> None:
    with pytest.raises(ValueError, match="must name a database") as caught:
        tracking.server(backend_uri=uri)
    assert "leave it out and pass folder=" in str(caught.value)


def test_which_is_mlflows_own_decision(tmp_path: pytest.TempPathFactory) -> None:
    with pytest.raises(MlflowException, match="maintenance mode"):
        MlflowClient(f"file://{tmp_path}").search_experiments()
