"""The settings: nothing is written into the home, nobody is called, and a shell gets them too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from services.environment import ROOT, settings

HEAVY_USE = """
import services
import bentoml, matplotlib.pyplot, ultralytics, IPython.paths
from services.id_card.detector import Detector
from services.id_card.samples import load_sample
picture = load_sample("one_card")
for backend in ("torch", "onnx", "openvino"):
    assert Detector(backend=backend).detect([picture])[0]
ultralytics.YOLO("services/id_card/weights/yolov8_custom.pt")(picture)[0].plot()
bentoml.models.list(), bentoml.bentos.list()
matplotlib.pyplot.figure().savefig("/dev/null", format="png")
IPython.paths.get_ipython_dir()
"""


def clean_environment(home: Path, build: Path) -> dict[str, str]:
    """Return an environment as of a fresh login: only what any shell has."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {**kept, "HOME": str(home), "SERVING_LABS_BUILD": str(build)}


def test_nothing_is_written_into_the_home(tmp_path: Path) -> None:
    home, build = tmp_path / "home", tmp_path / "build"
    home.mkdir()
    subprocess.run(
        [sys.executable, "-c", HEAVY_USE],
        env=clean_environment(home, build),
        cwd=ROOT,
        check=True,
        timeout=240,
    )
    assert [str(path.relative_to(home)) for path in home.rglob("*")] == []
    assert (build / "exports").is_dir(), "the settings were not used at all"


def test_a_value_that_is_already_there_wins(tmp_path: Path) -> None:
    env = clean_environment(tmp_path, tmp_path / "build") | {"BENTOML_HOME": "/elsewhere"}
    code = "import services, os; print(os.environ['BENTOML_HOME'], os.environ['YOLO_OFFLINE'])"
    run = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert run.stdout.split() == ["/elsewhere", "true"]


@pytest.mark.parametrize("command", ["recommender.kserve.storage", "recommender.registry show"])
def test_the_password_of_the_registry_is_in_no_error(tmp_path: Path, command: str) -> None:
    uri = "http://user:s3%20cret@127.0.0.1:9"  # nobody listens there
    env = clean_environment(tmp_path, tmp_path / "build") | {
        "MLFLOW_TRACKING_URI": uri,
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    }
    code = "import services, os; print({k: v for k, v in os.environ.items() if 'TRACKING' in k})"
    for program in (["-c", code], ["-m", *f"services.{command}".split()]):
        done = subprocess.run(
            [sys.executable, *program], env=env, cwd=ROOT, capture_output=True, text=True
        )
        if program[0] == "-c":
            assert "'MLFLOW_TRACKING_URI': 'http://127.0.0.1:9'" in done.stdout
            assert "'MLFLOW_TRACKING_USERNAME': 'user'" in done.stdout
            assert "'MLFLOW_TRACKING_PASSWORD': 's3 cret'" in done.stdout
        else:
            assert done.returncode != 0
            assert "127.0.0.1" in done.stderr
            assert "s3" not in done.stderr + done.stdout


def test_the_loopback_never_goes_through_a_proxy(tmp_path: Path) -> None:
    env = clean_environment(tmp_path, tmp_path / "build") | {
        "HTTP_PROXY": "http://127.0.0.1:9",
        "no_proxy": "intranet.example",
    }
    code = "import services, os; print(os.environ['NO_PROXY'], os.environ['no_proxy'])"
    run = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=ROOT, check=True, capture_output=True, text=True
    )
    loopback = "127.0.0.1,localhost,::1"
    assert run.stdout.split() == [loopback, f"intranet.example,{loopback}"]


def test_a_shell_can_take_the_settings_over(tmp_path: Path) -> None:
    env = clean_environment(tmp_path, tmp_path / "with space & more")
    script = f'eval "$({sys.executable} -m services)" && env'
    run = subprocess.run(
        ["sh", "-c", script], env=env, cwd=ROOT, check=True, capture_output=True, text=True
    )
    got = dict(line.split("=", 1) for line in run.stdout.splitlines() if "=" in line)
    assert got["BENTOML_HOME"] == str(tmp_path / "with space & more" / "bentoml")
    assert set(settings()) <= set(got)
    assert got["PATH"].startswith(str(Path(sys.executable).parent))


def test_a_command_runs_with_the_settings(tmp_path: Path) -> None:
    env = clean_environment(tmp_path, tmp_path / "build")
    command = [sys.executable, "-m", "services", "printenv", "BENTOML_DO_NOT_TRACK"]
    run = subprocess.run(command, env=env, cwd=ROOT, check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "True"


def test_an_unknown_command_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "services", "no-such-command"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 127
    assert "no-such-command: command not found" in run.stderr


def test_ctrl_c_is_one_line() -> None:
    code = "import services, os, signal; os.kill(os.getpid(), signal.SIGINT); input()"
    done = subprocess.run(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGINT
    assert done.stderr.split() == ["interrupted"]


def test_other_errors_keep_their_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import services; {}['weights']"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "KeyError: 'weights'" in done.stderr
