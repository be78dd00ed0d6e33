"""The tracking server is ready when it says so, and its traps are what we say they are."""

from __future__ import annotations

import httpx
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from services.workbench.servers import Server

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


def test_mlflow_keeps_no_runs_in_plain_folders_any_more(tmp_path: pytest.TempPathFactory) -> None:
    with pytest.raises(MlflowException, match="maintenance mode"):
        MlflowClient(f"file://{tmp_path}").search_experiments()
