"""What the chapter's Listing 10.1 runs into today, as notebook 07 says."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from urllib3 import Retry
from urllib3.exceptions import ConnectTimeoutError

from services.environment import ROOT
from services.recommender.hot_swap.pull import ANSWER_SECONDS
from services.workbench import servers

CODE_STAYS = """
import sys
from pathlib import Path
import mlflow
folder = Path(sys.argv[1])
MODEL = '''
import mlflow
class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: list[int], params=None):
        import taste
        return taste.VERSION
mlflow.models.set_model(Model())
'''
for version in (1, 2):
    source = folder / str(version)
    source.mkdir()
    (source / "taste.py").write_text(f"VERSION = {version}")
    (source / "model.py").write_text(MODEL)
    mlflow.pyfunc.save_model(folder / f"model{version}", python_model=str(source / "model.py"),
                             code_paths=[str(source / "taste.py")], pip_requirements=[])
print([mlflow.pyfunc.load_model(str(folder / f"model{v}")).predict([7]) for v in (1, 2)])
"""


def test_a_helper_module_of_the_first_version_serves_the_second_too(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", CODE_STAYS, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip().splitlines()[-1:] == ["[1, 1]"], done.stderr[-2000:]


def test_mlflows_own_patience_is_four_minutes() -> None:
    from mlflow import environment_variables as variables

    retries = variables.MLFLOW_HTTP_REQUEST_MAX_RETRIES.default
    factor = variables.MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR.default
    retry, waits = Retry(total=retries, backoff_factor=factor), []
    for _ in range(retries):
        retry = retry.increment(error=ConnectTimeoutError())
        waits.append(retry.get_backoff_time())
    assert sum(waits) == 244  # and up to a second more with each, drawn by lot
    assert ANSWER_SECONDS < 30


@pytest.mark.nightly
def test_an_exception_in_the_constructor_restarts_the_worker_for_ever(tmp_path: Path) -> None:
    (tmp_path / "failing.py").write_text(
        "import bentoml, os\n"
        "@bentoml.service\n"
        "class Failing:\n"
        "    def __init__(self):\n"
        "        print('begin', os.getpid(), flush=True)\n"
        "        raise ConnectionError('no MLflow')\n"
        "    @bentoml.api\n"
        "    def predict(self, user_id: int) -> int: return user_id\n"
    )

    def started(server: servers.Server, times: int) -> bool:
        return server.log.read_text().count("begin ") >= times

    with servers.bentoml(
        "failing:Failing", working_dir=tmp_path, ready=lambda server: started(server, 1)
    ) as server:
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"{server.url}/readyz", timeout=3.0, trust_env=False)
        deadline = time.monotonic() + 200
        while not started(server, 3):
            assert time.monotonic() < deadline
            time.sleep(0.5)
        assert server.running
